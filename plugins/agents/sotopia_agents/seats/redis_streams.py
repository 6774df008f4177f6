"""The broker on a Redis server: streams, consumer groups, keys that expire. Any Redis from 5.0 on, without modules."""

from __future__ import annotations

import time
from typing import Any, Final

from redis import asyncio as redis_asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sotopia_agents.seats.addresses import without_password
from sotopia_agents.seats.broker import MOST_ENTRIES, SECONDS_KEPT, Broker, BrokerError, Entry, Position
from sotopia_agents.seats.ear import SECONDS_BLOCKED, Ear
from sotopia_agents.seats.replies import FIELD, Client, entries_of, is_not_ascending, told, written_id

PREFIX: Final = "sotopia:"
MOST_CONNECTIONS: Final = 8
"""For commands, which are short; one more waits for each group, whatever the number of streams."""
SECONDS_FOR_A_COMMAND: Final = 5.0
SECONDS_FOR_A_SOCKET: Final = 60.0
"""How long a command may wait for one of the sockets, where a thousand seats have something to say at one moment."""

# Who holds may extend, and nobody else may; asked and done in one step.
_HOLD: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisBroker(Broker):
    """A connection to a Redis server: a few sockets for commands, and one for each group that receives.

    Commands are tried once and take no longer than a few seconds; whoever wants to wait for a server that is away
    does so with ``persist``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._where = without_password(url)
        try:
            self._redis = _client(url, sockets=MOST_CONNECTIONS, seconds=SECONDS_FOR_A_COMMAND)
        except ValueError as error:
            raise BrokerError(f"{self._where} is no address of a Redis server: {error}") from None
        self._ears: dict[str, Ear] = {}

    async def append(self, stream: str, entry: Entry) -> bool:
        """Add an entry with XADD, whose rule that IDs ascend tells duplicates."""
        with told(self._where):
            async with self._redis.pipeline(transaction=False) as commands:
                commands.execute_command(
                    *("XADD", PREFIX + stream, "MAXLEN", "~", MOST_ENTRIES),
                    *(written_id(entry.position), FIELD, entry.text),
                )
                commands.execute_command("EXPIRE", PREFIX + stream, SECONDS_KEPT)
                added, expiring = await commands.execute(raise_on_error=False)
            if is_not_ascending(added):
                return False
            for reply in (added, expiring):
                if isinstance(reply, Exception):
                    raise reply
        return True

    async def history(self, stream: str) -> list[Entry]:
        """Return all that a stream keeps."""
        return entries_of(await self._do("XRANGE", PREFIX + stream, "-", "+"))

    async def last(self, stream: str) -> Position | None:
        """Return the position of the last entry."""
        found = entries_of(await self._do("XREVRANGE", PREFIX + stream, "+", "-", "COUNT", 1))
        return found[0].position if found else None

    async def clear(self, stream: str) -> None:
        """Delete a stream with its groups; the ears that listen to it make them again."""
        await self._do("DEL", PREFIX + stream)
        for ear in self._ears.values():
            ear.begin_anew(PREFIX + stream)

    async def receive(self, stream: str, group: str, seconds: float) -> list[Entry]:
        """Return what is new to a consumer group, or wait for it."""
        if group not in self._ears:
            client = _client(self._url, sockets=1, seconds=SECONDS_BLOCKED + SECONDS_FOR_A_COMMAND)
            self._ears[group] = Ear(client, group, self._where)
        return await self._ears[group].receive(PREFIX + stream, seconds)

    async def acknowledge(self, stream: str, group: str, entries: list[Entry]) -> None:
        """Acknowledge entries with XACK."""
        if entries:
            await self._do("XACK", PREFIX + stream, group, *(written_id(entry.position) for entry in entries))

    async def forget(self, stream: str, group: str) -> None:
        """Receive no more of this stream."""
        if group in self._ears:
            self._ears[group].forget(PREFIX + stream)

    async def hold(self, name: str, owner: str, seconds: float) -> bool:
        """Take or extend a hold: a key that expires."""
        return bool(await self._do("EVAL", _HOLD, 1, PREFIX + name, owner, max(1, int(seconds * 1000))))

    async def owner(self, name: str) -> str | None:
        """Return who has a hold now."""
        found = await self._do("GET", PREFIX + name)
        return None if found is None else str(found)

    async def release(self, name: str, owner: str) -> bool:
        """Give a hold back."""
        return bool(await self._do("EVAL", _RELEASE, 1, PREFIX + name, owner))

    async def announce(self, board: str, notice: str) -> None:
        """Put a notice on a board: a sorted set by time. Those that are too old go."""
        now = time.time()
        await self._do("ZADD", PREFIX + board, now, notice)
        await self._do("ZREMRANGEBYSCORE", PREFIX + board, "-inf", now - SECONDS_KEPT)

    async def announced(self, board: str) -> list[str]:
        """Return the notices on a board, the oldest first."""
        found = await self._do("ZRANGEBYSCORE", PREFIX + board, time.time() - SECONDS_KEPT, "+inf")
        return [str(notice) for notice in found]

    async def withdraw(self, board: str, notice: str) -> None:
        """Take a notice off a board."""
        await self._do("ZREM", PREFIX + board, notice)

    async def aclose(self) -> None:
        """Close all connections."""
        for ear in self._ears.values():
            await ear.aclose()
        self._ears.clear()
        await self._redis.aclose()

    async def _do(self, *command: str | int | float) -> Any:
        with told(self._where):
            return await self._redis.execute_command(*command)


def _client(url: str, *, sockets: int, seconds: float) -> Client:
    """Return a client of so many sockets at most; ``seconds`` is the longest that a reply may take."""
    library: Any = redis_asyncio  # stubs of an older redis-py, which redis-om brings along, know no from_pool
    # Said in full, because redis-py's own defaults cut a blocking read short and then try it again for a minute.
    pool = library.BlockingConnectionPool.from_url(
        url,
        max_connections=sockets,
        timeout=SECONDS_FOR_A_SOCKET,
        protocol=2,
        decode_responses=True,
        encoding_errors="backslashreplace",
        socket_timeout=seconds,
        socket_connect_timeout=SECONDS_FOR_A_COMMAND,
        retry=Retry(NoBackoff(), 0),
    )
    client: Client = library.Redis.from_pool(pool)
    return client
