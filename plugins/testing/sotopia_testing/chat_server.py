"""An OpenAI-compatible chat-completions server for tests: scripted replies and faults, in a process of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import IO, Any, Self

from aiohttp import web

from sotopia_testing.chat_faults import STATUSES, Fault, twisted

START_SECONDS = 30.0
STOP_SECONDS = 5.0
TOKEN_CHARACTERS = 4
LARGEST_REQUEST = 64 * 2**20
FOREVER = 86_400.0
SECONDS_BETWEEN_DRIPS = 0.05

DEFAULT_TEXT = "Hello there."
"""What the server says to a request that asks for no schema and that nothing was scripted for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One scripted reply, sent after ``delay`` seconds.

    ``text`` is what the model says; None leaves it to the request's JSON schema, or to ``DEFAULT_TEXT``. With a
    ``status`` of 400 or more, ``text`` is the error's message instead. ``model`` is the name the model gives itself
    (None: the one it was asked by), ``finish_reason`` is ``"length"`` for a reply that was cut off. ``body`` is sent as
    it is in place of all that. ``fault`` is what goes wrong with it, see :data:`.FAULTS`. Stopping the server waits for
    no reply.
    """

    text: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    model: str | None = None
    finish_reason: str = "stop"
    body: str | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as it came in; header names are in lower case, ``received`` is seconds since the server started."""

    body: dict[str, Any]
    headers: dict[str, str]
    received: float


