"""A broker in this process's memory, for programs that take a seat in a run of their own process, and for tests."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from sotopia_agents.seats.broker import MOST_ENTRIES, SECONDS_KEPT, Broker, BrokerError, Entry, Position


@dataclass
class _Group:
    """What one group has received: up to which position, and which of it nobody has acknowledged."""

    received: Position | None = None
    pending: dict[Position, Entry] = field(default_factory=dict)


@dataclass
class _Stream:
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    top: Position | None = None
    groups: dict[str, _Group] = field(default_factory=dict)
    waiting: set[asyncio.Future[None]] = field(default_factory=set)
    expires: float = 0.0


@dataclass(eq=False)
class _Space:
    """What all connections to one name share."""

    streams: dict[str, _Stream] = field(default_factory=dict)
    holds: dict[str, tuple[str, float]] = field(default_factory=dict)
    boards: dict[str, dict[str, float]] = field(default_factory=dict)

    def stream(self, name: str) -> _Stream:
        """Return a stream; where it has to be made, those that nobody has touched for long go."""
        if name not in self.streams:
            now = time.monotonic()
            for old in [old for old, stream in self.streams.items() if stream.expires < now and not stream.waiting]:
                del self.streams[old]
            self.streams[name] = _Stream(expires=now + SECONDS_KEPT)
        return self.streams[name]


_SPACES: WeakValueDictionary[str, _Space] = WeakValueDictionary()


class InProcessBroker(Broker):
    """A connection to what this process keeps under a name, for as long as there is any connection to it."""

    def __init__(self, name: str = "") -> None:
        space = _SPACES.get(name)
        if space is None:
            space = _SPACES[name] = _Space()
        self._space = space
        self._receiving: set[tuple[str, str]] = set()
        self._closed = False

    async def append(self, stream: str, entry: Entry) -> bool:
        """Add an entry, unless the stream has come to its position or further."""
        there = self._stream(stream)
        if there.top is not None and entry.position <= there.top:
            return False
        there.entries.append(entry)
        there.top = entry.position
        there.expires = time.monotonic() + SECONDS_KEPT
        for waiting in there.waiting:
            if not waiting.done():
                waiting.set_result(None)
        return True

    async def history(self, stream: str) -> list[Entry]:
        """Return all that a stream keeps."""
        return list(self._stream(stream).entries)

    async def last(self, stream: str) -> Position | None:
        """Return the position of the last entry."""
        entries = self._stream(stream).entries
        return entries[-1].position if entries else None

    async def clear(self, stream: str) -> None:
        """Empty a stream; those who wait for it go on waiting."""
        there = self._stream(stream)
        there.entries.clear()
        there.top = None
        there.groups.clear()

    async def receive(self, stream: str, group: str, seconds: float) -> list[Entry]:
        """Return what is new to the group, or wait for it."""
        there = self._stream(stream)
        again: list[Entry] = []
        if (stream, group) not in self._receiving:
            self._receiving.add((stream, group))
            again = list(there.groups.setdefault(group, _Group()).pending.values())
        found = again + self._take(there, group)
        if found:
            return found
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        there.waiting.add(arrived)
        try:
            async with asyncio.timeout(seconds):
                await arrived
        except TimeoutError:
            return []
        finally:
            there.waiting.discard(arrived)
        return self._take(there, group)

    def _take(self, stream: _Stream, name: str) -> list[Entry]:
        group = stream.groups.setdefault(name, _Group())
        fresh = [entry for entry in stream.entries if group.received is None or entry.position > group.received]
        if fresh:
            group.received = fresh[-1].position
            group.pending |= {entry.position: entry for entry in fresh}
        return fresh

    async def acknowledge(self, stream: str, group: str, entries: list[Entry]) -> None:
        """Take entries off what the group has pending."""
        pending = self._stream(stream).groups.setdefault(group, _Group()).pending
        for entry in entries:
            pending.pop(entry.position, None)

    async def forget(self, stream: str, group: str) -> None:
        """Receive no more of this stream."""
        self._receiving.discard((stream, group))

    async def hold(self, name: str, owner: str, seconds: float) -> bool:
        """Take or extend a hold, unless it is another's."""
        if await self.owner(name) not in (None, owner):
            return False
        self._space.holds[name] = (owner, time.monotonic() + seconds)
        return True

    async def owner(self, name: str) -> str | None:
        """Return who has a hold now."""
        self._check_open()
        owner, until = self._space.holds.get(name, ("", 0.0))
        return owner if until > time.monotonic() else None

    async def release(self, name: str, owner: str) -> bool:
        """Give a hold back, where it is this owner's."""
        if await self.owner(name) != owner:
            return False
        del self._space.holds[name]
        return True

    async def announce(self, board: str, notice: str) -> None:
        """Put a notice on a board, as the newest."""
        self._check_open()
        notices = self._space.boards.setdefault(board, {})
        notices.pop(notice, None)
        notices[notice] = time.monotonic()

    async def announced(self, board: str) -> list[str]:
        """Return the notices that are not too old."""
        self._check_open()
        oldest = time.monotonic() - SECONDS_KEPT
        return [notice for notice, since in self._space.boards.get(board, {}).items() if since >= oldest]

    async def withdraw(self, board: str, notice: str) -> None:
        """Take a notice off a board."""
        self._check_open()
        self._space.boards.get(board, {}).pop(notice, None)

    async def aclose(self) -> None:
        """Close this connection; others to the same name stay."""
        self._closed = True
        self._receiving.clear()

    def _stream(self, name: str) -> _Stream:
        self._check_open()
        return self._space.stream(name)

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerError("this connection to the broker is closed")
