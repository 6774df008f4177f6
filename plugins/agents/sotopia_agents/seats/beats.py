"""The beat at which both sides give a sign of being there, and look at what the broker may have lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from sotopia_agents.seats.broker import BrokerAway

BEAT = 5.0
"""Seconds between two signs of being there."""
BEATS_HELD = 3
"""A hold lasts so many beats; who gives no sign for so long is taken to be gone."""
SECONDS_TO_CANCEL = 0.05


def seconds_held() -> float:
    """Return how long a hold lasts from one sign."""
    return BEAT * BEATS_HELD


async def each_beat(work: Callable[[], Awaitable[bool]]) -> None:
    """Do some work with each beat, for as long as it says so; while the broker is away, a beat is missed."""
    while True:
        with suppress(BrokerAway):
            if not await work():
                return
        await asyncio.sleep(BEAT)


async def stop(task: asyncio.Future[Any]) -> None:
    """Cancel a task until it is done: up to Python 3.11, ``wait_for`` loses a cancellation while redis-py sends."""
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=SECONDS_TO_CANCEL)
    if not task.cancelled():
        task.exception()  # nobody waits for what it came to
