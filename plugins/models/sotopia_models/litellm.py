"""LiteLLM: a model on any server that the litellm library reaches, by its litellm id."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import importlib
import importlib.util
import logging
import os
import random
import re
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pydantic import Field, field_validator

from sotopia_core.errors import MissingExtraError, ModelAccessError, ModelError
from sotopia_core.interfaces import OPERATIONAL, Model
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_core.structured import instructions_for, json_schema_for

FIRST_PAUSE: Final = 0.5
"""Seconds before the second attempt; each further pause is twice as long."""

KEY_VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_AI_TOKEN"),
    "xai": ("XAI_API_KEY",),
}
"""Where litellm looks for the keys of well-known providers; any one of the variables will do."""

NO_KEY: Final = "no-key"
"""Sent to servers that take no key: the client libraries insist on one."""

REFUSED_FOR_GOOD: Final = frozenset({401, 402, 403, 404})
WORTH_ANOTHER_TRY: Final = frozenset({408, 409, 425, 429})
SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
SECRET_SHAPE: Final = re.compile(r"\b(?:sk|pk|gsk|xai|hf|AIza)[-_]?[\w*-]{12,}|(?<=Bearer )\S+")
SHORTEST_SECRET: Final = 6
LONGEST_REASON: Final = 300
PLAIN_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

MISSING: Final = "LiteLLM needs the package litellm: pip install 'sotopia-core[litellm]'"
LITELLM_PREFIX: Final = re.compile(r"^(?:(?:litellm\.)?\w+: )*(?:\w+Exception - )?")
CLOSING_SECONDS: Final = 5.0

_loading: Final = threading.Lock()
_loaded: Final = threading.Event()
_users: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, set[int]]] = WeakKeyDictionary()
"""Which instances may have calls open in an event loop: litellm's connections are shared by all of them."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why one attempt failed, in words without keys, and whether another may do better."""

    error: ModelError
    transient: bool = False
    retry_after: float | None = None


