"""The scripted model that plugin authors test with."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError, create_model

from sotopia_core.errors import ModelError
from sotopia_core.interfaces import ModelHandle
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage, ModelRequest, Usage
from sotopia_testing.scripted_model import ScriptedModel


def request(content: str = "Hello", response_type: type[BaseModel] | None = None) -> ModelRequest[Any]:
    return ModelRequest(messages=(ChatMessage(role="user", content=content),), response_type=response_type)


async def test_replies_come_in_order() -> None:
    model = ScriptedModel(replies=["first", "{goal} 🙂"])
    assert [(await model.generate(request())).text for _ in range(2)] == ["first", "{goal} 🙂"]


async def test_a_reply_is_counted_and_named() -> None:
    reply = await ScriptedModel(replies=["x"], name="mia's model").generate(request())
    assert (reply.model, reply.usage.calls, reply.attempts, reply.obtained) == ("mia's model", 1, 1, "text")


async def test_beyond_the_last_reply_it_fails_and_says_how_often_it_was_asked() -> None:
    model = ScriptedModel(replies=["only"])
    await model.generate(request())
    for times in (2, 3):
        with pytest.raises(ModelError, match=f"^scripted has 1 scripted replies, and was asked {times} times$"):
            await model.generate(request())


async def test_a_function_sees_the_request() -> None:
    def echo(asked: ModelRequest[Any]) -> str:
        return asked.messages[-1].content.upper()

    assert (await ScriptedModel(replies=echo).generate(request("abc"))).text == "ABC"


async def test_a_value_is_said_as_json() -> None:
    leave = AgentAction(action_type="leave")
    reply = await ScriptedModel(replies=[leave]).generate(request(response_type=AgentAction))
    assert reply.value == leave
    assert AgentAction.model_validate_json(reply.text) == leave
    assert reply.obtained == "schema"


async def test_a_value_is_said_by_its_aliases() -> None:
    judgement = create_model("Judgement", agent_1=(int, Field(alias="Mia Davis")))
    model = ScriptedModel(replies=[judgement.model_validate({"Mia Davis": 3})])
    assert (await model.generate(request(response_type=judgement))).text == '{"Mia Davis":3}'


async def test_json_is_read_as_the_type_that_was_asked_for() -> None:
    model = ScriptedModel(replies=['{"action_type": "none"}'])
    assert (await model.generate(request(response_type=AgentAction))).value == AgentAction(action_type="none")


async def test_text_that_is_not_of_the_type_is_an_error_that_keeps_it() -> None:
    model = ScriptedModel(replies=['{"action_type": "shout"}'])
    with pytest.raises(ModelError, match=r"^scripted: the reply is no AgentAction: at action_type: Input") as caught:
        await model.generate(request(response_type=AgentAction))
    assert caught.value.raw == '{"action_type": "shout"}'


async def test_a_value_of_another_type_is_an_error() -> None:
    model = ScriptedModel(replies=[Usage()])
    with pytest.raises(ModelError, match=r"^scripted: the reply is no AgentAction: at action_type: Field required"):
        await model.generate(request(response_type=AgentAction))


async def test_all_requests_are_kept_those_without_a_reply_included() -> None:
    model = ScriptedModel(replies=["x"])
    handle = ModelHandle(model, purpose="judge", seed=7)
    await handle.generate([ChatMessage(role="user", content="one")], temperature=0.5)
    with pytest.raises(ModelError):
        await handle.generate([ChatMessage(role="user", content="two")])
    assert [asked.messages[0].content for asked in model.requests] == ["one", "two"]
    assert (model.requests[0].purpose, model.requests[0].temperature) == ("judge", 0.5)


def test_it_is_marked_as_no_language_model_and_needs_no_sockets() -> None:
    model = ScriptedModel(replies=[])
    assert (model.stand_in, model.needs_sockets, model.label) == (True, False, "scripted")
    assert model.content_options() == {"name": "scripted", "re_asks": 0, "re_ask_model": None}


def test_replies_are_text_or_values() -> None:
    with pytest.raises(ValidationError, match="replies"):
        ScriptedModel(replies=[{"action_type": "none"}])  # type: ignore[list-item]
