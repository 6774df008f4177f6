"""Ending a run from outside: Ctrl-C and SIGTERM end it cleanly, and within a few seconds whatever it is doing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from threading import Timer
from types import FrameType
from typing import Any, Final, TypeVar

T = TypeVar("T")

SECONDS_TO_END: Final = 4.0
"""How long a run may take to end once it was asked to. What is durable by then is kept, the rest abandoned."""

EXIT_INTERRUPTED: Final = 130
"""What shells give a process that Ctrl-C ended."""


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop; ``KeyboardInterrupt`` where Ctrl-C, or SIGTERM, ended it.

    The first of these cancels the work, the second does not wait for it. What has not ended within
    ``SECONDS_TO_END``, as a plugin may that holds the event loop or refuses to be cancelled, is abandoned: the process
    ends there and then. A store is as safe from that as from ``kill -9``.
    """
    interruption = _Interruption()
    before = {number: signal.signal(number, interruption.hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return asyncio.run(interruption.work(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Interruption:
    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard = False

    async def work(self, work: Coroutine[Any, Any, T]) -> T:
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        return await work

    def hear(self, number: int, frame: FrameType | None) -> None:
        if self._heard or self._loop is None or self._task is None:
            raise KeyboardInterrupt
        self._heard = True
        guard = Timer(SECONDS_TO_END, _abandon)
        guard.daemon = True
        guard.start()
        self._loop.call_soon_threadsafe(self._task.cancel)


def _abandon() -> None:
    print(f"note: interrupted; what did not end within {SECONDS_TO_END:g} s was abandoned", file=sys.stderr, flush=True)
    os._exit(EXIT_INTERRUPTED)
