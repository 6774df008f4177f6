"""Asking a model for a value: its text is kept before it is used, read, and asked for again where it cannot be used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel

from sotopia_core.errors import ModelError, UnusableReplyError, one_line
from sotopia_core.models import ChatMessage, Completion, ModelReply, ModelRequest, Obtained, Usage
from sotopia_core.repair import repair
from sotopia_core.structured import parse

T = TypeVar("T", bound=BaseModel)

LONGEST_REPLY: Final = 200_000
"""Characters of a reply that are read at most: a judgement of twenty agents has about 70,000."""

LONGEST_QUOTATION: Final = 10_000
"""Characters of an unusable reply that the model is shown again."""

ASK_AGAIN: Final = "Your last reply cannot be used: {problem}. Reply to the question once more{form}."
FORM: Final = ", with the one JSON object that was asked for, complete, and nothing around it"


class ReplyKey(NamedTuple):
    """What makes a completion the only one of its kind within an episode.

    ``turn`` is the environment's; ``role`` the name of the agent or evaluator that asks; ``attempt`` counts what the
    role has asked in this turn, from 0, re-asks included.
    """

    turn: int
    role: str
    purpose: str
    attempt: int


class ReplyJournal(ABC):
    """The completions of one episode: those kept by an earlier process are recalled instead of asked for again."""

    @abstractmethod
    def recall(self, key: ReplyKey, request: ModelRequest[Any]) -> Completion | None:
        """Return the completion that was kept under the key, if there is one."""

    @abstractmethod
    async def keep(self, key: ReplyKey, request: ModelRequest[Any], completion: Completion) -> None:
        """Keep a completion; it is durable on return, and used only then."""


async def ask(
    put: Callable[[tuple[ChatMessage, ...], int], Awaitable[Completion]],
    messages: tuple[ChatMessage, ...],
    response_type: type[T] | None,
    context: Hashable = None,
    *,
    label: str,
    re_asks: int,
) -> ModelReply[T]:
    """Put a question, at most ``re_asks`` times again where the reply does not hold the value that was asked for.

    ``put`` takes the messages and how often the question was put before; each time the model is told what was wrong.
    Raises ``UnusableReplyError`` where no reply can be used; its message begins with the model's ``label``, its ``raw``
    is the last reply's text.
    """
    usage: Usage | None = None
    attempts, latency = 0, 0.0
    question, re_ask = messages, 0
    while True:
        completion = await put(question, re_ask)
        usage = completion.usage if usage is None else usage + completion.usage
        attempts += completion.attempts
        latency += completion.latency
        try:
            value, obtained = read_value(completion, response_type, context)
        except ModelError as error:
            if re_ask >= re_asks:
                raise UnusableReplyError(f"{label}: {error}", raw=error.raw) from None
            question, re_ask = (*messages, *_again(completion, error, response_type)), re_ask + 1
        else:
            return ModelReply(
                text=completion.text,
                value=value,
                model=completion.model,
                usage=usage,
                attempts=attempts,
                latency=latency,
                obtained="re-asked" if re_ask else obtained,
            )


def read_value(
    completion: Completion, response_type: type[T] | None, context: Hashable = None
) -> tuple[T | None, Obtained]:
    """Return the value of a completion, and how it was come by; ``ModelError`` where it holds none."""
    text = completion.text
    cut_off = "; it was cut off: max_tokens is too low" if completion.finish_reason == "length" else ""
    if not text.strip():
        raise ModelError(f"the reply is empty (finish_reason {completion.finish_reason!r}){cut_off}", raw=text)
    if len(text) > LONGEST_REPLY:
        raise ModelError(f"the reply is {len(text)} characters long, more than {LONGEST_REPLY}", raw=text)
    if response_type is None:
        return None, "text"
    try:
        return parse(response_type, text, context), "schema"
    except ModelError:
        pass  # what strict reading refuses may still be plain
    try:
        return repair(response_type, text, context), "repaired"
    except ModelError as error:
        raise ModelError(f"{error}{cut_off}", raw=text) from None


def _again(completion: Completion, error: ModelError, response_type: type[BaseModel] | None) -> Iterator[ChatMessage]:
    """Yield what follows a question when it is put again: what the model said, and what is wrong with that."""
    quoted = (
        completion.text if len(completion.text) <= LONGEST_QUOTATION else completion.text[:LONGEST_QUOTATION] + " ..."
    )
    if quoted.strip():
        yield ChatMessage(role="assistant", content=quoted)
    form = "" if response_type is None else FORM
    yield ChatMessage(role="user", content=ASK_AGAIN.format(problem=one_line(error), form=form))