class LiteLLM(Model):
    """A model by its litellm id, such as ``openai/gpt-4o`` or ``together_ai/meta-llama/Llama-3-70b-chat-hf``.

    Keys come from the environment variables that litellm reads, or from the one that ``api_key_env`` names. A server
    on this machine is sent a key only if ``api_key_env`` names one. Rate limits, timeouts, broken connections and
    errors of the server are tried again, ``attempts`` times in all; nothing else is. litellm itself is imported with
    the first request, which takes some seconds.
    """

    model: str = Field(min_length=1, description='A litellm id, such as "openai/gpt-4o"')
    temperature: float | None = Field(default=None, ge=0, le=2, description="None: the server's own default")
    top_p: float | None = Field(default=None, gt=0, le=1, description="None: the server's own default")
    max_tokens: int | None = Field(default=None, gt=0, description="Longest reply; None: the server's own default")
    pass_seed: bool = Field(default=False, description="Whether each request's seed is sent, for servers that take one")
    drop_params: bool = Field(
        default=False, description="Whether options that the model does not take are left out, instead of an error"
    )
    structured: Literal["auto", "schema", "instructions"] = Field(
        default="auto",
        description="How typed replies are asked for: by the server's own support for schemas, or in words",
    )
    api_base: Annotated[str | None, OPERATIONAL] = Field(default=None, description="URL of the server, without a key")
    api_key_env: Annotated[str | None, OPERATIONAL] = Field(
        default=None, description="The environment variable that holds the key; None: those that litellm reads"
    )
    timeout: Annotated[float, OPERATIONAL] = Field(
        default=120.0, gt=0, allow_inf_nan=False, description="Seconds that one attempt may take"
    )
    attempts: Annotated[int, OPERATIONAL] = Field(default=4, ge=1, le=20, description="Attempts in all")
    longest_pause: Annotated[float, OPERATIONAL] = Field(
        default=60.0, ge=0, allow_inf_nan=False, description="Seconds to wait between attempts, at most"
    )

    @field_validator("api_base")
    @classmethod
    def _without_a_password(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("a URL that begins with http:// or https:// was expected")
            if "@" in parts.netloc or parts.query:
                raise ValueError("the URL may hold no password and no key; name the variable that does in api_key_env")
        return url

    @property
    def label(self) -> str:
        """The litellm id."""
        return self.model

    def check_access(self) -> None:
        """Raise ``ModelAccessError`` where the variable that must hold the key is not set.

        Providers that are not well known, and those that need no key, are not checked. Raises ``MissingExtraError``
        where litellm is not installed.
        """
        if importlib.util.find_spec("litellm") is None:
            raise MissingExtraError(MISSING)
        if self._key() is None and self._variables and not any(map(os.environ.get, self._variables)):
            raise ModelAccessError(f"{self.label} needs a key: set {self._where_the_key_goes}")

    @property
    def _variables(self) -> tuple[str, ...]:
        if self.api_key_env is not None:
            return (self.api_key_env,)
        provider, slash, _ = self.model.partition("/")
        return KEY_VARIABLES.get(provider, ()) if slash else ()

    @property
    def _where_the_key_goes(self) -> str:
        if self._variables:
            return self._variables[0]
        return "the variable that litellm reads for this provider, or name another in api_key_env"

    def _key(self) -> str | None:
        """Return the key to hand to litellm; None leaves it to litellm."""
        if self.api_key_env is not None:
            return os.environ.get(self.api_key_env) or None
        if self.api_base is None:
            return None
        unset = bool(self._variables) and not any(map(os.environ.get, self._variables))
        return NO_KEY if unset or _is_this_machine(self.api_base) else None

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Ask the model, again after transient faults.

        Raises ``ModelAccessError`` where no further request can succeed, ``ModelError`` for all else; neither holds a
        key, nor the error of litellm that it was made from, which might.
        """
        self.check_access()
        litellm = await _litellm()
        started = time.monotonic()
        _users.setdefault(asyncio.get_running_loop(), set()).add(id(self))
        attempt = 1
        while isinstance(outcome := await self._ask(litellm, request), _Fault):
            pause = self._pause(outcome, attempt)
            if pause is None:
                raise outcome.error
            await asyncio.sleep(pause)
            attempt += 1
        return self._completion(outcome, attempt, time.monotonic() - started)

    async def aclose(self) -> None:
        """Close litellm's connections of the running event loop, unless another instance is still using them."""
        loop = asyncio.get_running_loop()
        users = _users.get(loop, set())
        if id(self) not in users:
            return
        users.discard(id(self))
        if not users:
            await _close_connections(await _litellm())

    async def _ask(self, litellm: Any, request: ModelRequest[Any]) -> Any:
        """Make one attempt. Returns litellm's response, or a ``_Fault``: errors of litellm go no further."""
        arguments = self._arguments(litellm, request)
        # litellm prepares a call in a thread; cancelled meanwhile, it drops the coroutine that the thread made.
        warnings.filterwarnings("ignore", r"coroutine '.*completion.*' was never awaited", RuntimeWarning)
        try:
            async with asyncio.timeout(self.timeout):
                return await litellm.acompletion(**arguments)
        except TimeoutError:
            return self._fault(f"gave no answer within {self.timeout:g} seconds", transient=True)
        except Exception as error:  # whatever litellm and the clients below it raise
            return self._fault_of(litellm, error, by_schema="response_format" in arguments)

    def _arguments(self, litellm: Any, request: ModelRequest[Any]) -> dict[str, Any]:
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        response_format = None
        if request.response_type is not None:
            schema = json_schema_for(request.response_type, request.context)
            if self._takes(litellm, schema):
                name = re.sub(r"[^a-zA-Z0-9_-]", "_", request.response_type.__name__)[:64]
                response_format = {
                    "type": "json_schema",
                    "json_schema": {"name": name, "schema": schema, "strict": True},
                }
            else:
                _append_to_last_user_message(messages, instructions_for(schema))
        given = {
            "temperature": self.temperature if request.temperature is None else request.temperature,
            "max_tokens": self.max_tokens if request.max_tokens is None else request.max_tokens,
            "top_p": self.top_p,
            # Some servers keep seeds in 32 bits.
            "seed": request.seed % 2**31 if self.pass_seed else None,
            "response_format": response_format,
            "api_base": self.api_base,
            "api_key": self._key(),
        }
        return {
            "model": self.model,
            "messages": messages,
            "timeout": self.timeout,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": self.drop_params,
            **{name: value for name, value in given.items() if value is not None},
        }

    def _takes(self, litellm: Any, schema: Mapping[str, Any]) -> bool:
        if self.structured != "auto":
            return self.structured == "schema"
        # Anthropic's models refuse property names such as "Mia Davis" in schemas, wherever they are served.
        if "claude" in self.model.lower() and not all(map(PLAIN_NAME.fullmatch, schema["properties"])):
            return False
        return self.api_base is not None or bool(litellm.supports_response_schema(model=self.model))

    def _completion(self, response: Any, attempts: int, latency: float) -> Completion:
        if not response.choices:
            raise ModelError(f"{self.label} sent a response without a reply")
        choice = response.choices[0]
        return Completion(
            text=_scalar_values(choice.message.content or ""),
            model=response.model or self.model,
            usage=_usage(response),
            attempts=attempts,
            latency=latency,
            finish_reason=choice.finish_reason or "stop",
        )

    def _pause(self, fault: _Fault, attempt: int) -> float | None:
        """Return the seconds to wait before the next attempt, or None where there shall be none."""
        if not fault.transient or attempt >= self.attempts:
            return None
        # Both ways the pauses differ, so that not all callers come back at once.
        if fault.retry_after is not None:
            pause = min(self.longest_pause, fault.retry_after * random.uniform(1.0, 1.1))
            return pause if fault.retry_after <= self.longest_pause else None
        longest = min(self.longest_pause, FIRST_PAUSE * 2 ** (attempt - 1))
        return random.uniform(longest / 2, longest)

    def _fault_of(self, litellm: Any, error: Exception, *, by_schema: bool) -> _Fault:
        status = getattr(error, "status_code", None)
        reason = _reason(error, self._variables)
        if status == 401:
            if self._key() == NO_KEY:
                return self._no_access("wants a key (401): name the variable that holds it in api_key_env")
            return self._no_access(f"refused the key (401): set {self._where_the_key_goes} to one that is valid")
        if status in REFUSED_FOR_GOOD:
            return self._no_access(f"refused the request for good ({status}): {reason}")
        if isinstance(error, litellm.UnsupportedParamsError):
            return self._no_access(f"does not take an option, unless drop_params = true leaves it out: {reason}")
        if "LLM Provider NOT provided" in str(error):
            return self._no_access('is no id that litellm knows: one such as "openai/gpt-4o" was expected')
        if not isinstance(status, int):
            return self._fault(f"gave an answer that litellm cannot read: {reason}")
        if status in (400, 422) and by_schema:
            reason += '; if it takes no schemas, set structured = "instructions"'
        transient = status in WORTH_ANOTHER_TRY or status >= 500
        return self._fault(f"failed ({status}): {reason}", transient=transient, retry_after=_retry_after(error))

    def _fault(self, reason: str, *, transient: bool = False, retry_after: float | None = None) -> _Fault:
        after = f"; tried {self.attempts} times" if transient and self.attempts > 1 else ""
        if retry_after is not None and retry_after > self.longest_pause:
            after = f"; it asks to wait {retry_after:g} seconds, longer than longest_pause = {self.longest_pause:g}"
        return _Fault(ModelError(f"{self.label} {reason}{after}"), transient=transient, retry_after=retry_after)

    def _no_access(self, reason: str) -> _Fault:
        return _Fault(ModelAccessError(f"{self.label} {reason}"))


async def _litellm() -> Any:
    """Return litellm. It is imported in a thread: that takes seconds, in which the event loop has other work."""
    if not _loaded.is_set():
        await asyncio.to_thread(_import_litellm)
    return sys.modules["litellm"]


def _import_litellm() -> None:
    with _loading:
        if _loaded.is_set():
            return
        # Without these, importing litellm fetches prices from the network and reads a .env file into the environment.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
        try:
            litellm: Any = importlib.import_module("litellm")
        except ImportError as error:
            raise MissingExtraError(f"{MISSING} ({error})") from None
        litellm.telemetry = False
        litellm.suppress_debug_info = True
        if "LITELLM_LOG" not in os.environ:
            logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
        # At the level INFO it writes URLs, and those of some providers hold the key.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        _loaded.set()


async def _close_connections(litellm: Any) -> None:
    # litellm keeps a task that logs, and caches its clients by event loop. Neither goes away by itself before the loop
    # does, which asyncio and aiohttp complain about; a closed client left in the cache would be used again.
    worker = getattr(sys.modules.get("litellm.litellm_core_utils.logging_worker"), "GLOBAL_LOGGING_WORKER", None)
    if worker is not None:
        await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.flush(), CLOSING_SECONDS)
        await worker.stop()
    cache = litellm.in_memory_llm_clients_cache
    clients, of_this_loop = cache.cache_dict, cache.update_cache_key_with_event_loop("")
    for key in [key for key in clients if str(key).endswith(of_this_loop)]:
        client = clients.pop(key)
        with contextlib.suppress(Exception):
            await client.close()


