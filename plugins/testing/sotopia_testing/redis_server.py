"""A real Redis server for tests: on a free loopback port, in a folder of its own, to be killed and started again."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Final, Self
from urllib.parse import quote

HOST: Final = "127.0.0.1"
STARTS: Final = 5
"""How many ports are tried: between finding a free one and using it, another program may take it."""


class RedisServer:
    """One server process. It keeps its port and its folder when it is killed and started again.

    ``program`` is the ``redis-server`` to run, ``modules`` the shared libraries that it loads. With ``append_only`` it
    writes each command to disk before it answers; without, it forgets everything when it ends. ``patience`` is how many
    seconds it may take to start or to end::

        with RedisServer(Path("redis-server"), tmp_path) as server:
            client = redis.Redis.from_url(server.url)
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        modules: Sequence[Path] = (),
        append_only: bool = False,
        password: str | None = None,
        patience: float = 30.0,
    ) -> None:
        self.port = 0
        self._program = program
        self._folder = folder
        self._password = password
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        kept = ("--appendonly", "yes", "--appendfsync", "always") if append_only else ("--appendonly", "no")
        locked = ("--requirepass", password) if password is not None else ()
        loaded = [word for module in modules for word in ("--loadmodule", str(module))]
        self._options = ("--bind", HOST, "--dir", str(folder), "--save", "", *kept, *locked, *loaded)

    @property
    def url(self) -> str:
        """The server's URL, with its password where it has one."""
        user = "" if self._password is None else f":{quote(self._password, safe='')}@"
        return f"redis://{user}{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file that the server writes its log to."""
        return self._folder / "redis.log"

    def start(self) -> Self:
        """Start the server and wait until it answers; ``RuntimeError``, with its log, where it does not."""
        self._folder.mkdir(parents=True, exist_ok=True)
        ports = [self.port] if self.port else [_free_port() for _ in range(STARTS)]
        for port in ports:
            self.port = port
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 (the program is the caller's choice)
                    [str(self._program), "--port", str(port), *self._options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            try:
                if self._wait_until_ready(self._process):
                    return self
            except BaseException:
                self.stop()
                raise
            self.stop()
        raise RuntimeError(f"{self._program} did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + self._patience
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if self.command("PING") == "+PONG":
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def command(self, line: str) -> str:
        """Send one command without arguments that need quoting; return the first line of the reply."""
        lines = [line] if self._password is None else [f"AUTH {json.dumps(self._password)}", line]
        with socket.create_connection((HOST, self.port), self._patience) as connection:
            connection.sendall("".join(f"{one}\r\n" for one in lines).encode())
            with connection.makefile("r", encoding="utf-8", newline="\r\n") as replies:
                return [replies.readline().rstrip("\r\n") for _ in lines][-1]

    def clear(self) -> None:
        """Remove everything that is stored; ``RuntimeError`` where the server does not."""
        reply = self.command("FLUSHALL")
        if reply != "+OK":
            raise RuntimeError(f"the server at port {self.port} cannot be cleared: {reply}")

    def kill(self) -> None:
        """End the server as ``kill -9`` does, with no chance to write anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(self._patience)

    def hang(self) -> None:
        """Let the server accept connections and answer nothing, until :meth:`wake`."""
        if self._process is not None:
            self._process.send_signal(SIGSTOP)

    def wake(self) -> None:
        """Let a hanging server go on."""
        if self._process is not None:
            self._process.send_signal(SIGCONT)

    def stop(self) -> None:
        """End the server; stopping one that has ended is harmless."""
        self.kill()  # it has nothing to tidy up: what is to last was written before it answered

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
