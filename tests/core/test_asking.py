"""A question is put to a model, again where the reply cannot be used; what was said is kept before it is used."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel, Field

from sotopia_core.asking import ReplyJournal, ReplyKey
from sotopia_core.digests import derive_seed
from sotopia_core.errors import ModelError, PluginError
from sotopia_core.interfaces import AttemptCounter, ModelHandle
from sotopia_core.models import ChatMessage, Completion, ModelRequest, Usage
from sotopia_testing.scripted_model import ScriptedModel

QUESTION = (ChatMessage(role="user", content="How warm?"),)


class Warmth(BaseModel):
    warmth: int = Field(ge=0, le=10)


class Kept(ReplyJournal):
    """A journal in memory that writes down what happens to it."""

    def __init__(self, completions: Mapping[ReplyKey, Completion] | None = None) -> None:
        self.completions = dict(completions or {})
        self.log: list[str] = []

    def recall(self, key: ReplyKey, request: ModelRequest[Any]) -> Completion | None:
        self.log.append(f"recall {key.attempt}")
        return self.completions.get(key)

    async def keep(self, key: ReplyKey, request: ModelRequest[Any], completion: Completion) -> None:
        self.log.append(f"keep {key.attempt}")
        self.completions[key] = completion


def handle(model: ScriptedModel, **options: Any) -> ModelHandle:
    return ModelHandle(model, purpose="act", seed=7, role="Mia", turn=lambda: 3, **options)


async def test_an_unusable_reply_is_asked_for_again_with_what_was_wrong_with_it() -> None:
    model = ScriptedModel(replies=["Very.", '{"warmth": 11}', '{"warmth": 8}'], re_asks=2)
    reply = await model.generate(ModelRequest(messages=QUESTION, response_type=Warmth))
    assert (reply.value, reply.obtained, reply.usage.calls, reply.attempts) == (Warmth(warmth=8), "re-asked", 3, 3)
    first, second, third = model.requests
    assert [request.re_ask for request in model.requests] == [0, 1, 2]
    assert first.messages == QUESTION
    assert second.messages[:2] == (*QUESTION, ChatMessage(role="assistant", content="Very."))
    assert "it holds no JSON objects" in second.messages[2].content
    assert third.messages[1].content == '{"warmth": 11}'
    assert "at warmth: Input should be less than or equal to 10" in third.messages[2].content


async def test_after_the_last_re_ask_the_error_names_the_model_and_keeps_what_it_said() -> None:
    model = ScriptedModel(replies=["one", "two"], re_asks=1, name="m")
    with pytest.raises(ModelError, match=r"^m: the reply is no Warmth: it holds no JSON objects") as caught:
        await model.generate(ModelRequest(messages=QUESTION, response_type=Warmth))
    assert caught.value.raw == "two"


async def test_an_empty_reply_is_never_quoted_back() -> None:
    model = ScriptedModel(replies=["", "Hello."], re_asks=1)
    assert (await model.generate(ModelRequest(messages=QUESTION))).text == "Hello."
    assert [message.role for message in model.requests[1].messages] == ["user", "user"]


async def test_a_completion_is_kept_before_it_is_used_and_heard_of_after_that() -> None:
    journal = Kept()
    model = ScriptedModel(replies=["Very.", '{"warmth": 8}'], re_asks=1)
    asking = handle(model, journal=journal, on_call=lambda _, completion: journal.log.append(completion.text))
    await asking.generate(QUESTION, Warmth)
    assert journal.log == ["recall 0", "keep 0", "Very.", "recall 1", "keep 1", '{"warmth": 8}']
    assert list(journal.completions) == [ReplyKey(3, "Mia", "act", 0), ReplyKey(3, "Mia", "act", 1)]


async def test_what_was_kept_is_not_asked_for_again_and_gives_the_same_reply() -> None:
    journal = Kept()
    before = await handle(ScriptedModel(replies=["Very.", '{"warmth": 8}'], re_asks=1), journal=journal).generate(
        QUESTION, Warmth
    )
    silent = ScriptedModel(replies=[], re_asks=1)
    assert await handle(silent, journal=Kept(journal.completions)).generate(QUESTION, Warmth) == before
    assert silent.requests == ()


async def test_a_process_that_ended_between_reply_and_re_ask_goes_on_with_the_re_ask() -> None:
    said = Completion(text="Very.", model="m", usage=Usage(calls=1, input_tokens=5))
    model = ScriptedModel(replies=['{"warmth": 8}'], re_asks=1)
    journal = Kept({ReplyKey(3, "Mia", "act", 0): said})
    reply = await handle(model, journal=journal).generate(QUESTION, Warmth)
    assert (reply.value, reply.usage.calls, reply.usage.input_tokens) == (Warmth(warmth=8), 2, 5)
    assert [request.re_ask for request in model.requests] == [1]


async def test_two_models_of_one_role_never_share_a_key() -> None:
    journal, attempts = Kept(), AttemptCounter()
    for name in ("a", "b"):
        await handle(ScriptedModel(replies=[name]), journal=journal, attempts=attempts).generate(QUESTION)
    assert {key.attempt: c.text for key, c in journal.completions.items()} == {0: "a", 1: "b"}


async def test_another_model_may_be_asked_again() -> None:
    model = ScriptedModel(replies=["Very."], re_asks=1)
    helper = ScriptedModel(replies=['{"warmth": 8}'], name="helper")
    reply = await handle(model, re_ask_model=helper).generate(QUESTION, Warmth)
    assert (reply.value, reply.model, reply.usage.calls) == (Warmth(warmth=8), "helper", 2)
    assert [len(one.requests) for one in (model, helper)] == [1, 1]
    assert helper.requests[0].messages[1].content == "Very."


async def test_what_is_no_completion_is_the_models_fault() -> None:
    class Odd(ScriptedModel):
        async def complete(self, request):  # type: ignore[no-untyped-def]
            return "Hello."

    with pytest.raises(PluginError, match=r"^scripted failed answering: it gave str, not a Completion$"):
        await handle(Odd(replies=[])).generate(QUESTION)


@pytest.mark.parametrize("purpose", ["act", "évaluer", 'a "plan"'])
async def test_a_seed_derives_from_seat_turn_purpose_and_attempt(purpose: str) -> None:
    model = ScriptedModel(replies=["Very.", '{"warmth": 8}'], re_asks=1)
    await ModelHandle(model, purpose=purpose, seed=7, role="Mia", turn=lambda: 3).generate(QUESTION, Warmth)
    assert [request.seed for request in model.requests] == [derive_seed(7, 3, purpose, attempt) for attempt in (0, 1)]
