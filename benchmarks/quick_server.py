"""A chat server that costs little: its replies are made up beforehand, and nothing that it is sent is checked.

The server of the testing kit misbehaves on request, and pays for it in every request; with this one it is the client
that is measured. ``python -m benchmarks.quick_server LATENCY [FILE]`` answers each request after so many seconds, and
writes the bodies that came in to a file. A line on its output says the port; it ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Final, Self

from benchmarks.playing import ACTION_TEXT, judgement

PROPERTIES: Final = b'"goal"'
"""Stands in the schema for a judge's reply, with its quotation marks, and in no schema for an agent's."""

SCHEMA: Final = b'"response_format":'


class QuickServer:
    """The server, in a process of its own, inside the ``with`` block. ``url`` is for clients to begin with."""

    def __init__(self, latency: float = 0.0, bodies: Path | None = None) -> None:
        self.url = ""
        self._arguments = [str(latency), *([] if bodies is None else [str(bodies)])]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.quick_server", *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate(timeout=10)


class _Connection(asyncio.Protocol):
    def __init__(self, latency: float, bodies: IO[bytes] | None) -> None:
        self._latency = latency
        self._bodies = bodies
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._data[:end].lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self._data) < end + 4 + size:
            return
        body = bytes(self._data[end + 4 :])
        self._data.clear()
        if self._bodies is not None:
            self._bodies.write(b"%d\n%s" % (len(body), body))
            self._bodies.flush()
        assert self._transport is not None
        response = _response(_reply_to(body))
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._send, response)
        else:
            self._transport.write(response)

    def _send(self, response: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(response)


def _reply_to(body: bytes) -> str:
    _, _, asked = body.rpartition(SCHEMA)
    if PROPERTIES not in asked:
        return ACTION_TEXT
    form: dict[str, Any] = json.loads(body)["response_format"]
    return judgement(tuple(form["json_schema"]["schema"]["properties"]))


def _response(text: str) -> bytes:
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "quick",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050},
    }
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


async def _serve(latency: float, bodies: IO[bytes] | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(latency, bodies), "127.0.0.1", 0, backlog=8192)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def read_bodies(path: Path) -> list[bytes]:
    """Return the bodies that a server wrote down, in the order they came in."""
    bodies: list[bytes] = []
    with path.open("rb") as file:
        while size := file.readline():
            bodies.append(file.read(int(size)))
    return bodies


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    seconds, *kept = sys.argv[1:]
    with Path(kept[0] if kept else os.devnull).open("wb") as file:
        asyncio.run(_serve(float(seconds), file if kept else None))
