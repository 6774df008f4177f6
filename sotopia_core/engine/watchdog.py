"""Watching the event loop of a run: what keeps it standing still is named, and stopped once it took too long.

Code that waits without awaiting keeps every episode waiting, and no timer of the event loop can ring meanwhile. A
thread looks on instead. What it cannot see is native code that does not let other threads run.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from sotopia_core.interfaces import Component
from sotopia_core.plugins import Plugin

SECONDS_UNTIL_SAID: Final = 5.0
"""How long the event loop may stand still before that is reported."""

SECONDS_UNTIL_STOPPED: Final = 600.0
"""How long a plugin without an option ``timeout`` may keep the event loop standing still."""

logger = logging.getLogger("sotopia.plugins")


class Standstill(BaseException):
    """Raised inside code that kept everything else waiting for too long; no ``Exception``, lest it be swallowed."""


@dataclass(frozen=True)
class Culprit:
    """Code of a plugin that is running: whose it is, where it is, and for how many seconds it may."""

    title: str
    where: str
    limit: float
    frame: FrameType = field(repr=False)


@contextmanager
def watching(plugins: Sequence[Plugin], said_after: float = SECONDS_UNTIL_SAID) -> Iterator[None]:
    """Watch the running event loop: a plugin that keeps it standing still is reported after ``said_after`` seconds.

    One that does so for longer than its ``timeout`` is interrupted where it is, on the main thread of systems that have
    signals, and fails for that. To be entered in the event loop.
    """
    watch = _Watch(plugins, said_after)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


class _Watch:
    def __init__(self, plugins: Sequence[Plugin], said_after: float) -> None:
        self._titles = {plugin.module.partition(".")[0].partition(":")[0]: plugin.title for plugin in plugins}
        self._said_after = said_after
        self._interval = said_after / 5
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._beat = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="sotopia-watchdog", daemon=True)
        self._said_of = 0.0  # the last beat before a standstill that was reported
        self._sentence: tuple[FrameType, str] | None = None
        self._can_stop = False

    def start(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        # Where somebody uses the signal already, it stays theirs, and a standstill is only reported.
        if main and hasattr(signal, "SIGUSR1") and signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, self._stop_it)
            self._can_stop = True
        self._tick()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
        self._thread.join()
        if self._can_stop:
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)

    def _tick(self) -> None:
        self._beat = time.monotonic()
        self._timer = self._loop.call_later(self._interval, self._tick)

    def _look(self) -> None:
        while not self._over.wait(self._interval):
            beat = self._beat
            if time.monotonic() - beat > self._said_after and (culprit := self._find_culprit()) is not None:
                self._act(culprit, beat)

    def _act(self, culprit: Culprit, beat: float) -> None:
        seconds = time.monotonic() - beat
        kept = f"kept everything else waiting for {seconds:.0f} s, in {culprit.where}"
        if self._said_of != beat:
            self._said_of = beat
            logger.warning("%s has %s; it should await, or work in a thread (asyncio.to_thread)", culprit.title, kept)
        if self._can_stop and seconds > culprit.limit:
            self._sentence = (culprit.frame, f"it {kept}, and may take {culprit.limit:g} s")
            signal.pthread_kill(self._watched, signal.SIGUSR1)

    def _find_culprit(self) -> Culprit | None:
        """Return the innermost code of a plugin among what the event loop's thread is doing."""
        frame = sys._current_frames().get(self._watched)
        while frame is not None:
            module = str(frame.f_globals.get("__name__", ""))
            this = frame.f_locals.get("self")
            title = self._titles.get(module.partition(".")[0])
            component = this if isinstance(this, Component) else None
            if component is not None or title is not None:
                name = type(component).__name__ if component is not None else ""
                owner = f"{name} of {title}" if name and title else name or title or module
                where = f"{frame.f_code.co_name} ({module}, line {frame.f_lineno})"
                limit = getattr(component, "timeout", SECONDS_UNTIL_STOPPED)
                return Culprit(owner, where, float(limit), frame)
            frame = frame.f_back
        return None

    def _stop_it(self, number: int, frame: FrameType | None) -> None:
        """Raise in the main thread, if it is still in the code that was found to take too long."""
        sentence, self._sentence = self._sentence, None
        while sentence is not None and frame is not None:
            if frame is sentence[0]:
                raise Standstill(sentence[1])
            frame = frame.f_back
