"""Waiting for a plugin: for no longer than it may take, and telling its own faults from the kernel's limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sotopia_core.errors import OverdueError, pass_on

T = TypeVar("T")


async def within(seconds: float, work: Callable[[], Awaitable[T]]) -> T:
    """Do some work and return what it gives; ``OverdueError`` where it takes longer than ``seconds``.

    What the work raises comes through as it is, a timeout of its own included. A cancellation that nobody asked for,
    as when something inside was cancelled, becomes an ``OverdueError`` too: no answer will come, and whoever waits must
    not end with it.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work()
    except TimeoutError as error:
        if limit.expired():
            raise OverdueError(f"no answer within {seconds:g} s") from error
        raise
    except asyncio.CancelledError as error:
        pass_on(error)
        raise OverdueError("it cancelled itself") from error
