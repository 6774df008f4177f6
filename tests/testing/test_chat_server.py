"""The chat server that tests talk to, over real HTTP."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel, Field, create_model

from sotopia_core.messages import AgentAction
from sotopia_testing.chat_server import DEFAULT_TEXT, ChatServer, Reply, instance_of


def exchange(
    url: str, body: dict[str, Any] | None = None, path: str = "/chat/completions", timeout: float = 10.0
) -> tuple[int, dict[str, str], str]:
    """Send one request; returns status, headers and the text of the answer."""
    address = urlsplit(url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.request("GET" if body is None else "POST", address.path + path, body and json.dumps(body))
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def ask(url: str, *contents: str, **options: Any) -> dict[str, Any]:
    """Ask for a completion that is expected to succeed."""
    messages = [{"role": "user", "content": content} for content in contents or ("Hello",)]
    status, _, text = exchange(url, {"model": "some-model", "messages": messages, **options})
    assert status == 200, text
    answer: dict[str, Any] = json.loads(text)
    return answer


def said(answer: dict[str, Any]) -> str:
    content: str = answer["choices"][0]["message"]["content"]
    return content


def is_listening(url: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def server(shared_server: ChatServer) -> ChatServer:
    shared_server.reset()
    return shared_server


def test_an_answer_has_the_form_of_a_chat_completion(server: ChatServer) -> None:
    assert ask(server.url, "12345", "6789") == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "some-model",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": DEFAULT_TEXT}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
    }


def test_it_lists_a_model(server: ChatServer) -> None:
    status, _, text = exchange(server.url, path="/models")
    assert (status, [model["id"] for model in json.loads(text)["data"]]) == (200, ["scripted"])


def test_replies_are_used_in_order_and_then_it_answers_by_itself(server: ChatServer) -> None:
    server.script("first", Reply(text="second", model="other", finish_reason="length"))
    server.script("third 🙂\u0000")
    assert said(ask(server.url)) == "first"
    second = ask(server.url)
    assert (said(second), second["model"], second["choices"][0]["finish_reason"]) == ("second", "other", "length")
    assert said(ask(server.url)) == "third 🙂\u0000"
    assert said(ask(server.url)) == DEFAULT_TEXT


def test_replies_rules_and_latency_can_be_given_at_the_start() -> None:
    with ChatServer(["next"], rules={"judge": "a rule"}, latency=0.1) as server:
        began = time.monotonic()
        assert said(ask(server.url, "You are the judge.", "Well?")) == "a rule"
        assert time.monotonic() - began >= 0.1
        assert said(ask(server.url, "You are Mia.")) == "next"
        assert said(ask(server.url, "judge again")) == "a rule"


def test_a_fault_has_its_status_headers_and_message(server: ChatServer) -> None:
    server.script(Reply(status=429, headers={"Retry-After": "7"}, text="slow down"))
    status, headers, text = exchange(server.url, {"messages": []})
    assert (status, headers["Retry-After"]) == (429, "7")
    assert json.loads(text)["error"]["message"] == "slow down"


def test_a_body_is_sent_as_it_is(server: ChatServer) -> None:
    server.script(Reply(body='{"choices": [', headers={"content-type": "text/html"}))
    status, headers, text = exchange(server.url, {"messages": []})
    assert (status, headers["content-type"], text) == (200, "text/html", '{"choices": [')


def test_a_reply_can_be_delayed_while_others_are_not(server: ChatServer) -> None:
    server.script(Reply(text="late", delay=30.0))
    with pytest.raises(TimeoutError):
        exchange(server.url, {"messages": []}, timeout=0.2)
    assert said(ask(server.url)) == DEFAULT_TEXT
    assert server.count() == 2


def test_streaming_is_refused(server: ChatServer) -> None:
    status, _, text = exchange(server.url, {"messages": [], "stream": True})
    assert (status, json.loads(text)["error"]["message"]) == (400, "this server does not stream")


def test_requests_are_remembered_with_their_headers_and_forgotten_on_reset(server: ChatServer) -> None:
    ask(server.url, "{goal} 🙂", temperature=0.5)
    ask(server.url, "second")
    first, second = server.requests()
    assert first.body["messages"] == [{"role": "user", "content": "{goal} 🙂"}]
    assert first.body["temperature"] == 0.5
    assert first.headers["host"] == urlsplit(server.url).netloc
    assert 0 < first.received <= second.received
    server.script("never used")
    server.reset()
    assert (server.requests(), server.count()) == ([], 0)
    assert said(ask(server.url)) == DEFAULT_TEXT


def test_only_the_latest_requests_are_remembered() -> None:
    with ChatServer(keep=2) as server:
        for content in ("first", "second", "third"):
            ask(server.url, content)
        assert [request.body["messages"][0]["content"] for request in server.requests()] == ["second", "third"]
        assert server.count() == 3


class Part(BaseModel):
    score: int = Field(ge=-5, le=5)
    share: float = Field(gt=0)
    most: int = Field(le=-3)
    note: str = Field(min_length=10)
    parts: list[str] = Field(min_length=2)
    pair: tuple[int, bool]
    maybe: str | None = None
    nothing: None
    sure: bool


@pytest.mark.parametrize(
    "wanted",
    [AgentAction, Part, create_model("Judgement", one=(Part, Field(alias="Mia ~/ Davis")), two=(list[Part], ...))],
)
def test_its_own_answers_fit_the_schema_that_was_asked_for(server: ChatServer, wanted: type[BaseModel]) -> None:
    schema = wanted.model_json_schema()
    asked_for = {"type": "json_schema", "json_schema": {"name": wanted.__name__, "schema": schema}}
    wanted.model_validate_json(said(ask(server.url, response_format=asked_for)))


def test_its_own_actions_speak() -> None:
    assert instance_of({"enum": ["none", "speak"]}) == "speak"
    assert instance_of({"enum": ["none", "leave"]}) == "none"
    assert instance_of({"const": 3}) == 3


def test_where_json_is_asked_for_without_a_schema_it_answers_with_an_empty_object(server: ChatServer) -> None:
    assert said(ask(server.url, response_format={"type": "json_object"})) == "{}"


def test_it_ends_with_the_block_whatever_it_is_doing() -> None:
    with ChatServer([Reply(delay=60.0)]) as server:
        with pytest.raises(TimeoutError):
            exchange(server.url, {"messages": []}, timeout=0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert not is_listening(server.url)
    server.stop()


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    code = """
import time
from sotopia_testing.chat_server import ChatServer
server = ChatServer()
server.start()
print(server.url, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert is_listening(url)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while is_listening(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_listening(url)


def test_a_server_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"^the chat server did not start"):
        ChatServer().start()
