"""Waiting for many streams of Redis over one connection, on behalf of one group of readers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from redis.exceptions import ResponseError

from sotopia_agents.seats.beats import stop
from sotopia_agents.seats.broker import SECONDS_KEPT, BrokerAway, BrokerError, Entry, Position
from sotopia_agents.seats.patience import pause_after
from sotopia_agents.seats.replies import Client, by_stream, is_no_group, told

SECONDS_BLOCKED: Final = 5.0
"""How long one read waits on the server; the socket's own limit is longer, so that no read dies of waiting."""
CONSUMER: Final = "reader"
"""One name for whoever reads for a group, so that what one connection has left unacknowledged comes to the next."""


@dataclass
class _Line:
    """One stream that is listened to: what has come and was not taken yet. ``fresh``: its past must be looked at."""

    entries: list[Entry] = field(default_factory=list)
    last: Position | None = None
    fresh: bool = True
    waiter: asyncio.Future[None] | None = None

    def hear(self, entries: list[Entry]) -> None:
        # What comes a second time, after a connection was lost, has been heard.
        new = [entry for entry in entries if self.last is None or entry.position > self.last]
        if new:
            self.entries += new
            self.last = new[-1].position
            if self.waiter is not None and not self.waiter.done():
                self.waiter.set_result(None)


class Ear:
    """Listens to streams, as many as are asked for, with one blocking read at a time.

    A read blocks for a few seconds only and is begun again. Where the connection is lost, or a stream is added while a
    read blocks, the next connection first takes up what was delivered and not acknowledged; so nothing is lost.
    """

    def __init__(self, client: Client, group: str, where: str) -> None:
        self._client = client
        self._group = group
        self._where = where
        self._lines: dict[str, _Line] = {}
        self._listening: asyncio.Task[None] | None = None
        self._changed: asyncio.Future[None] | None = None

    async def receive(self, stream: str, seconds: float) -> list[Entry]:
        """Return what has come from a stream, or wait for it; the first call for a stream begins to listen to it."""
        if stream not in self._lines:
            self._lines[stream] = _Line()
            self._interrupt()
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(), name=f"sotopia-ear-{self._group}")
        line = self._lines[stream]
        if not line.entries:
            line.waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds):
                    await line.waiter
            except TimeoutError:
                return []
            finally:
                line.waiter = None
        taken, line.entries = line.entries, []
        return taken

    def begin_anew(self, stream: str) -> None:
        """Hear a stream from its beginning, since it was cleared."""
        if stream in self._lines:
            self._lines[stream] = _Line(waiter=self._lines[stream].waiter)
            self._interrupt()

    def forget(self, stream: str) -> None:
        """Listen to this stream no more."""
        self._lines.pop(stream, None)
        if not self._lines:
            self._interrupt()

    async def aclose(self) -> None:
        """Stop listening."""
        self._lines.clear()
        if self._listening is not None:
            await stop(self._listening)
        await self._client.aclose()

    def _interrupt(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def _listen(self) -> None:
        tries = 0
        try:
            while self._lines:
                self._changed = asyncio.get_running_loop().create_future()  # before a look at what there is to hear
                try:
                    await self._catch_up()
                    await self._read_on(self._changed)
                    tries = 0
                except BrokerAway:
                    self._distrust()
                    await asyncio.sleep(pause_after(tries))
                    tries += 1
        except BrokerError as error:
            for line in self._lines.values():
                if line.waiter is not None and not line.waiter.done():
                    line.waiter.set_exception(error)
        finally:
            await self._client.aclose()

    def _distrust(self) -> None:
        """Look at the past of every stream again, for something may have been delivered and lost on the way."""
        for line in self._lines.values():
            line.fresh = True

    async def _catch_up(self) -> None:
        """See to it that the groups are there, and take up what was delivered before and not acknowledged."""
        while fresh := [stream for stream, line in self._lines.items() if line.fresh]:
            await self._take_up(fresh)

    async def _take_up(self, fresh: list[str]) -> None:
        for stream in fresh:  # first, since one may become fresh again meanwhile
            self._lines[stream].fresh = False
        with told(self._where):
            async with self._client.pipeline(transaction=False) as commands:
                for stream in fresh:
                    commands.execute_command("XGROUP", "CREATE", stream, self._group, "0", "MKSTREAM")
                    commands.execute_command("EXPIRE", stream, SECONDS_KEPT)
                for reply in await commands.execute(raise_on_error=False):
                    if isinstance(reply, Exception) and not str(reply).startswith("BUSYGROUP"):
                        raise reply
        self._hear(await self._read(fresh, "0"))

    async def _read_on(self, changed: asyncio.Future[None]) -> None:
        """Wait for what is new, until something comes, the time of one read is over, or the streams change."""
        if changed.done():
            return
        block = str(int(SECONDS_BLOCKED * 1000))
        reading = asyncio.ensure_future(self._read(list(self._lines), ">", "COUNT", "1000", "BLOCK", block))
        waited_for: set[asyncio.Future[Any]] = {reading, changed}
        try:
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                self._hear(reading.result())
                return
        finally:
            await stop(reading)
        self._distrust()

    async def _read(self, streams: list[str], after: str, *options: str) -> dict[str, list[Entry]]:
        command = ["XREADGROUP", "GROUP", self._group, CONSUMER, *options, "STREAMS", *streams]
        with told(self._where):
            try:
                reply = await self._client.execute_command(*command, *[after] * len(streams))
            except ResponseError as error:
                if not is_no_group(error):
                    raise
                self._distrust()  # the server has lost the stream, and the group with it
                return {}
        return by_stream(reply)

    def _hear(self, found: dict[str, list[Entry]]) -> None:
        for stream, entries in found.items():
            if stream in self._lines:
                self._lines[stream].hear(entries)
