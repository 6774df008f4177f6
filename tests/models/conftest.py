"""A chat server on this machine, and the providers that talk to it."""

import importlib.util
from collections.abc import AsyncIterator, Iterator

import pytest

from sotopia_testing.chat_server import ChatServer
from tests.models.asking import LITELLM, OPENAI_COMPATIBLE, Asking

needs_litellm = pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="the extra litellm is missing")
needs_aiohttp = pytest.mark.skipif(importlib.util.find_spec("aiohttp") is None, reason="the extra http is missing")


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def server(shared_server: ChatServer) -> ChatServer:
    shared_server.reset()
    return shared_server


@pytest.fixture(
    params=[pytest.param(OPENAI_COMPATIBLE, marks=needs_aiohttp), pytest.param(LITELLM, marks=needs_litellm)]
)
async def ask(request: pytest.FixtureRequest, server: ChatServer) -> AsyncIterator[Asking]:
    """Each provider in turn."""
    asking = Asking(request.param, server.url)
    yield asking
    await asking.aclose()


@pytest.fixture
async def ask_litellm(server: ChatServer) -> AsyncIterator[Asking]:
    asking = Asking(LITELLM, server.url)
    yield asking
    await asking.aclose()


@pytest.fixture
async def ask_directly(server: ChatServer) -> AsyncIterator[Asking]:
    asking = Asking(OPENAI_COMPATIBLE, server.url)
    yield asking
    await asking.aclose()