class ChatServer:
    """A chat server on a free port of 127.0.0.1, alive inside the ``with`` block::

        with ChatServer(["Hi!", Reply(status=429, headers={"Retry-After": "1"})]) as server:
            model = LiteLLM(model="openai/scripted", api_base=server.url)

    To choose a reply the server takes, in this order: the first rule whose text occurs in a message; the next of
    ``replies``, each used once; and then an answer of its own, the simplest one that fits the request's JSON schema
    (``"speak"`` where that is allowed, else the first choice; the lowest numbers), or ``DEFAULT_TEXT``. A string stands
    for ``Reply(text=...)``. ``latency`` is added to every answer, in seconds. Usage counts a token for each four
    characters, rounded up. ``keep`` is how many of the latest requests are remembered. Streaming is refused.

    ``faults`` gives the share of answers (0 to 1) that go wrong in each way, see :data:`.FAULTS`; ``seed`` draws which
    ones. ``replies`` are spared. :meth:`misbehaved` counts them.

    The server is a process of its own, so that it takes no time from the event loop under test. It ends with the
    block, and when the process that started it ends in any other way.
    """

    def __init__(
        self,
        replies: Iterable[Reply | str] = (),
        *,
        rules: Mapping[str, Reply | str] | None = None,
        latency: float = 0.0,
        keep: int = 10_000,
        faults: Mapping[Fault, float] | None = None,
        seed: int = 0,
    ) -> None:
        self._script = {
            "replies": _as_json(replies),
            "rules": dict(zip(rules or (), _as_json((rules or {}).values()), strict=True)),
            "latency": latency,
            "keep": keep,
            "faults": dict(faults or {}),
            "seed": seed,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The base URL for clients: ``http://127.0.0.1:PORT/v1``."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Start the process and wait until it listens; ``RuntimeError`` where it does not within 30 seconds."""
        command = [sys.executable, "-c", "from sotopia_testing.chat_server import serve; serve()"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._process = process
        guard = threading.Timer(START_SECONDS, process.kill)
        guard.start()
        try:
            _pipe(process.stdin).write(json.dumps(self._script).encode() + b"\n")
            _pipe(process.stdin).flush()
            line = _pipe(process.stdout).readline()
        except OSError:
            line = b""
        finally:
            guard.cancel()
        if not line:
            self.stop()
            raise RuntimeError("the chat server did not start; what it wrote on the error stream says why")
        self._port = int(line)

    def stop(self) -> None:
        """End the process, whatever it is doing; stopping twice is harmless."""
        process, self._process = self._process, None
        if process is None:
            return
        _pipe(process.stdout).close()
        try:
            _pipe(process.stdin).close()
            process.wait(STOP_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def script(self, *replies: Reply | str) -> None:
        """Add replies to those that are still to be used."""
        self._control("POST", _as_json(replies))

    def reset(self) -> None:
        """Forget the replies that are still to be used, and all requests; for a server that several tests share."""
        self._control("DELETE")

    def requests(self) -> list[SeenRequest]:
        """Return the requests for completions, oldest first, those included that wait for their answer."""
        return [SeenRequest(**seen) for seen in self._control("GET")["requests"]]

    def count(self) -> int:
        """Return how many requests for completions came in since the start, or the last reset."""
        return int(self._control("GET", path="/control/count")["count"])

    def misbehaved(self) -> dict[str, int]:
        """Return how many answers went wrong, by the way in which they did, since the start."""
        return dict(self._control("GET", path="/control/count")["faults"])

    def _control(self, method: str, payload: object = None, path: str = "/control") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=STOP_SECONDS)
        try:
            connection.request(method, path, None if payload is None else json.dumps(payload))
            return json.load(connection.getresponse())
        finally:
            connection.close()


def _as_json(replies: Iterable[Reply | str]) -> list[dict[str, Any]]:
    return [asdict(Reply(text=reply) if isinstance(reply, str) else reply) for reply in replies]


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "the process was started with pipes"
    return stream


def instance_of(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """Return the simplest JSON value that a JSON schema accepts.

    Knows references, choices (``anyOf``, ``oneOf``, ``enum``, ``const``), objects, arrays, and bounds on numbers and
    lengths, as pydantic writes them; patterns and formats are not looked at.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return instance_of(_resolve(str(schema["$ref"]), root), root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return "speak" if "speak" in schema["enum"] else schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return instance_of(schema[choice][0], root)
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {
                name: instance_of(part, root) for name, part in schema.get("properties", {}).items() if name in required
            }
        case "array":
            return _array(schema, root)
        case "string":
            return "text".ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return False
    return None


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return dict(found)


def _array(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Any]:
    if "prefixItems" in schema:
        return [instance_of(item, root) for item in schema["prefixItems"]]
    return [instance_of(schema["items"], root) for _ in range(schema.get("minItems", 0))]


def _number(schema: Mapping[str, Any]) -> int | float:
    step = 1 if schema["type"] == "integer" else 0.5
    low: int | float | None = schema.get("minimum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + step
    high: int | float | None = schema.get("maximum")
    if high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - step
    return low if low is not None else 0 if high is None else min(0, high)


class _Service:
    """The server's side: the script, what came in, and the handlers."""

    def __init__(
        self,
        *,
        replies: Sequence[Mapping[str, Any]],
        rules: Mapping[str, Mapping[str, Any]],
        latency: float,
        keep: int,
        faults: Mapping[Fault, float],
        seed: int,
    ) -> None:
        self.faults = faults
        self.random = Random(seed)
        self.misbehaved: Counter[str] = Counter()
        self.replies = deque(Reply(**reply) for reply in replies)
        self.rules = {text: Reply(**reply) for text, reply in rules.items()}
        self.latency = latency
        # Bodies stay bytes until somebody asks: a benchmark sends thousands and looks at none.
        self.seen: deque[tuple[bytes, dict[str, str], float]] = deque(maxlen=keep)
        self.count = 0
        self.started = time.monotonic()

    def application(self) -> web.Application:
        application = web.Application(client_max_size=LARGEST_REQUEST)
        application.router.add_post("/v1/chat/completions", self.complete)
        application.router.add_get("/v1/models", self.list_models)
        application.router.add_get("/control", self.show_requests)
        application.router.add_get("/control/count", self.show_count)
        application.router.add_post("/control", self.extend_script)
        application.router.add_delete("/control", self.forget)
        return application

    async def complete(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((raw, headers, time.monotonic() - self.started))
        self.count += 1
        asked = json.loads(raw)
        reply = self.choose(asked)
        if reply.fault is not None:
            self.misbehaved[reply.fault] += 1
        if delay := self.latency + (FOREVER if reply.fault == "hang" else reply.delay):
            await asyncio.sleep(delay)
        if asked.get("stream"):
            reply = Reply(status=400, text="this server does not stream")
        if reply.fault in STATUSES:
            after = {"Retry-After": "1"} if reply.fault == "429 with Retry-After" else {}
            reply = replace(reply, status=STATUSES[reply.fault], headers=after)
        body = (reply.body if reply.body is not None else json.dumps(self.answer(reply, asked))).encode()
        if reply.fault == "broken body":
            body = body[: len(body) // 2]
        content_type = (
            {} if "content-type" in {name.lower() for name in reply.headers} else {"Content-Type": "application/json"}
        )
        response_headers = {**content_type, **reply.headers}
        if reply.fault in ("drip", "closed mid-body"):
            return await self.send_badly(request, response_headers, body, reply.fault)
        return web.Response(status=reply.status, headers=response_headers, body=body)

    async def send_badly(
        self, request: web.Request, headers: Mapping[str, str], body: bytes, fault: Fault
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={**headers, "Content-Length": str(len(body))})
        await response.prepare(request)
        if fault == "drip":
            with suppress(ConnectionResetError):  # nobody has to wait for the last drop
                for byte in body:
                    await response.write(bytes([byte]))
                    await asyncio.sleep(SECONDS_BETWEEN_DRIPS)
        else:
            await response.write(body[: len(body) // 2])
            if request.transport is not None:
                request.transport.close()
        return response

    def choose(self, asked: Mapping[str, Any]) -> Reply:
        if self.rules:
            contents = [str(message.get("content")) for message in asked["messages"]]
            for text, reply in self.rules.items():
                if any(text in content for content in contents):
                    return replace(reply, fault=reply.fault or self.draw())
        return self.replies.popleft() if self.replies else Reply(fault=self.draw())

    def draw(self) -> Fault | None:
        """Return what goes wrong with the next answer of its own, if anything."""
        if not self.faults:
            return None
        drawn = self.random.random()
        for fault, share in self.faults.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None

    def answer(self, reply: Reply, asked: Mapping[str, Any]) -> dict[str, Any]:
        if reply.status >= 400:
            message = f"scripted {reply.status}" if reply.text is None else reply.text
            return {"error": {"message": message, "type": "scripted", "param": None, "code": None}}
        text = self.own_answer(asked) if reply.text is None else reply.text
        text = text if reply.fault is None else twisted(text, reply.fault)
        prompt = _tokens("".join(str(message.get("content")) for message in asked["messages"]))
        completion = _tokens(text)
        return {
            "id": f"chatcmpl-{self.count}",
            "object": "chat.completion",
            "created": 0,
            "model": asked.get("model") if reply.model is None else reply.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": reply.finish_reason,
                }
            ],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
        }

    def own_answer(self, asked: Mapping[str, Any]) -> str:
        wanted = asked.get("response_format") or {}
        if wanted.get("type") == "json_schema":
            return json.dumps(instance_of(wanted["json_schema"]["schema"]))
        return "{}" if wanted.get("type") == "json_object" else DEFAULT_TEXT

    async def list_models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    async def show_requests(self, request: web.Request) -> web.Response:
        requests = [{"body": json.loads(raw), "headers": headers, "received": at} for raw, headers, at in self.seen]
        return web.json_response({"requests": requests})

    async def show_count(self, request: web.Request) -> web.Response:
        return web.json_response({"count": self.count, "faults": self.misbehaved})

    async def extend_script(self, request: web.Request) -> web.Response:
        self.replies.extend(Reply(**reply) for reply in await request.json())
        return web.json_response({"waiting": len(self.replies)})

    async def forget(self, request: web.Request) -> web.Response:
        self.replies.clear()
        self.seen.clear()
        self.count = 0
        return web.json_response({"waiting": 0})


def _tokens(text: str) -> int:
    return -(-len(text) // TOKEN_CHARACTERS)


def serve() -> None:
    """Serve, as the process that :meth:`ChatServer.start` starts, until the standard input ends."""
    script = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(_Service(**script)))


def _end_with_parent() -> None:
    # The parent holds the other end for as long as it lives; a hanging answer must not keep this process.
    sys.stdin.buffer.read()
    os._exit(0)


async def _serve(service: _Service) -> None:
    runner = web.AppRunner(service.application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    host_and_port = runner.addresses[0]
    print(host_and_port[1], flush=True)
    await asyncio.Event().wait()
