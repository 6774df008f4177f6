"""A model for ``--load``: the plainest client of a chat server on this machine."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from sotopia_core.errors import ModelError
from sotopia_core.interfaces import Model
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_core.structured import json_schema_for


class Loopback(Model):
    """Asks a chat server at a port of 127.0.0.1; each request carries its seed, which no two of a run share."""

    port: int

    @property
    def label(self) -> str:
        return "loopback"

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        body: dict[str, Any] = {
            "model": "loopback",
            "seed": request.seed,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        }
        if request.response_type is not None:
            schema = json_schema_for(request.response_type, request.context)
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
        answer = json.loads(await self._post(json.dumps(body).encode()))
        usage = answer["usage"]
        return Completion(
            text=answer["choices"][0]["message"]["content"],
            model=answer["model"],
            usage=Usage(calls=1, input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"]),
        )

    async def _post(self, body: bytes) -> bytes:
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(head.encode() + body)
                answer = await reader.read()
            finally:
                writer.close()
        except OSError as error:
            raise ModelError(f"loopback: {error}") from error
        status, _, content = answer.partition(b"\r\n\r\n")
        if b" 200 " not in status.split(b"\r\n")[0]:
            raise ModelError(f"loopback: {status.splitlines()[0].decode() if status else 'no answer'}")
        return content
