"""What passes between a run and whoever has taken a seat: typed envelopes of one version, written as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from sotopia_core.messages import Observation, Value
from sotopia_core.wording import explain

VERSION: Final = 1

Cause = Literal["timeout", "disconnect", "invalid"]
"""Why a turn was settled without an action of the holder: too late, gone, or nothing that the rules allow."""
Outcome = Literal["none", "leave", "fail"]
"""What becomes of such a turn: the agent does nothing, it leaves, or the episode fails."""


class EnvelopeError(ValueError):
    """A text that is no envelope of this version. The message says why, in one line."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Envelope(Value):
    """What all envelopes have: the version of their form, and when they were written (ISO 8601, UTC)."""

    version: Literal[1] = VERSION
    at: str = Field(default_factory=_now)


class SeatCard(Value):
    """A seat that is open: which agent of which episode of which run. Holds nothing that only the holder may know."""

    version: Literal[1] = VERSION
    run: str
    episode: str
    index: int = Field(ge=0)
    agent: str

    @property
    def key(self) -> str:
        """What the names of all that belongs to this seat begin with."""
        return f"seat:{self.run}:{self.episode}:{self.index}"

    @property
    def observations(self) -> str:
        """The stream from the run to the holder."""
        return f"{self.key}:observations"

    @property
    def answers(self) -> str:
        """The stream from the holder to the run."""
        return f"{self.key}:answers"

    @property
    def held(self) -> str:
        """The hold that whoever has taken the seat extends while being there."""
        return f"{self.key}:held"

    @property
    def alive(self) -> str:
        """The hold that the run extends while it is played."""
        return f"run:{self.run}:alive"


class Observed(Envelope):
    """The run to the holder: what the agent is sent, and within how many seconds it is asked to act, if it is."""

    kind: Literal["observed"] = "observed"
    observation: Observation
    seconds: float | None = None


class Refused(Envelope):
    """The run to the holder: an answer that cannot be used, why, and which step to answer with next."""

    kind: Literal["refused"] = "refused"
    turn: int = Field(ge=0)
    step: int = Field(ge=0)
    reason: str


class Settled(Envelope):
    """A turn was settled without an action of the holder. Stands in both streams, in that of answers in its place."""

    kind: Literal["settled"] = "settled"
    turn: int = Field(ge=0)
    cause: Cause
    outcome: Outcome


class Closed(Envelope):
    """The run to the holder: the episode is over, and the seat with it."""

    kind: Literal["closed"] = "closed"


class Answer(Envelope):
    """The holder to the run: an action as it came, to be held against the rules. Its position says the turn."""

    kind: Literal["answer"] = "answer"
    holder: str = ""
    action: Any


AnyEnvelope = Annotated[Observed | Refused | Settled | Closed | Answer, Field(discriminator="kind")]

_ENVELOPES: TypeAdapter[Observed | Refused | Settled | Closed | Answer] = TypeAdapter(AnyEnvelope)


def read_envelope(text: str) -> Observed | Refused | Settled | Closed | Answer:
    """Read an envelope; ``EnvelopeError`` where it is none, or one of another version."""
    try:
        return _ENVELOPES.validate_json(text)
    except ValidationError as error:
        raise EnvelopeError(_wrong(text, error)) from None


def read_card(text: str) -> SeatCard:
    """Read the card of an open seat; ``EnvelopeError`` where it is none, or one of another version."""
    try:
        return SeatCard.model_validate_json(text)
    except ValidationError as error:
        raise EnvelopeError(_wrong(text, error)) from None


def _wrong(text: str, error: ValidationError) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return "it is not JSON"
    if not isinstance(value, dict):
        return f"it is {type(value).__name__}, not an object"
    version = value.get("version", VERSION)
    if version != VERSION:
        return f"it is written in version {version!r} and this side speaks version {VERSION}; let both use one sotopia"
    return explain(error, Envelope)
