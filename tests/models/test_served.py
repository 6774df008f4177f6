"""What both providers do with replies, keys and faults, over real HTTP, against a chat server on this machine."""

import asyncio
import json
import logging
import time
from email.utils import formatdate
from typing import Any

import pytest

from sotopia_core.errors import ModelAccessError, ModelError
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage, ModelRequest, Usage
from sotopia_testing.chat_server import ChatServer, Reply
from tests.models.asking import KEY, Asking, Assessment, Judgement, arrival, everything_said_by


class TestReplies:
    async def test_text_comes_back_as_it_was(self, ask: Asking, server: ChatServer) -> None:
        said = 'I <3 you, {goal} & <b> there"\u0000 \u2028🙂 </root>'
        server.script(Reply(text=said, model="scripted-2025-01-01"))
        reply = await ask()
        assert reply.text == said
        assert reply.value is None
        assert reply.obtained == "text"
        assert reply.model == "scripted-2025-01-01"
        assert reply.attempts == 1
        assert 0 < reply.latency < 30

    async def test_messages_are_sent_as_they_were_given(self, ask: Asking, server: ChatServer) -> None:
        messages = (
            ChatMessage(role="system", content='{goal} <p viewer="agent_1">you</p>'),
            ChatMessage(role="user", content="NUL \u0000, 🙂, \u2028"),
            ChatMessage(role="assistant", content="  </root>\r\n"),
            ChatMessage(role="user", content="{{ goal }} did nothing\n"),
        )
        await ask.model().generate(ModelRequest(messages=messages))
        assert [ChatMessage(**message) for message in server.requests()[0].body["messages"]] == list(messages)

    async def test_options_are_sent_and_those_of_the_request_come_first(self, ask: Asking, server: ChatServer) -> None:
        options = {"temperature": 0.5, "max_tokens": 100, "top_p": 0.9}
        await ask()
        await ask(**options)
        await ask.model(**options, pass_seed=True).generate(
            ModelRequest(
                messages=(ChatMessage(role="user", content="x"),), temperature=0.0, max_tokens=7, seed=2**40 + 3
            )
        )
        sent = [
            {name: request.body.get(name) for name in ("temperature", "max_tokens", "top_p", "seed")}
            for request in server.requests()
        ]
        assert sent == [
            {"temperature": None, "max_tokens": None, "top_p": None, "seed": None},
            {"temperature": 0.5, "max_tokens": 100, "top_p": 0.9, "seed": None},
            {"temperature": 0.0, "max_tokens": 7, "top_p": 0.9, "seed": 3},
        ]

    async def test_tokens_are_counted_and_an_unknown_price_stays_unknown(self, ask: Asking, server: ChatServer) -> None:
        server.script("x" * 9)
        reply = await ask("y" * 8)
        assert reply.usage == Usage(calls=1, input_tokens=2, output_tokens=3, cost=None)

    async def test_an_empty_reply_is_none(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(text="", finish_reason="length"))
        with pytest.raises(
            ModelError,
            match=r"^openai/scripted: the reply is empty \(finish_reason 'length'\); it was cut off: max_tokens",
        ):
            await ask()

    async def test_lone_surrogates_which_nothing_can_store_are_replaced(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(body=json.dumps({"choices": [{"message": {"content": "a\ud83d🙂"}}]})))
        assert (await ask()).text == "a\ufffd🙂"


