"""LiteLLM: what it does with litellm, over real HTTP, against a chat server on this machine."""

import asyncio
import gc
import importlib.util
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from sotopia_core.errors import MissingExtraError, ModelAccessError, ModelError
from sotopia_models.litellm import LiteLLM
from sotopia_models.plugin import sotopia_models
from sotopia_testing.chat_server import ChatServer, Reply
from tests.models.asking import KEY, Asking, Assessment, Judgement
from tests.models.conftest import needs_litellm


def test_the_models_kit_offers_it_and_names_its_extra() -> None:
    assert "sotopia_models.litellm:LiteLLM [litellm]" in sotopia_models()


@needs_litellm
def test_neither_importing_nor_making_one_imports_litellm() -> None:
    code = """
import sys
from sotopia_models.litellm import LiteLLM
model = LiteLLM(model="openai/gpt-4o", api_base="http://127.0.0.1:1/v1")
model.check_access()
print(model.label, "litellm" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("openai/gpt-4o False", "")


def test_where_litellm_is_not_installed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sotopia-core\[litellm\]'$"):
        LiteLLM(model="ollama/llama3").check_access()


@needs_litellm
class TestReplies:
    async def test_a_known_price_is_counted(self, ask_litellm: Asking) -> None:
        reply = await ask_litellm(model="openai/gpt-4o")
        assert reply.usage.cost is not None
        assert 0 < reply.usage.cost < 0.01


@needs_litellm
class TestTypedReplies:
    async def test_claude_is_asked_in_words_for_names_its_schemas_refuse(
        self, ask_litellm: Asking, server: ChatServer
    ) -> None:
        for wanted in (Judgement, Assessment):
            server.script(Reply(status=429))
            with pytest.raises(ModelError):
                await ask_litellm(model="openai/claude-x", response_type=wanted, attempts=1)
        assert ["response_format" in request.body for request in server.requests()] == [False, True]


@needs_litellm
class TestKeys:
    async def test_a_server_on_this_machine_is_not_sent_the_providers_key(
        self, ask_litellm: Asking, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        await ask_litellm()
        assert server.requests()[0].headers["authorization"] == "Bearer no-key"

    @pytest.mark.parametrize(
        ("model", "variable"),
        [
            ("openai/gpt-4o", "OPENAI_API_KEY"),
            ("anthropic/claude-x", "ANTHROPIC_API_KEY"),
            ("together_ai/meta-llama/Llama-3-70b-chat-hf", "TOGETHERAI_API_KEY"),
            ("groq/llama", "GROQ_API_KEY"),
            ("mistral/large", "MISTRAL_API_KEY"),
            ("gemini/pro", "GEMINI_API_KEY"),
        ],
    )
    def test_a_missing_key_is_found_before_any_call(
        self, model: str, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in (variable, "ANTHROPIC_AUTH_TOKEN", "GOOGLE_API_KEY", "TOGETHER_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(ModelAccessError, match=f"^{model} needs a key: set {variable}$"):
            LiteLLM(model=model).check_access()
        monkeypatch.setenv(variable, KEY)
        LiteLLM(model=model).check_access()

    @pytest.mark.parametrize(
        "options",
        [
            {"model": "openai/x", "api_base": "http://127.0.0.1:8000/v1"},
            {"model": "openai/x", "api_base": "http://[::1]:8000/v1"},
            {"model": "openai/x", "api_base": "http://localhost:8000/v1"},
            {"model": "openai/x", "api_base": "http://10.0.0.7:8000/v1"},
            {"model": "ollama/llama3"},
            {"model": "gpt-4o"},
        ],
    )
    def test_servers_that_may_need_no_key_pass(self, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        LiteLLM(**options).check_access()

    def test_keys_are_in_no_dump_and_no_repr(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MY_SERVERS_KEY", KEY)
        model = LiteLLM(model="openai/x", api_key_env="MY_SERVERS_KEY")
        assert KEY not in f"{model!r}{model}{model.model_dump_json()}{model.label}"

    @pytest.mark.parametrize("url", ["http://me:secret@host/v1", "http://host/v1?key=secret"])
    def test_a_url_that_holds_a_key_is_refused_without_showing_it(self, url: str) -> None:
        with pytest.raises(ValidationError, match="the URL may hold no password and no key") as caught:
            LiteLLM(model="openai/x", api_base=url)
        assert "api_key_env" in str(caught.value)


@needs_litellm
class TestFaults:
    async def test_an_unknown_provider(self, ask_litellm: Asking) -> None:
        with pytest.raises(
            ModelAccessError, match=r'^nobody/x is no id that litellm knows: one such as "openai/gpt-4o"'
        ):
            await ask_litellm(model="nobody/x", api_base=None)

    async def test_an_option_that_the_model_does_not_take(self, ask_litellm: Asking, server: ChatServer) -> None:
        with pytest.raises(ModelAccessError, match=r"^openai/o1 does not take an option, unless drop_params = true"):
            await ask_litellm(model="openai/o1", temperature=0.3)
        await ask_litellm(model="openai/o1", temperature=0.3, drop_params=True)
        assert "temperature" not in server.requests()[0].body

    async def test_calls_can_be_cancelled_at_any_moment_without_a_complaint(self, ask_litellm: Asking) -> None:
        await ask_litellm("so that litellm is imported")
        for milliseconds in range(0, 20, 2):
            calls = [asyncio.create_task(ask_litellm()) for _ in range(5)]
            await asyncio.sleep(milliseconds / 1000)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        gc.collect()
        assert (await ask_litellm()).attempts == 1


@needs_litellm
class TestConnections:
    def test_a_process_that_closes_its_model_ends_without_a_complaint(self, server: ChatServer) -> None:
        code = """
import asyncio, sys
from sotopia_core.models import ChatMessage, ModelRequest
from sotopia_models.litellm import LiteLLM

async def main():
    model = LiteLLM(model="openai/scripted", api_base=sys.argv[1])
    request = ModelRequest(messages=(ChatMessage(role="user", content="x"),))
    replies = await asyncio.gather(*(model.generate(request) for _ in range(20)))
    await model.aclose()
    print(len(replies))

for _ in range(2):
    asyncio.run(main())
"""
        command = [sys.executable, "-W", "always", "-c", code, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert (done.stdout.split(), done.stderr) == (["20", "20"], "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": ""}, "at least 1 character"),
        ({"temperature": 2.1}, "less than or equal to 2"),
        ({"attempts": 0}, "greater than or equal to 1"),
        ({"timeout": 0}, "greater than 0"),
        ({"api_base": "127.0.0.1:8000"}, "a URL that begins with http:// or https:// was expected"),
        ({"modle": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_options_are_checked(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        LiteLLM(**({"model": "openai/x"} | options))


def test_where_and_how_patiently_a_model_is_asked_is_no_part_of_the_content() -> None:
    near = LiteLLM(model="openai/x", temperature=0.2)
    far = LiteLLM(
        model="openai/x",
        temperature=0.2,
        api_base="http://10.0.0.7/v1",
        api_key_env="X_KEY",
        timeout=1.0,
        attempts=9,
        longest_pause=1.0,
    )
    assert near.content_options() == far.content_options()
    assert near.content_options() != LiteLLM(model="openai/x", temperature=0.3).content_options()
