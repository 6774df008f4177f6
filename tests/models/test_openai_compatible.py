"""OpenAICompatible: what it does with servers, and the names it goes by."""

import json
import subprocess
import sys

import pytest

from sotopia_core.errors import ConfigError, ModelAccessError, ModelError
from sotopia_core.registry import Registry
from sotopia_core.wiring import ModelBook
from sotopia_models.openai_compatible import OpenAICompatible
from sotopia_models.plugin import sotopia_models
from sotopia_testing.chat_server import ChatServer, Reply
from tests.models.asking import KEY, Asking


def test_the_models_kit_offers_it_and_names_its_extra() -> None:
    assert "sotopia_models.openai_compatible:OpenAICompatible [http]" in sotopia_models()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/", "http://h/v1/chat/completions"]
)
def test_the_url_is_taken_as_people_write_it(url: str) -> None:
    assert OpenAICompatible(model="x", base_url=url).base_url.endswith("/v1")


class TestOldNames:
    def test_an_id_with_a_url_is_a_model_on_that_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CUSTOM_API_KEY", raising=False)
        model = ModelBook({}, Registry.installed())("custom/llama3.2:1b@http://localhost:8000/v1")
        assert model == OpenAICompatible(model="llama3.2:1b", base_url="http://localhost:8000/v1")

    def test_its_key_is_in_the_variable_of_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUSTOM_API_KEY", KEY)
        model = ModelBook({}, Registry.installed())("custom/llama@http://localhost:8000/v1")
        assert isinstance(model, OpenAICompatible)
        assert model.api_key_env == "CUSTOM_API_KEY"

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("custom/llama", "an id such as 'custom/llama-3@http://127.0.0.1:8000/v1' was expected"),
            ("custom/llama@http://me:secret@host/v1", "the URL may hold no password and no key"),
        ],
    )
    def test_what_is_wrong_with_one_is_said_without_a_password(self, name: str, expected: str) -> None:
        with pytest.raises(ConfigError) as caught:
            ModelBook({}, Registry.installed())(name)
        assert expected in str(caught.value)
        assert "secret" not in str(caught.value)


async def test_no_key_is_sent_unless_one_is_named(
    ask_directly: Asking, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    await ask_directly()
    assert "authorization" not in server.requests()[0].headers


async def test_a_content_in_parts_is_one_text(ask_directly: Asking, server: ChatServer) -> None:
    content = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there."}]
    server.script(Reply(body=json.dumps({"choices": [{"message": {"content": content}}]})))
    assert (await ask_directly()).text == "Hello there."


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '{"choices": null}',
        '{"choices": [{"message": null}]}',
        '{"choices": [1]}',
        '{"choices": [{"message": {"content": "Hm."}}], "usage": {"prompt_tokens": -5}}',
        "[" * 99_999,
    ],
)
async def test_whatever_is_no_completion_is_tried_again(ask_directly: Asking, server: ChatServer, body: str) -> None:
    server.script(Reply(body=body), "There.")
    assert (await ask_directly()).attempts == 2


async def test_a_redirection_is_not_followed_since_the_key_would_be(ask_directly: Asking, server: ChatServer) -> None:
    server.script(Reply(status=307, headers={"Location": "http://127.0.0.1:9/v1"}))
    with pytest.raises(ModelAccessError, match=r"which sends elsewhere \(307\): correct base_url$"):
        await ask_directly()
    assert server.count() == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"error": {"message": "no more"}}', "no more"),
        ('{"error": "no more"}', "no more"),
        ('{"message": "no more"}', "no more"),
        ('{"detail": "no more"}', "no more"),
        ("no\nmore", "no more"),
        ('{"detail": []}', '{"detail": []}'),
    ],
)
async def test_errors_are_understood_in_every_form(
    ask_directly: Asking, server: ChatServer, body: str, expected: str
) -> None:
    server.script(Reply(status=413, body=body))
    with pytest.raises(ModelError) as caught:
        await ask_directly()
    assert str(caught.value) == f"openai/scripted failed (413): {expected}"


def test_a_process_that_closes_its_models_ends_without_a_complaint(server: ChatServer) -> None:
    code = """
import asyncio, sys
from sotopia_core.models import ChatMessage, ModelRequest
from sotopia_models.openai_compatible import OpenAICompatible

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60.0  # of a busy machine nobody need complain
    agent, judge = (OpenAICompatible(model="scripted", base_url=sys.argv[1]) for _ in range(2))
    request = ModelRequest(messages=(ChatMessage(role="user", content="x"),))
    replies = await asyncio.gather(*(model.generate(request) for _ in range(10) for model in (agent, judge)))
    await agent.aclose()
    await judge.aclose()
    print(len(replies))

for _ in range(2):
    asyncio.run(main())
"""
    command = [sys.executable, "-W", "always", "-X", "dev", "-c", code, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["20", "20"], "")
