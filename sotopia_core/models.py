"""What passes between the kernel and a language model: chat messages, requests, replies, usage."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import Final, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, Field
from pydantic_core import to_json

from sotopia_core.messages import Background, Event, Observation, Value

T = TypeVar("T", bound=BaseModel)

Role = Literal["system", "user", "assistant"]
Obtained = Literal["text", "schema", "repaired", "re-asked"]
"""How a reply's value was come by: no value asked for; parsed as it came; mended; or asked for again."""


ROLES: Final = get_args(Role)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class ChatMessage:
    """One message of a chat. ``ValueError`` where the ``role`` is not one of the three, ``TypeError`` for no text.

    It is kept as the JSON that chat servers take, since an agent's messages are sent again with every later question;
    the ``content`` is read out of it.
    """

    role: Role
    _json: bytes

    def __init__(self, role: Role, content: str) -> None:
        if role not in ROLES:
            raise ValueError(f"{role!r} is no role of a message; expected one of {', '.join(ROLES)}")
        if not isinstance(content, str):
            raise TypeError(f"a message's content is {type(content).__name__}; expected text")
        try:
            written = to_json(content)
        except ValueError:  # half a surrogate pair, which is left to the server to refuse
            written = encode_basestring(content).encode("utf-8", "surrogatepass")
        object.__setattr__(self, "role", role)
        object.__setattr__(self, "_json", b'{"role":"%b","content":%b}' % (role.encode(), written))

    @property
    def content(self) -> str:
        """The text."""
        text: str = json.loads(self._json.decode("utf-8", "surrogatepass"))["content"]
        return text

    def as_json(self) -> bytes:
        """Return the message as chat servers take it, in UTF-8."""
        return self._json

    def __repr__(self) -> str:
        return f"ChatMessage(role={self.role!r}, content={self.content!r})"


class Usage(Value):
    """Tokens and money; adds up with ``+``. ``cost`` is in US dollars, None where the price is unknown."""

    calls: int = Field(default=0, ge=0)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost: float | None = Field(default=0.0, ge=0)

    @classmethod
    def of_call(cls, input_tokens: int, output_tokens: int, cost: float | None) -> Usage:
        """Return what one call took; ``ValueError`` for less than nothing."""
        if input_tokens < 0 or output_tokens < 0 or not (cost is None or 0 <= cost < math.inf):
            raise ValueError(f"no call takes {input_tokens} and {output_tokens} tokens for {cost} US dollars")
        return cls.trusted(calls=1, input_tokens=input_tokens, output_tokens=output_tokens, cost=cost)

    def __add__(self, other: Usage) -> Usage:
        unknown = self.cost is None or other.cost is None
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=None if unknown else (self.cost or 0.0) + (other.cost or 0.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The facts that a request's prompt was made from, for models that follow rules instead of reading prose.

    For an agent: what it knew before, all events that it was sent so far, and the observation it is to act upon, whose
    events are among them. For a judge: everything, and no observation. A scene holds nothing that its viewer may not
    know, since it is made of the same observations as prompts are.
    """

    background: Background
    events: tuple[Event, ...]
    current: Observation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest(Generic[T]):
    """One question to a model.

    ``purpose`` is ``"act"``, ``"judge"`` or a plugin's own word; ``seed`` derives from run, draw, trial, seat, turn,
    purpose and attempt. ``temperature`` (0..2) and ``max_tokens`` override the model's own options when given.
    ``context`` is pydantic's validation context for the ``response_type``: what its validators must know, such as the
    names of those present, so that one type serves every cast. ``re_ask`` is 0, or counts how often the question has
    been put again because the reply could not be used.
    """

    messages: tuple[ChatMessage, ...]
    response_type: type[T] | None = None
    context: Hashable = None
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int = 0
    purpose: str = "act"
    re_ask: int = 0
    scene: Scene | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model said to one request, and what that took: all that must be kept to never ask again.

    ``model`` is the model's own name for itself; ``attempts`` counts the requests sent, those that failed included;
    ``latency`` is in seconds, all attempts together; ``finish_reason`` is the server's word for why the text ends:
    ``"stop"``, ``"length"`` where a limit of tokens cut it off, or another.
    """

    text: str
    model: str
    usage: Usage = field(default_factory=lambda: Usage(calls=1))
    attempts: int = 1
    latency: float = 0.0
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply(Generic[T]):
    """What came of a question: the last text as it was, the value found in it, and what all of it took.

    ``model`` is the model's own name for itself; usage, attempts and latency (in seconds) are those of all
    completions together; ``value`` is None exactly where the request had no ``response_type``.
    """

    text: str
    value: T | None = None
    model: str
    usage: Usage = field(default_factory=Usage)
    attempts: int = 1
    latency: float = 0.0
    obtained: Obtained = "text"
