"""A server as all requests to it share it: how many at a time, how many a minute, and a pause when it is in trouble."""

from __future__ import annotations

import asyncio
import random
from typing import Final
from weakref import WeakKeyDictionary

FIRST_PAUSE: Final = 0.5
"""Seconds before the second attempt; each further pause is twice as long."""

_endpoints: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Endpoint]]] = WeakKeyDictionary()


def pause_before(attempt: int, longest: float) -> float:
    """Return the seconds to wait before an attempt (2, 3, ...): twice as long each time, less up to half at random.

    The pauses differ so that not all callers come back at once.
    """
    full = min(longest, FIRST_PAUSE * 2.0 ** min(attempt - 2, 30))
    return random.uniform(full / 2, full)


class Endpoint:
    """A server, or one model of it, in one event loop: whether it is asked, and after how many faults it is not.

    While requests succeed nothing waits. After ``limit`` faults in a row, of whatever requests, all requests pause;
    then a single one goes ahead, and the others follow if it succeeds, else the pause is twice as long.
    ``last_fault`` says what went wrong last, in words without keys.
    """

    def __init__(self) -> None:
        self._faults = 0
        self._pauses = 0
        self._paused_until: float | None = None
        self._probing = False
        self._changed = asyncio.Event()
        self.last_fault = ""

    @classmethod
    def of(cls, address: str, model: str) -> Endpoint:
        """Return the one of an address and a model in the running event loop."""
        endpoints = _endpoints.setdefault(asyncio.get_running_loop(), {})
        return endpoints.setdefault((address, model), cls())

    @property
    def paused(self) -> bool:
        """Whether requests have to wait."""
        return self._paused_until is not None

    async def wait(self) -> bool:
        """Wait for as long as requests pause. Returns whether the caller is the one that goes ahead of the others."""
        while self._paused_until is not None:
            rest = self._paused_until - asyncio.get_running_loop().time()
            if rest > 0:
                await self._change(rest)
            elif self._probing:
                await self._change(None)
            else:
                self._probing = True
                return True
        return False

    def succeeded(self) -> None:
        """Take note that the server answered: nothing waits any longer."""
        self._faults = self._pauses = 0
        if self._paused_until is not None:
            self._paused_until, self._probing = None, False
            self._tell()

    def failed(self, reason: str, *, limit: int, longest: float, asked_to_wait: float | None, ahead: bool) -> bool:
        """Take note of a fault of the server. Returns whether requests pause, so that the attempt should not count.

        ``ahead`` is what :meth:`wait` returned; ``longest`` bounds the pause, ``asked_to_wait`` may prolong it.
        """
        self.last_fault = reason
        if self._paused_until is not None and not ahead:
            return True  # it was sent before the pause began
        self._faults += 1
        if not ahead and self._faults < limit:
            return False
        pause = min(longest, max(asked_to_wait or 0.0, pause_before(self._pauses + 3, longest)))
        self._pauses += 1
        self._paused_until = asyncio.get_running_loop().time() + pause
        self._probing = False
        self._tell()
        return True

    def abandoned(self) -> None:
        """Take note that the request that went ahead ended without an outcome, as when it was cancelled."""
        self._probing = False
        self._tell()

    async def _change(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Pace:
    """Requests at even distances, so many a minute."""

    def __init__(self, per_minute: float) -> None:
        self._distance = 60.0 / per_minute
        self._next = 0.0

    async def wait(self) -> None:
        """Wait for the next free place; places are given in the order of asking."""
        now = asyncio.get_running_loop().time()
        place = max(now, self._next)
        self._next = place + self._distance
        if place > now:
            await asyncio.sleep(place - now)