class TestTypedReplies:
    async def test_an_action(self, ask: Asking, server: ChatServer) -> None:
        server.script('{"action_type": "speak", "argument": "{goal} 🙂", "to": ["Bo Ek"]}')
        reply = await ask(response_type=AgentAction)
        assert reply.value == AgentAction(action_type="speak", argument="{goal} 🙂", to=("Bo Ek",))
        assert reply.obtained == "schema"
        asked_for = server.requests()[0].body["response_format"]
        assert asked_for["type"] == "json_schema"
        assert asked_for["json_schema"]["name"] == "AgentAction"
        assert asked_for["json_schema"]["strict"] is True
        assert set(asked_for["json_schema"]["schema"]["required"]) == {"action_type", "argument", "to"}

    async def test_a_judgement_by_agents_names(self, ask: Asking, server: ChatServer) -> None:
        both = {"relationship": {"reasoning": "warm", "score": 3}, "knowledge": {"reasoning": "some", "score": -1}}
        server.script(json.dumps({"Mia Davis": both, 'Bo "B" Ek': both}))
        reply = await ask(response_type=Judgement)
        assert reply.value is not None
        assert reply.value.model_dump(by_alias=True) == {"Mia Davis": both, 'Bo "B" Ek': both}
        schema = server.requests()[0].body["response_format"]["json_schema"]["schema"]
        assert schema["required"] == ["Mia Davis", 'Bo "B" Ek']

    async def test_prose_is_an_error_that_keeps_it(self, ask: Asking, server: ChatServer) -> None:
        server.script("I would rather talk.")
        with pytest.raises(ModelError) as caught:
            await ask(response_type=AgentAction)
        assert str(caught.value) == (
            "openai/scripted: the reply is no AgentAction: it holds no JSON objects, where one was expected"
        )
        assert caught.value.raw == "I would rather talk."
        assert server.count() == 1

    async def test_a_score_off_the_scale_is_an_error(self, ask: Asking, server: ChatServer) -> None:
        server.script('{"reasoning": "superb", "score": 6}')
        with pytest.raises(ModelError, match="no Assessment: at score: Input should be less than or equal to 5"):
            await ask(response_type=Assessment)

    async def test_a_reply_that_was_cut_off_says_so(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(text='{"reasoning": "sup', finish_reason="length"))
        with pytest.raises(ModelError, match=r"JSON is broken at line 1.*; it was cut off: max_tokens is too low$"):
            await ask(response_type=Assessment)

    async def test_where_schemas_are_not_taken_the_last_user_message_asks(
        self, ask: Asking, server: ChatServer
    ) -> None:
        server.script('Gladly:\n```json\n{"reasoning": "so so", "score": 0}\n```')
        messages = (
            ChatMessage(role="user", content="first"),
            ChatMessage(role="user", content="second"),
            ChatMessage(role="assistant", content="third"),
        )
        reply = await ask.model(structured="instructions").generate(
            ModelRequest(messages=messages, response_type=Assessment)
        )
        assert reply.value == Assessment(reasoning="so so", score=0)
        body = server.requests()[0].body
        assert "response_format" not in body
        first, second, third = (message["content"] for message in body["messages"])
        assert (first, third) == ("first", "third")
        assert second.startswith("second\n\n")
        assert "JSON schema" in second
        assert '"reasoning"' in second


