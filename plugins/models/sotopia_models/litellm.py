"""LiteLLM: a model on any server that the litellm library reaches, by its litellm id."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final
from weakref import WeakKeyDictionary

from pydantic import Field, field_validator

from sotopia_core.errors import MissingExtraError, ModelAccessError, ModelError
from sotopia_core.interfaces import OPERATIONAL
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_core.structured import instructions_for, json_schema_for
from sotopia_models.faults import Fault, retry_after, without_secrets
from sotopia_models.served import (
    SEED_RANGE,
    Answer,
    ServedModel,
    checked_url,
    is_this_machine,
    scalar_values,
    schema_name,
)

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

PLAIN_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

MISSING: Final = "LiteLLM needs the package litellm: pip install 'sotopia-core[litellm]'"
LITELLM_PREFIX: Final = re.compile(r"^(?:(?:litellm\.)?\w+: )*(?:\w+Exception - )?")
PRICES: Final = "model_prices_and_context_window_backup.json"
CLOSING_SECONDS: Final = 5.0

_loading: Final = threading.Lock()
_loaded: Final = threading.Event()
_users: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, set[int]]] = WeakKeyDictionary()
"""Which instances may have calls open in an event loop: litellm's connections are shared by all of them."""


class LiteLLM(ServedModel):
    """A model by its litellm id, such as ``openai/gpt-4o`` or ``together_ai/meta-llama/Llama-3-70b-chat-hf``.

    Keys come from the environment variables that litellm reads, or from the one that ``api_key_env`` names. A server
    on this machine is sent a key only if ``api_key_env`` names one. litellm itself is imported with the first request,
    which takes some seconds; its own retries are off.
    """

    model: str = Field(min_length=1, description='A litellm id, such as "openai/gpt-4o"')
    drop_params: bool = Field(
        default=False, description="Whether options that the model does not take are left out, instead of an error"
    )
    api_base: Annotated[str | None, OPERATIONAL] = Field(default=None, description="URL of the server, without a key")
    api_key_env: Annotated[str | None, OPERATIONAL] = Field(
        default=None, description="The environment variable that holds the key; None: those that litellm reads"
    )

    @field_validator("api_base")
    @classmethod
    def _without_a_password(cls, url: str | None) -> str | None:
        return None if url is None else checked_url(url)

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
        return NO_KEY if unset or is_this_machine(self.api_base) else None

    async def aclose(self) -> None:
        """Close litellm's connections of the running event loop, unless another instance is still using them."""
        loop = asyncio.get_running_loop()
        users = _users.get(loop, set())
        if id(self) not in users:
            return
        users.discard(id(self))
        if not users:
            await _close_connections(await _litellm())

    def _address(self) -> str:
        return self.api_base or "its provider"

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Ask the model, as all models on servers are asked; litellm is imported first."""
        self.check_access()
        await _litellm()
        return await super().complete(request)

    async def _attempt(self, request: ModelRequest[Any], *, by_schema: bool) -> Answer | Fault:
        litellm: Any = sys.modules["litellm"]
        _users.setdefault(asyncio.get_running_loop(), set()).add(id(self))
        arguments = self._arguments(request, by_schema=by_schema)
        # litellm prepares a call in a thread; cancelled meanwhile, it drops the coroutine that the thread made.
        warnings.filterwarnings("ignore", r"coroutine '.*completion.*' was never awaited", RuntimeWarning)
        # With its first call litellm makes types of which pydantic has something to say to litellm's authors.
        warnings.filterwarnings("ignore", r"Items? .* on TypedDict class .* using the `ReadOnly`", UserWarning)
        try:
            async with asyncio.timeout(self.timeout):
                return self._answer(await litellm.acompletion(**arguments))
        except TimeoutError:
            return self._too_slow("no answer", self.timeout)
        except Exception as error:  # whatever litellm and the clients below it raise
            return self._fault_of(litellm, error)

    def _arguments(self, request: ModelRequest[Any], *, by_schema: bool) -> dict[str, Any]:
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        response_format = None
        if request.response_type is not None:
            schema = json_schema_for(request.response_type, request.context)
            if by_schema:
                asked_for = {"name": schema_name(request.response_type), "schema": schema, "strict": True}
                response_format = {"type": "json_schema", "json_schema": asked_for}
            if not by_schema or request.re_ask:  # a server may have taken the schema and not have heeded it
                _append_to_last_user_message(messages, instructions_for(schema))
        given = {
            "temperature": self.temperature if request.temperature is None else request.temperature,
            "max_tokens": self.max_tokens if request.max_tokens is None else request.max_tokens,
            "top_p": self.top_p,
            "seed": request.seed % SEED_RANGE if self.pass_seed else None,
            "response_format": response_format,
            "api_base": self.api_base,
            "api_key": self._key(),
        }
        return {
            "model": self.model,
            "messages": messages,
            "timeout": self._timeouts(),
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": self.drop_params,
            **{name: value for name, value in given.items() if value is not None},
        }

    def _timeouts(self) -> Any:
        httpx: Any = sys.modules["httpx"]  # which litellm has imported
        return httpx.Timeout(self.read_timeout or self.timeout, connect=self.connect_timeout)

    def _takes_schema(self, request: ModelRequest[Any]) -> bool:
        assert request.response_type is not None
        # Anthropic's models refuse property names such as "Mia Davis" in schemas, wherever they are served.
        names = json_schema_for(request.response_type, request.context)["properties"]
        if "claude" in self.model.lower() and not all(map(PLAIN_NAME.fullmatch, names)):
            return False
        return self.api_base is not None or bool(sys.modules["litellm"].supports_response_schema(model=self.model))

    def _answer(self, response: Any) -> Answer | Fault:
        if not response.choices:
            return self._broken("sent a response without a reply")
        choice = response.choices[0]
        return Answer(
            text=scalar_values(choice.message.content or ""),
            model=response.model or self.model,
            usage=self._usage(response),
            finish_reason=choice.finish_reason or "stop",
        )

    def estimated_cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return what so many tokens cost by the model's prices, else by litellm's; None where it is in neither."""
        own = self._cost(input_tokens, output_tokens)
        if own is not None:
            return own
        found = _price_map().get(self.model) or _price_map().get(self.model.partition("/")[2]) or {}
        read, written = found.get("input_cost_per_token"), found.get("output_cost_per_token")
        return None if read is None or written is None else read * input_tokens + written * output_tokens

    def _usage(self, response: Any) -> Usage:
        usage = getattr(response, "usage", None)
        if usage is None:
            return Usage(calls=1, cost=None)
        read, written = usage.prompt_tokens or 0, usage.completion_tokens or 0
        cost = self._cost(read, written)
        if cost is None:
            # litellm has looked up the price already; asking for it again would take a tenth of the whole call's time.
            cost = getattr(response, "_hidden_params", {}).get("response_cost")
        return Usage(calls=1, input_tokens=read, output_tokens=written, cost=cost)

    def _fault_of(self, litellm: Any, error: Exception) -> Fault:
        status = getattr(error, "status_code", None)
        reason = self._said(error)
        if status == 401:
            if self._key() == NO_KEY:
                return self._no_access("wants a key (401): name the variable that holds it in api_key_env")
            return self._no_access(f"refused the key (401): set {self._where_the_key_goes} to one that is valid")
        if isinstance(error, litellm.UnsupportedParamsError):
            return self._no_access(f"does not take an option, unless drop_params = true leaves it out: {reason}")
        if "LLM Provider NOT provided" in str(error):
            return self._no_access('is no id that litellm knows: one such as "openai/gpt-4o" was expected')
        if not isinstance(status, int):
            return Fault(ModelError(f"{self.label} gave an answer that litellm cannot read: {reason}"))
        return self._fault_of_status(status, reason, _retry_after(error))

    def _said(self, error: Exception) -> str:
        message = getattr(error, "message", None)
        text = LITELLM_PREFIX.sub("", message if isinstance(message, str) else str(error))
        return without_secrets(text, self._variables) or type(error).__name__


@lru_cache(maxsize=1)
def _price_map() -> dict[str, dict[str, Any]]:
    """Return the prices that come with litellm, read from their file: importing litellm takes seconds."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    prices: dict[str, dict[str, Any]] = json.loads(Path(spec.origin).with_name(PRICES).read_bytes())
    return prices


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


def _retry_after(error: Exception) -> float | None:
    """Return the seconds that the server asks to wait, by whichever headers litellm kept."""
    response_headers = getattr(getattr(error, "response", None), "headers", None)
    for headers in (getattr(error, "litellm_response_headers", None), response_headers):
        if isinstance(headers, Mapping) and (seconds := retry_after(headers)) is not None:
            return seconds
    return None