def _append_to_last_user_message(messages: list[dict[str, str]], text: str) -> None:
    for message in reversed(messages):
        if message["role"] == "user":
            message["content"] += f"\n\n{text}"
            return
    messages.append({"role": "user", "content": text})


def _usage(response: Any) -> Usage:
    usage = getattr(response, "usage", None)
    if usage is None:
        return Usage(calls=1, cost=None)
    # litellm has looked up the price already; asking for it again would take a tenth of the whole call's time.
    cost = getattr(response, "_hidden_params", {}).get("response_cost")
    return Usage(calls=1, input_tokens=usage.prompt_tokens or 0, output_tokens=usage.completion_tokens or 0, cost=cost)


def _scalar_values(text: str) -> str:
    """Replace lone surrogates, which JSON can smuggle into a reply and nothing can store, with U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return host == "localhost"


def _reason(error: Exception, key_variables: tuple[str, ...]) -> str:
    """Say what went wrong in one line that holds no key."""
    message = getattr(error, "message", None)
    text = message if isinstance(message, str) else str(error)
    secrets = {
        value
        for name, value in os.environ.items()
        if len(value) >= SHORTEST_SECRET and (name in key_variables or SECRET_NAME.search(name))
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = " ".join(SECRET_SHAPE.sub("***", LITELLM_PREFIX.sub("", text)).split())
    shown = text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
    return shown or type(error).__name__


def _retry_after(error: Exception) -> float | None:
    """Return the seconds that the server asks to wait, by its headers ``retry-after-ms`` or ``retry-after``."""
    response_headers = getattr(getattr(error, "response", None), "headers", None)
    for headers in (getattr(error, "litellm_response_headers", None), response_headers):
        if headers is None:
            continue
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, float(headers.get("retry-after-ms")) / 1000)
        given = headers.get("retry-after")
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, float(given))
        with contextlib.suppress(TypeError, ValueError):
            return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    return None
