"""Records on their way to a Redis server: all of them appear at one moment, however many there are."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Self

import redis

from sotopia_core.digests import new_pk
from sotopia_core.errors import StorageError
from sotopia_core.records import Written
from sotopia_storage.redis.link import Server, Word
from sotopia_storage.redis.models import key_of, write
from sotopia_storage.staging import Shape, shape_of

MEMORY: Final = 8 * 2**20
"""Bytes of documents that are sent together, and so held in memory."""

LIFE: Final = 86400
"""Seconds after which the server forgets what was set aside and never put in its place."""

# KEYS: the list of what was set aside, by the keys that it is meant for; its elements lie under the list's own key and
# their number. Either all are still there and are put in their places, or nothing happens.
PLACE: Final = """
local keys = redis.call('LRANGE', KEYS[1], 0, -1)
if #keys ~= tonumber(ARGV[1]) then return 0 end
for i = 1, #keys do
    if redis.call('EXISTS', KEYS[1] .. ':' .. i) == 0 then return 0 end
end
for i = 1, #keys do
    redis.call('RENAME', KEYS[1] .. ':' .. i, keys[i])
    redis.call('PERSIST', keys[i])
end
redis.call('DEL', KEYS[1])
for i = 2, #ARGV, 3 do
    redis.call('HSET', ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return 1
"""


def shapes_key(namespace: str, kind: str) -> str:
    """Return the key of the hash that tells in which shapes records of a kind were stored; it is there if any was."""
    return f"{namespace}:shapes:{kind}"


class Batches:
    """Collects records. A few go to the server in one transaction; many are set aside there first, under other keys.

    Neither does the server hold them twice, nor anybody wait while their source is still producing them.
    """

    def __init__(self, server: Server, namespace: str) -> None:
        self.count = 0
        self._server = server
        self._namespace = namespace
        self._shapes: set[Shape] = set()
        self._waiting: list[tuple[str, bytes]] = []
        self._size = 0
        self._aside = f"{namespace}:aside:{new_pk()}"
        self._set_aside = 0

    def add(self, written: Written) -> None:
        """Prepare a record; ``StorageError`` where it cannot be kept exactly."""
        entry = write(written)
        record = written.record
        self._shapes.add(shape_of(type(record)))
        self._waiting.append((key_of(self._namespace, type(record), record.pk), entry))
        self.count += 1
        self._size += len(entry)
        if self._size > MEMORY:
            self._send_aside()

    def commit(self) -> None:
        """Store all that was added, in one step; ``StorageError`` where the server has forgotten some of it."""
        if self._set_aside:
            if self._waiting:
                self._send_aside()
            self._put_in_place()
        elif self._waiting:
            self._store()

    def _store(self) -> None:
        commands: list[tuple[Word, ...]] = [("JSON.SET", key, "$", entry) for key, entry in self._waiting]
        for shape in self._shapes:
            commands.append(("HSET", shapes_key(self._namespace, shape.kind), shape.digest, shape.fields))
        self._server.ask_all(commands, at_once=True)

    def _send_aside(self) -> None:
        commands: list[tuple[Word, ...]] = []
        for number, (_, entry) in enumerate(self._waiting, self._set_aside + 1):
            name = f"{self._aside}:{number}"
            commands += (("JSON.SET", name, "$", entry), ("EXPIRE", name, LIFE))
        commands += (("RPUSH", self._aside, *(key for key, _ in self._waiting)), ("EXPIRE", self._aside, LIFE))
        self._server.ask_all(commands, at_once=False)
        self._set_aside += len(self._waiting)
        self._waiting.clear()
        self._size = 0

    def _put_in_place(self) -> None:
        shapes = [
            word
            for shape in self._shapes
            for word in (shapes_key(self._namespace, shape.kind), shape.digest, shape.fields)
        ]
        if not self._server.run(PLACE, [self._aside], [self._set_aside, *shapes]):
            raise StorageError(
                "the server no longer has all of the records that it was sent; it was restarted, or a day has passed"
            )
        self._set_aside = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._set_aside:
            return
        names = [f"{self._aside}:{number}" for number in range(1, self._set_aside + 1)]
        with suppress(redis.RedisError, OSError):  # it goes by itself, and what went wrong is being raised
            for start in range(0, len(names), 1000):
                self._server.ask("UNLINK", *names[start : start + 1000])
            self._server.ask("UNLINK", self._aside)
