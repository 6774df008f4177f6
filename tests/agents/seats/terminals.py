"""Terminals in which a command runs: what a person types goes in, and what is shown comes out."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SOTOPIA = str(Path(sys.executable).with_name("sotopia"))
DEADLINE = 30.0


class Terminal:
    """A pseudo-terminal that controls one process, so that its keys send signals."""

    def __init__(self, *command: str, folder: Path, **environment: str) -> None:
        ours, theirs = os.openpty()
        self._side = ours
        self.text = ""
        self.seen = ""
        steering = ("SOTOPIA_BROKER", "SOTOPIA_STORAGE", "REDIS_OM_URL")
        kept = {name: value for name, value in os.environ.items() if name not in steering}
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**kept, "PYTHONUTF8": "1", "TERM": "dumb", "COLUMNS": "500", **environment},
            start_new_session=True,
            preexec_fn=_control,  # the terminal's keys reach the process as a shell would let them
        )
        os.close(theirs)

    def type(self, text: str) -> None:
        os.write(self._side, text.encode())

    def wait_for(self, marker: str) -> str:
        """Wait until the marker is shown, and return what was shown up to its end since the last time."""
        self._read_until(lambda: marker in self.text, f"{marker!r} was not shown")
        before, _, self.text = self.text.partition(marker)
        return before + marker

    def end(self) -> int:
        """Wait for the end of the process, and return its status; ``text`` then holds the rest that it showed."""
        self._read_until(lambda: self.process.poll() is not None, "the program did not end")
        while self._read(0.1):
            pass
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        """End the process as ``kill -9`` does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE)

    def close(self) -> None:
        self.kill()
        os.close(self._side)

    def _read_until(self, happened: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not happened():
            assert time.monotonic() < deadline, f"{complaint} within {DEADLINE} s, but:\n{self.seen}"
            if not self._read(0.05) and self.process.poll() is not None and not self._read(0.1):
                assert happened(), f"{complaint} before the end:\n{self.seen}"

    def _read(self, seconds: float) -> bool:
        if not select.select([self._side], [], [], seconds)[0]:
            return False
        try:
            chunk = os.read(self._side, 65536)
        except OSError:  # the other side is closed
            return False
        shown = chunk.decode(errors="surrogateescape").replace("\r\n", "\n")
        self.text += shown
        self.seen += shown
        return bool(chunk)


def _control() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
