"""The broker: streams of texts at ascending positions, groups of readers, holds that expire, and a board of notices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

from sotopia_core.errors import InputError

MOST_ENTRIES: Final = 10_000
"""About how many entries a stream keeps; the oldest go first."""
SECONDS_KEPT: Final = 7 * 86_400
"""How long a stream or a notice is kept after the last word on it: a week."""


class BrokerError(InputError):
    """A broker that cannot be used as it is: a wrong address, a wrong password, something that is no broker."""


class BrokerAway(BrokerError):
    """A broker that does not answer now, and may later."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where an entry stands in a stream: first by turn, within a turn by step, both from 0."""

    turn: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A text at its position."""

    position: Position
    text: str


class Broker(ABC):
    """One connection to a broker, for one event loop. Every method may raise ``BrokerError`` or ``BrokerAway``.

    Positions in a stream only ascend. That is how duplicates are told: whoever writes to a position first has it, and
    whoever comes later hears so. Writers may therefore repeat themselves until they are sure.
    """

    @abstractmethod
    async def append(self, stream: str, entry: Entry) -> bool:
        """Add an entry. Returns False, and adds nothing, where the stream has come to its position or further."""

    @abstractmethod
    async def history(self, stream: str) -> list[Entry]:
        """Return all that a stream keeps, in order, whoever has received it."""

    @abstractmethod
    async def last(self, stream: str) -> Position | None:
        """Return the position of the last entry that a stream keeps; None where it keeps none."""

    @abstractmethod
    async def clear(self, stream: str) -> None:
        """Take all entries out of a stream, so that it begins anew for writers and for groups."""

    @abstractmethod
    async def receive(self, stream: str, group: str, seconds: float) -> list[Entry]:
        """Return the entries that this group has not received yet, in order; wait for some, but no longer than that.

        What the group received and nobody acknowledged comes once more to a connection that begins to receive. While
        the broker is away nothing comes, and nothing is raised.
        """

    @abstractmethod
    async def acknowledge(self, stream: str, group: str, entries: list[Entry]) -> None:
        """Say that a group has dealt with these entries, so that no later connection receives them again."""

    @abstractmethod
    async def forget(self, stream: str, group: str) -> None:
        """Receive no more of this stream by this connection."""

    @abstractmethod
    async def hold(self, name: str, owner: str, seconds: float) -> bool:
        """Take a hold, or extend one's own. Returns False while it is another's."""

    @abstractmethod
    async def owner(self, name: str) -> str | None:
        """Return who has a hold now; None where nobody has."""

    @abstractmethod
    async def release(self, name: str, owner: str) -> bool:
        """Give a hold back. Returns whether it was this owner's."""

    @abstractmethod
    async def announce(self, board: str, notice: str) -> None:
        """Put a notice on a board; one that is there already stays, as if it were new."""

    @abstractmethod
    async def announced(self, board: str) -> list[str]:
        """Return the notices on a board, the oldest first."""

    @abstractmethod
    async def withdraw(self, board: str, notice: str) -> None:
        """Take a notice off a board."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection; closing twice is harmless."""