class TestKeys:
    async def test_a_refused_key_is_told_by_its_variable_and_shown_nowhere(
        self, ask: Asking, server: ChatServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("MY_SERVERS_KEY", KEY)
        server.script(Reply(status=401, text=f"Incorrect API key provided: {KEY}"))
        with caplog.at_level(logging.DEBUG), pytest.raises(ModelAccessError) as caught:
            await ask(api_key_env="MY_SERVERS_KEY")
        assert str(caught.value) == ("openai/scripted refused the key (401): set MY_SERVERS_KEY to one that is valid")
        assert server.requests()[0].headers["authorization"] == f"Bearer {KEY}"
        assert server.count() == 1
        assert KEY not in everything_said_by(caught.value)
        assert KEY not in caplog.text

    @pytest.mark.parametrize("status", [400, 404, 500])
    async def test_no_error_shows_a_key_that_the_server_repeats(
        self, ask: Asking, server: ChatServer, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        monkeypatch.setenv("MY_SERVERS_KEY", KEY)
        monkeypatch.setenv("OTHER_API_TOKEN", "another-secret")
        message = f"you sent {KEY}, not another-secret, sk-abcdef0123456789 or Bearer abc.def"
        server.script(Reply(status=status, text=message))
        with pytest.raises(ModelError) as caught:
            await ask(api_key_env="MY_SERVERS_KEY", attempts=1)
        assert str(caught.value).endswith(f"({status}): you sent ***, not ***, *** or Bearer ***")
        said = everything_said_by(caught.value)
        assert not [secret for secret in (KEY, "another-secret", "abcdef", "abc.def") if secret in said]

    async def test_a_server_that_wants_a_key_after_all(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(status=401))
        with pytest.raises(
            ModelAccessError,
            match=r"^openai/scripted wants a key \(401\): name the variable that holds it in api_key_env$",
        ):
            await ask()

    async def test_without_a_key_nothing_is_asked(
        self, ask: Asking, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MY_SERVERS_KEY", raising=False)
        with pytest.raises(ModelAccessError, match=r"^openai/scripted needs a key: set MY_SERVERS_KEY$"):
            await ask(api_key_env="MY_SERVERS_KEY")
        assert server.count() == 0


class TestFaults:
    async def test_a_rate_limit_is_tried_again(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(status=429), "Now then.")
        reply = await ask()
        assert reply.text == "Now then."
        assert reply.attempts == 2
        assert server.count() == 2

    async def test_the_server_says_how_long_to_wait(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(status=429, headers={"retry-after-ms": "700"}), "Now then.")
        await ask(longest_pause=5.0)
        first, second = server.requests()
        assert 0.7 <= second.received - first.received < 3.0

    @pytest.mark.parametrize("form", ["seconds", "date"])
    async def test_nobody_waits_longer_than_allowed(self, ask: Asking, server: ChatServer, form: str) -> None:
        after = "3600" if form == "seconds" else formatdate(time.time() + 3600, usegmt=True)
        server.script(Reply(status=503, headers={"Retry-After": after}))
        expected = r"failed \(503\): scripted 503; it asks to wait 3[56]\d\d.* seconds, longer than longest_pause = 5$"
        with pytest.raises(ModelError, match=expected):
            await ask(longest_pause=5.0)
        assert server.count() == 1

    async def test_pauses_grow(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(status=500), Reply(status=500))
        assert (await ask(longest_pause=5.0)).attempts == 3
        first, second, third = (request.received for request in server.requests())
        assert 0.25 <= second - first < 2.0
        assert 0.5 <= third - second < 3.0

    async def test_attempts_are_bounded_and_nothing_below_adds_any(self, ask: Asking, server: ChatServer) -> None:
        server.script(*[Reply(status=500)] * 9)
        with pytest.raises(
            ModelError, match=r"^openai/scripted failed \(500\): scripted 500; tried 3 times$"
        ) as caught:
            await ask(attempts=3)
        assert not isinstance(caught.value, ModelAccessError)
        assert server.count() == 3

    @pytest.mark.parametrize("status", [400, 413, 422])
    async def test_a_request_that_is_wrong_is_not_tried_again(
        self, ask: Asking, server: ChatServer, status: int
    ) -> None:
        server.script(Reply(status=status))
        with pytest.raises(ModelError, match=rf"^openai/scripted failed \(4\d\d\): scripted {status}$"):
            await ask()
        assert server.count() == 1

    async def test_a_server_that_takes_no_schemas_is_asked_in_words_from_then_on(
        self, ask: Asking, server: ChatServer
    ) -> None:
        reply = '{"reasoning": "so so", "score": 0}'
        server.script(Reply(status=400, text="what is response_format?"), reply, reply)
        model = ask.model()
        request = ModelRequest(messages=(ChatMessage(role="user", content="x"),), response_type=Assessment)
        assert (await model.generate(request)).attempts == 2
        assert (await model.generate(request)).attempts == 1
        assert ["response_format" in seen.body for seen in server.requests()] == [True, False, False]

    async def test_what_is_asked_for_again_is_also_asked_for_in_words(self, ask: Asking, server: ChatServer) -> None:
        server.script("So so.", '{"reasoning": "so so", "score": 0}')
        reply = await ask(response_type=Assessment, re_asks=1)
        assert (reply.obtained, reply.attempts, reply.usage.calls) == ("re-asked", 2, 2)
        first, second = (request.body for request in server.requests())
        assert "JSON schema" not in first["messages"][-1]["content"]
        assert "it holds no JSON objects" in second["messages"][-1]["content"]
        assert "JSON schema" in second["messages"][-1]["content"]

    async def test_a_request_that_is_refused_in_words_too_is_refused_for_what_was_said_first(
        self, ask: Asking, server: ChatServer
    ) -> None:
        server.script(Reply(status=400, text="too long"), Reply(status=400, text="still too long"))
        with pytest.raises(ModelError, match=r"failed \(400\): too long$"):
            await ask(response_type=Assessment)

    async def test_where_schemas_are_insisted_on_nothing_is_asked_in_words(
        self, ask: Asking, server: ChatServer
    ) -> None:
        server.script(Reply(status=400, text="what is response_format?"))
        with pytest.raises(ModelError, match=r"failed \(400\): what is response_format\?$"):
            await ask(response_type=Assessment, structured="schema")
        assert server.count() == 1

    @pytest.mark.parametrize("status", [402, 403, 404])
    async def test_a_model_out_of_reach_stops_the_run(self, ask: Asking, server: ChatServer, status: int) -> None:
        server.script(Reply(status=status, text="not for you"))
        with pytest.raises(ModelAccessError, match=rf"^openai/scripted refused .* \({status}\): not for you$"):
            await ask()
        assert server.count() == 1

    async def test_a_hang_ends_with_the_timeout(self, ask: Asking, server: ChatServer) -> None:
        await ask("so that litellm is imported")
        server.script(Reply(delay=60.0), Reply(delay=60.0))
        started = time.monotonic()
        with pytest.raises(ModelError, match=r"^openai/scripted .*; tried 2 times$"):
            await ask(timeout=0.3, attempts=2)
        assert 0.6 <= time.monotonic() - started < 10.0

    async def test_a_server_that_is_not_there(self, ask: Asking) -> None:
        with pytest.raises(
            ModelError, match=r"(Connection error.*|cannot be reached at http://127.0.0.1:9/v1: .+); tried 2 times$"
        ):
            await ask(url="http://127.0.0.1:9/v1", attempts=2)

    async def test_a_broken_body_is_tried_again(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(body='{"choices": [{"mess'), Reply(body="<html>busy</html>"), "There.")
        assert (await ask()).attempts == 3

    async def test_a_response_without_a_reply(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(body='{"choices": []}'))
        with pytest.raises(ModelError, match=r"^openai/scripted "):
            await ask(attempts=1)

    async def test_a_call_can_be_cancelled(self, ask: Asking, server: ChatServer) -> None:
        server.script(Reply(delay=60.0))
        call = asyncio.create_task(ask())
        await arrival(server, 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await ask()).attempts == 1


class TestConnections:
    async def test_closing_one_model_leaves_the_calls_of_another(self, ask: Asking, server: ChatServer) -> None:
        leaving, staying = ask.model(), ask.model()
        request: ModelRequest[Any] = ModelRequest(messages=(ChatMessage(role="user", content="x"),))
        await leaving.generate(request)
        await staying.generate(request)
        server.script(Reply(text="still here", delay=0.2))
        call = asyncio.create_task(staying.generate(request))
        await arrival(server, 3)
        await leaving.aclose()
        assert (await call).text == "still here"

    async def test_a_closed_model_opens_again(self, ask: Asking) -> None:
        model = ask.model()
        request: ModelRequest[Any] = ModelRequest(messages=(ChatMessage(role="user", content="x"),))
        await model.generate(request)
        await model.aclose()
        await model.aclose()
        assert (await model.generate(request)).attempts == 1
