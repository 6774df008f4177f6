"""LiteLLM over real HTTP, against a chat server on this machine."""

import asyncio
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError, create_model
from sotopia_models.litellm import LiteLLM
from sotopia_testing.chat_server import ChatServer, Reply

from sotopia_core.errors import ModelAccessError, ModelError
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage, ModelReply, ModelRequest, Usage

pytest.importorskip("aiohttp")
pytestmark = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("litellm"), reason="needs the extra litellm"
)

KEY = "key-that-nobody-may-see-4711"


class Scored(BaseModel):
    reasoning: str
    score: int = Field(ge=-5, le=5)


class Judged(BaseModel):
    relationship: Scored = Field(description="How the two stand to each other")
    knowledge: Scored


JUDGEMENT = create_model("Judgement", one=(Judged, Field(alias="Mia Davis")), two=(Judged, Field(alias='Bo "B" Ek')))


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def server(shared_server: ChatServer) -> ChatServer:
    shared_server.reset()
    return shared_server


class Asking:
    """Makes models for one test, and closes them after it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.models: list[LiteLLM] = []

    def model(self, **options: Any) -> LiteLLM:
        made = LiteLLM(**({"model": "openai/scripted", "api_base": self.url, "longest_pause": 0.01} | options))
        self.models.append(made)
        return made

    async def __call__(self, *messages: str, response_type: type[BaseModel] | None = None, **options: Any) -> ModelReply[Any]:
        request = {name: options.pop(name) for name in ("seed",) if name in options}
        asked = tuple(ChatMessage(role="user", content=message) for message in messages or ("Hello",))
        return await self.model(**options).generate(ModelRequest(messages=asked, response_type=response_type, **request))


@pytest.fixture
async def ask(server: ChatServer) -> AsyncIterator[Asking]:
    asking = Asking(server.url)
    yield asking
    for model in asking.models:
        await model.aclose()


async def test_a_text_reply_comes_back_as_it_was(ask: Asking, server: ChatServer) -> None:
    server.script(Reply(text="I <3 you, {goal} & <b>\u0000🙂", model="scripted-2025-01-01"))
    reply = await ask("How are you?")
    assert reply.text == "I <3 you, {goal} & <b>\u0000🙂"
    assert reply.value is None
    assert reply.obtained == "text"
    assert reply.model == "scripted-2025-01-01"
    assert reply.attempts == 1
    assert 0 < reply.latency < 10


async def test_usage(ask: Asking, server: ChatServer) -> None:
    server.script("x")
    reply = await ask("How are you?")
    assert reply.usage == Usage(calls=1, input_tokens=3, output_tokens=1, cost=None)
    r = await ask("How are you?", model="openai/gpt-4o")
    assert r.usage.cost is not None and r.usage.cost > 0

async def test_typed(ask: Asking, server: ChatServer) -> None:
    r = await ask(response_type=AgentAction)
    assert r.value == AgentAction(action_type="speak", argument="text")
    r = await ask(response_type=JUDGEMENT)
    print(r)

async def test_cancel(ask, server):
    server.script(Reply(delay=60))
    task = asyncio.create_task(ask())
    while server.count() == 0: await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError): await task
    assert (await ask()).text
