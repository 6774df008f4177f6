"""What Redis replies, in the terms of brokers: entries from streams, and which errors will pass and which will not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Protocol, Self, runtime_checkable

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    InvalidResponse,
    RedisError,
    ResponseError,
    TimeoutError,
)

from sotopia_agents.seats.broker import BrokerAway, BrokerError, Entry, Position
from sotopia_core.errors import one_line

FIELD: Final = "envelope"
"""The field of a stream's entry that holds the text."""


@runtime_checkable
class Commands(Protocol):
    """Commands of a client that are sent at once."""

    def execute_command(self, *command: str | int | float) -> object:
        """Add a command."""

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send the commands, and return what each replies, which may be an exception."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class Client(Protocol):
    """As much of redis-py's client as is used here; there are stubs about that know an older one."""

    async def execute_command(self, *command: str | int | float) -> Any:
        """Do one command; what it replies depends on the command."""

    def pipeline(self, transaction: bool) -> Commands:
        """Return what collects commands."""

    async def aclose(self) -> None:
        """Close the client and its connections."""


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn what redis-py raises into ``BrokerError``, and into ``BrokerAway`` what may pass; ``where`` can be shown."""
    try:
        yield
    except (AuthenticationError, AuthorizationError) as error:
        raise BrokerError(
            f"the broker at {where} refuses to let this user in ({one_line(error)}); "
            "put the user and the password into the URL in SOTOPIA_BROKER"
        ) from error
    except (ConnectionError, TimeoutError, OSError) as error:
        raise BrokerAway(f"no broker answers at {where}: {str(error) or type(error).__name__}") from error
    except InvalidResponse as error:
        raise BrokerError(f"what answers at {where} is no Redis server: {one_line(error)}") from error
    except RedisError as error:
        raise BrokerError(f"the broker at {where} refuses: {one_line(error)}") from error


def is_no_group(error: ResponseError) -> bool:
    """Whether a stream, or its group, is not there (any more)."""
    return str(error).startswith("NOGROUP") or "no longer exists" in str(error)


def is_not_ascending(error: object) -> bool:
    """Whether an entry was refused because its stream has come to its position or further."""
    return isinstance(error, ResponseError) and "equal or smaller" in str(error)


def written_id(position: Position) -> str:
    """Write a position as the ID of an entry; 0-0 is none, so turns are counted from 1 there."""
    return f"{position.turn + 1}-{position.step}"


def entries_of(reply: list[tuple[str, dict[str, str] | None]]) -> list[Entry]:
    """Read entries. Those that were trimmed away since they were delivered are left out."""
    found = []
    for identity, fields in reply:
        turn, _, step = identity.partition("-")
        if fields and int(turn) > 0:
            found.append(Entry(Position(int(turn) - 1, int(step)), fields.get(FIELD, "")))
    return found


def by_stream(reply: Any) -> dict[str, list[Entry]]:
    """Read what several streams gave; nothing where nothing came in time."""
    return {stream: entries_of(entries) for stream, entries in reply or ()}
