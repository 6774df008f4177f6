"""Doing a thing with a broker again while the broker is away, with growing pauses and for a bounded time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sotopia_agents.seats.broker import BrokerAway

T = TypeVar("T")

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0


def pause_after(tries: int) -> float:
    """Return how many seconds to wait after so many tries: twice as long each time up to a limit, varied by chance."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 16)) * random.uniform(0.75, 1.0)


async def persist(work: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Do some work until the broker is there for it; ``BrokerAway`` where it is not within so many seconds.

    The work may have been done already when its answer got lost, so it must be one that can be repeated.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    tries = 0
    while True:
        try:
            return await work()
        except BrokerAway as error:
            pause = pause_after(tries)
            tries += 1
            if clock() + pause >= deadline:
                raise BrokerAway(f"{error} (tried {tries} times)") from error
        await asyncio.sleep(pause)
