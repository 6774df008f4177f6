"""What the server does in one step: journals without doubles, and leases by its own clock."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Final

from sotopia_core.errors import JournalError, StorageError
from sotopia_core.stores import JournalEntry
from sotopia_storage.documents import read_payload, say_key, write_payload
from sotopia_storage.redis.link import Server

# A journal is a hash: for each entry's key, its place in the order and its payload. KEYS: the set of all journals, then
# the journal of each entry; ARGV: for each entry the episode, the key and the payload. Answers the number of the first
# entry whose key is there already, and 0 where all were kept.
APPEND: Final = """
local seen = {}
for i = 2, #KEYS do
    local field = ARGV[(i - 2) * 3 + 2]
    local id = KEYS[i] .. '\\0' .. field
    if seen[id] or redis.call('HEXISTS', KEYS[i], field) == 1 then return i - 1 end
    seen[id] = true
end
for i = 2, #KEYS do
    local at = (i - 2) * 3
    redis.call('SADD', KEYS[1], ARGV[at + 1])
    redis.call('HSET', KEYS[i], ARGV[at + 2], redis.call('HLEN', KEYS[i]) .. ' ' .. ARGV[at + 3])
end
return 0
"""

ACQUIRE: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

LONGEST_LEASE: Final = 10**14
"""In milliseconds: three thousand years, which is as long as a server can count."""


class Journals:
    """The journals of a namespace."""

    def __init__(self, server: Server, namespace: str) -> None:
        self._server = server
        self._namespace = namespace
        self.all = f"{namespace}:journals"

    def key(self, episode: str) -> str:
        """Return the key of an episode's journal."""
        return f"{self._namespace}:journal:{episode}"

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Keep all entries or, on any error, none. A key that is there already raises ``JournalError``."""
        payloads = [write_payload(entry) for entry in entries]
        if not entries:
            return
        words: list[str] = []
        for entry, payload in zip(entries, payloads, strict=True):
            field = json.dumps([entry.turn, entry.seat, entry.purpose, entry.attempt])
            words += (entry.episode, field, payload)
        found = int(self._server.run(APPEND, [self.all, *(self.key(entry.episode) for entry in entries)], words))
        if found:
            raise JournalError(f"the journal in {self._server.name} already has {say_key(entries[found - 1])}")

    def sizes(self) -> dict[str, int]:
        """Return the episodes that have a journal, sorted, and how many entries each has."""
        episodes = sorted(self._server.ask("SMEMBERS", self.all))
        counts = self._server.ask_all((("HLEN", self.key(episode)) for episode in episodes), at_once=False)
        return dict(zip(episodes, counts, strict=True))

    def dropping(self, episode: str) -> list[tuple[str, ...]]:
        """Return the commands that delete an episode's journal."""
        return [("DEL", self.key(episode)), ("SREM", self.all, episode)]

    def read(self, episode: str) -> list[JournalEntry]:
        """Return an episode's entries in the order they were appended."""
        kept: dict[str, str] = self._server.ask("HGETALL", self.key(episode))
        what = f"the journal of episode {episode!r} in {self._server.name}"
        placed: list[tuple[int, JournalEntry]] = []
        for field, value in kept.items():
            place, _, payload = value.partition(" ")
            turn, seat, purpose, attempt = json.loads(field)
            entry = JournalEntry(
                episode=episode,
                turn=turn,
                seat=seat,
                purpose=purpose,
                attempt=attempt,
                payload=read_payload(payload, what),
            )
            placed.append((int(place), entry))
        return [entry for _, entry in sorted(placed, key=lambda one: one[0])]


class Leases:
    """The leases of a namespace. The server's clock says when one ends, so the clocks of its users may differ."""

    def __init__(self, server: Server, namespace: str) -> None:
        self._server = server
        self._namespace = namespace

    def acquire(self, name: str, owner: str, seconds: float) -> bool:
        """Take or extend a lease. Returns False while another owner's has not expired."""
        if not seconds > 0:
            raise StorageError(f"the lease {name!r} was asked for {seconds} seconds; it must be more than 0")
        milliseconds = LONGEST_LEASE if math.isinf(seconds) else min(math.ceil(seconds * 1000), LONGEST_LEASE)
        return bool(self._server.run(ACQUIRE, [self._key(name)], [owner, milliseconds]))

    def release(self, name: str, owner: str) -> bool:
        """Give a lease back. Returns whether this owner held it."""
        return bool(self._server.run(RELEASE, [self._key(name)], [owner]))

    def _key(self, name: str) -> str:
        return f"{self._namespace}:lease:{name}"
