"""Models of both providers that talk to a chat server on this machine, and what their errors would print."""

import asyncio
import traceback
from typing import Any

from pydantic import BaseModel, Field, create_model

from sotopia_core.models import ChatMessage, ModelReply, ModelRequest
from sotopia_models.served import ServedModel
from sotopia_testing.chat_server import ChatServer

LITELLM = "LiteLLM"
OPENAI_COMPATIBLE = "OpenAICompatible"
KEY = "key-that-nobody-may-see-4711"


class Assessment(BaseModel):
    reasoning: str
    score: int = Field(ge=-5, le=5)


class Dimensions(BaseModel):
    relationship: Assessment = Field(description="How the two stand to each other")
    knowledge: Assessment


Judgement = create_model(
    "Judgement", first=(Dimensions, Field(alias="Mia Davis")), second=(Dimensions, Field(alias='Bo "B" Ek'))
)


class Asking:
    """Makes models of one provider that talk to a server, and closes them after the test."""

    def __init__(self, provider: str, url: str) -> None:
        self.provider = provider
        self.url = url
        self.made: list[ServedModel] = []

    def model(self, *, url: str | None = None, **options: Any) -> ServedModel:
        given = {"model": "openai/scripted", "longest_pause": 0.01, "re_asks": 0} | options
        if self.provider == LITELLM:
            from sotopia_models.litellm import LiteLLM

            made: ServedModel = LiteLLM(**{"api_base": url or self.url, **given})
        else:
            from sotopia_models.openai_compatible import OpenAICompatible

            made = OpenAICompatible(base_url=url or self.url, **given)
        self.made.append(made)
        return made

    async def __call__(self, question: str = "Hello", **options: Any) -> ModelReply[Any]:
        of_request = ("response_type", "temperature", "max_tokens", "seed")
        request: dict[str, Any] = {name: options.pop(name) for name in of_request if name in options}
        messages = (ChatMessage(role="user", content=question),)
        return await self.model(**options).generate(ModelRequest(messages=messages, **request))

    async def aclose(self) -> None:
        for model in self.made:
            await model.aclose()


async def arrival(server: ChatServer, number: int) -> None:
    """Wait until the server has seen so many requests."""
    async with asyncio.timeout(10):
        while server.count() < number:
            await asyncio.sleep(0.01)


def everything_said_by(error: BaseException) -> str:
    """All that the error, what it was raised from, and what was going on at the time would print."""
    chain: list[BaseException] = []
    following: list[BaseException | None] = [error]
    while following:
        one = following.pop()
        if one is not None and one not in chain:
            chain.append(one)
            following += [one.__cause__, one.__context__]
    return "".join(f"{one!r}{vars(one)}{''.join(traceback.format_exception(one))}" for one in chain)
