"""The terminal as agents share it: lines typed by a person come in, text goes out, one question at a time.

Text goes to standard error, so that standard output stays clean for what the command line prints there. A line is read
when a question asks for it. If the question is given up meanwhile, the line goes to the next question; what was typed
is never dropped.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import Future
from contextlib import suppress
from select import select
from threading import Thread
from weakref import WeakKeyDictionary


class Unreadable(ValueError):
    """A typed line that is not text in the terminal's encoding."""


class Terminal:
    """Standard input and standard error of this process."""

    def __init__(self) -> None:
        self._floors: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
        self._rest = b""
        self._reading: Future[bytes] | None = None

    @property
    def floor(self) -> asyncio.Lock:
        """The lock that a question holds from its first word to its answer, one for each event loop."""
        return self._floors.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def show(self, text: str) -> None:
        """Write text that is safe to show, as it is."""
        sys.stderr.write(text)
        sys.stderr.flush()

    async def line(self) -> str | None:
        """Return the next line that is typed, without its line ending; None at the end of input.

        ``Unreadable`` if the line is no text; the line after it can be read then.
        """
        if self._reading is None:
            self._reading = Future()
            # A thread of its own, for the default executor's keep a program from ending until they are done.
            Thread(target=self._read, args=(self._reading,), name="sotopia-terminal", daemon=True).start()
        reading, loop, arrived = self._reading, asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Future[bytes]) -> None:
            with suppress(RuntimeError):  # the loop that asked may be closed by now
                loop.call_soon_threadsafe(arrived.set)

        reading.add_done_callback(tell)
        await arrived.wait()
        self._reading = None
        typed = reading.result()
        if not typed:
            return None
        try:
            return typed.decode(getattr(sys.stdin, "encoding", None) or "utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise Unreadable(f"that was not {error.encoding} text") from error

    def _read(self, reading: Future[bytes]) -> None:
        # From the descriptor and not from sys.stdin, whose lock a waiting thread would hold when the program ends.
        while b"\n" not in self._rest:
            try:
                chunk = os.read(sys.stdin.fileno(), 65536)
            except BlockingIOError:  # whoever started this process may have made its input non-blocking
                select([sys.stdin], [], [])
                continue
            except (OSError, AttributeError, ValueError):
                chunk = b""  # hung up, closed, or none from the start: nobody types any more
            if not chunk:
                break
            self._rest += chunk
        line, feed, self._rest = self._rest.partition(b"\n")
        reading.set_result(line + feed)


TERMINAL = Terminal()
"""The one terminal of this process."""
