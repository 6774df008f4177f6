"""OpenAICompatible: a model on any server that speaks OpenAI's chat completions, asked directly over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, Final
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from pydantic import BaseModel, Field, field_validator
from pydantic_core import from_json
from yarl import URL

from sotopia_core.errors import ModelAccessError, ModelError
from sotopia_core.interfaces import OPERATIONAL
from sotopia_core.models import ChatMessage, ModelRequest, Usage
from sotopia_core.structured import instructions_for, json_schema_for, schema_text_for
from sotopia_models.faults import Fault, retry_after, without_secrets
from sotopia_models.served import SEED_RANGE, Answer, ServedModel, checked_url, key_from, scalar_values, schema_name

LARGEST_RESPONSE: Final = 16 * 2**20
"""Bytes of a response that are read at most; what is longer is no answer to a question in a conversation."""

KEPT_ALIVE: Final = 30.0
"""Seconds that a connection without requests stays open."""

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
_sessions: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]] = WeakKeyDictionary()
_users: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, set[int]]] = WeakKeyDictionary()
"""Which instances may have requests open in an event loop: they share one session and its connections."""


class OpenAICompatible(ServedModel):
    """A model on a server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, LM Studio, a gateway.

    The server is asked directly; no client library stands between. It is sent a key only if ``api_key_env`` names the
    variable that holds one. A server that refuses schemas is asked in words from then on.
    """

    base_url: Annotated[str, OPERATIONAL] = Field(
        description='URL of the server up to "/v1", such as "http://127.0.0.1:8000/v1"; without a key'
    )

    @field_validator("base_url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        return checked_url(url).rstrip("/").removesuffix("/chat/completions")

    def check_access(self) -> None:
        """Raise ``ModelAccessError`` where ``api_key_env`` names a variable that holds no key."""
        if self.api_key_env is not None and not os.environ.get(self.api_key_env):
            raise ModelAccessError(f"{self.label} needs a key: set {self.api_key_env}")

    async def aclose(self) -> None:
        """Close the connections of the running event loop, unless another instance is still using them."""
        loop = asyncio.get_running_loop()
        self._latest.session = None
        users = _users.get(loop, set())
        users.discard(id(self))
        if not users and (session := _sessions.pop(loop, None)) is not None:
            await session.close()

    def _address(self) -> str:
        return self.base_url

    def _takes_schema(self, request: ModelRequest[Any]) -> bool:
        return True

    async def _attempt(self, request: ModelRequest[Any], *, by_schema: bool) -> Answer | Fault:
        try:
            async with await self._open_session().post(
                self._url,
                data=self._body(request, by_schema=by_schema),
                headers=self._headers(),
                timeout=self._timeouts,
                allow_redirects=False,
            ) as response:
                content = await _content(response)
        except TimeoutError as error:
            return self._fault_of_silence(error)
        except aiohttp.ClientConnectorCertificateError as error:
            return self._no_access(f"has a certificate that is not valid: {self._said(error)}")
        except aiohttp.ClientPayloadError:
            return self._broken("broke off its answer")
        except aiohttp.ClientConnectionError as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            reason = f"cannot be reached at {self.base_url}: {self._said(cause)}"
            return Fault(ModelError(f"{self.label} {reason}"), transient=True, of_server=True)
        except aiohttp.ClientError as error:
            return self._broken(f"gave an answer that cannot be read: {self._said(error)}")
        if content is None:
            return Fault(ModelError(f"{self.label} gave an answer of more than {LARGEST_RESPONSE} bytes"))
        if response.status == 200:
            return self._answer(content)
        return self._fault_of_response(response.status, content, retry_after(response.headers))

    @cached_property
    def _url(self) -> URL:
        return URL(f"{self.base_url}/chat/completions")

    @cached_property
    def _timeouts(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=self.timeout, sock_connect=self.connect_timeout, sock_read=self.read_timeout, ceil_threshold=60.0
        )

    def _headers(self) -> Mapping[str, str] | None:
        key = key_from(self.api_key_env)
        return None if key is None else {"Authorization": f"Bearer {key}"}

    @cached_property
    def _latest(self) -> _Latest:
        return _Latest()

    def _open_session(self) -> aiohttp.ClientSession:
        """Return the session of the running event loop, which all instances share."""
        loop = asyncio.get_running_loop()
        latest = self._latest
        if latest.loop is loop and latest.session is not None and not latest.session.closed:
            return latest.session
        _users.setdefault(loop, set()).add(id(self))
        session = _sessions.get(loop)
        if session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE)
            jar = aiohttp.DummyCookieJar()
            session = _sessions[loop] = aiohttp.ClientSession(connector=connector, cookie_jar=jar)
        latest.loop, latest.session = loop, session
        return session

    def _body(self, request: ModelRequest[Any], *, by_schema: bool) -> _Body:
        """Write the body of a request. By hand, since the messages of a long episode are many."""
        messages = [message.as_json() for message in request.messages]
        tail = self._options(request.temperature, request.max_tokens)
        if self.pass_seed:
            tail += f',"seed":{request.seed % SEED_RANGE}'
        response_type: type[BaseModel] | None = request.response_type
        if response_type is not None:
            if by_schema:
                tail += _response_format(response_type, request.context)
            if not by_schema or request.re_ask:  # a server may have taken the schema and not have heeded it
                schema = json_schema_for(response_type, request.context)
                _append_to_last_user_message(messages, request.messages, instructions_for(schema))
        return _Body(self._head, messages, f"]{tail}}}".encode())

    @cached_property
    def _head(self) -> bytes:
        return f'{{"model":{_encode(self.model)},"messages":['.encode()

    def _options(self, temperature: float | None, max_tokens: int | None) -> str:
        given = {
            "temperature": self.temperature if temperature is None else temperature,
            "max_tokens": self.max_tokens if max_tokens is None else max_tokens,
            "top_p": self.top_p,
        }
        return "".join(f',"{name}":{value}' for name, value in given.items() if value is not None)

    def _answer(self, content: bytes) -> Answer | Fault:
        try:
            response = _decoded(content)
            choice = response["choices"][0]
            text = _text(choice["message"].get("content"))
            usage = response.get("usage") or {}
            read, written = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
            return Answer(
                text=scalar_values(text),
                model=str(response.get("model") or self.model),
                usage=Usage.of_call(read, written, self._cost(read, written)),
                finish_reason=str(choice.get("finish_reason") or "stop"),
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return self._broken("sent something else than a chat completion")

    def _fault_of_response(self, status: int, content: bytes, asked_to_wait: float | None) -> Fault:
        if status == 401:
            if self.api_key_env is None:
                return self._no_access("wants a key (401): name the variable that holds it in api_key_env")
            return self._no_access(f"refused the key (401): set {self.api_key_env} to one that is valid")
        if 300 <= status < 400:
            return self._no_access(f"was asked at {self.base_url}, which sends elsewhere ({status}): correct base_url")
        reason = without_secrets(_error_message(content), self._key_variables)
        return self._fault_of_status(status, reason, asked_to_wait)

    def _fault_of_silence(self, error: TimeoutError) -> Fault:
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            limit, what = self.connect_timeout, "no connection"
        elif isinstance(error, aiohttp.SocketTimeoutError):
            limit, what = self.read_timeout or self.timeout, "no sign of life"
        else:
            limit, what = self.timeout, "no answer"
        return self._too_slow(what, limit)

    @property
    def _key_variables(self) -> tuple[str, ...]:
        return () if self.api_key_env is None else (self.api_key_env,)

    def _said(self, error: Exception) -> str:
        return without_secrets(str(error), self._key_variables) or type(error).__name__


class _Body(aiohttp.Payload):
    """A body that is put together only while it is being sent: a request waits long, and its messages are there anyway.

    Its parts are a head, messages to be separated by commas, and a tail. They are let go when it is sent.
    """

    _autoclose = True  # nothing is open

    def __init__(self, head: bytes, messages: Sequence[bytes], tail: bytes) -> None:
        super().__init__((head, messages, tail), content_type="application/json")
        self._size = len(head) + sum(map(len, messages)) + max(len(messages) - 1, 0) + len(tail)

    def _whole(self) -> bytes:
        head, messages, tail = self._value
        return b"%b%b%b" % (head, b",".join(messages), tail)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._whole().decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        whole = self._whole()
        self._value, self._consumed = (b"", (), b""), True
        await writer.write(whole)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self.write(writer)


@dataclass(slots=True)
class _Latest:
    """The event loop that a model was asked in last, and its session."""

    loop: asyncio.AbstractEventLoop | None = None
    session: aiohttp.ClientSession | None = None


async def _content(response: aiohttp.ClientResponse) -> bytes | None:
    """Read a response to its end; None where it is too long."""
    if response.content_length is not None and response.content_length <= LARGEST_RESPONSE:
        return await response.read()
    read = bytearray()
    async for part in response.content.iter_any():
        read += part
        if len(read) > LARGEST_RESPONSE:
            response.close()
            return None
    return bytes(read)


@lru_cache(maxsize=512)
def _response_format(response_type: type[BaseModel], context: Hashable) -> str:
    """Return the end of a body that asks for a type."""
    name, schema = schema_name(response_type), schema_text_for(response_type, context)
    return (
        f',"response_format":{{"type":"json_schema","json_schema":{{"name":"{name}","strict":true,"schema":{schema}}}}}'
    )


def _append_to_last_user_message(written: list[bytes], messages: Sequence[ChatMessage], words: str) -> None:
    for position in reversed(range(len(messages))):
        if messages[position].role == "user":
            told = ChatMessage(role="user", content=f"{messages[position].content}\n\n{words}")
            written[position] = told.as_json()
            return
    written.append(ChatMessage(role="user", content=words).as_json())


def _decoded(content: bytes) -> Any:
    try:
        return from_json(content)
    except ValueError:
        return json.loads(content)  # which takes half a surrogate pair, as some servers send when they cut a text off


def _text(content: object) -> str:
    """Return the text of a message: as it is, or of the parts that some servers make of it."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return content if isinstance(content, str) else ""


def _error_message(content: bytes) -> str:
    """Return what an error's body says, whatever form the server gives it."""
    text = content.decode(errors="replace")
    try:
        error = json.loads(text)
    except (ValueError, RecursionError):
        return text
    while isinstance(error, dict):
        inner = [error[key] for key in ("error", "message", "detail") if error.get(key)]
        if not inner:
            return text
        error = inner[0]
    return error if isinstance(error, str) else text
