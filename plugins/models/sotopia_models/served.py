"""What all models on a server have in common: how they are asked, how patiently, and when that is given up."""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from sotopia_core.errors import ModelAccessError, ModelError
from sotopia_core.interfaces import OPERATIONAL, Model
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_models.endpoint import Endpoint, Pace, pause_before
from sotopia_models.faults import REFUSED_FOR_GOOD, WORTH_ANOTHER_TRY, Fault

TAKES_NO_SCHEMA: Final = frozenset({400, 415, 422, 501})
"""Statuses by which servers refuse a schema that they do not understand."""

SEED_RANGE: Final = 2**31
"""Seeds are sent modulo this: some servers keep them in 32 bits."""


@dataclass(slots=True)
class Answer:
    """What a server answered to one request; ``in_vain`` counts others that were sent on the way to it."""

    text: str
    model: str
    usage: Usage
    finish_reason: str
    in_vain: int = 0


class ServedModel(Model):
    """A model that a server serves: a provider implements :meth:`_attempt`, and this asks again where that can help.

    Rate limits, timeouts, broken connections and errors of the server are tried again, ``attempts`` times in all;
    nothing else is. A server in trouble is left alone for a while by all requests at once, see :class:`.Endpoint`.
    """

    model: str = Field(min_length=1, description="The model's name on the server")
    temperature: float | None = Field(default=None, ge=0, le=2, description="None: the server's own default")
    top_p: float | None = Field(default=None, gt=0, le=1, description="None: the server's own default")
    max_tokens: int | None = Field(default=None, gt=0, description="Longest reply; None: the server's own default")
    pass_seed: bool = Field(default=False, description="Whether each request's seed is sent, for servers that take one")
    structured: Literal["auto", "schema", "instructions"] = Field(
        default="auto",
        description="How typed replies are asked for: by the server's own support for schemas, or in words",
    )
    api_key_env: Annotated[str | None, OPERATIONAL] = Field(
        default=None, description="The environment variable that holds the key"
    )
    connect_timeout: Annotated[float, OPERATIONAL] = Field(
        default=10.0, gt=0, allow_inf_nan=False, description="Seconds until a connection must stand"
    )
    read_timeout: Annotated[float | None, OPERATIONAL] = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that the server may be silent; None: as long as the attempt may take",
    )
    timeout: Annotated[float, OPERATIONAL] = Field(
        default=120.0, gt=0, allow_inf_nan=False, description="Seconds that one attempt may take"
    )
    attempts: Annotated[int, OPERATIONAL] = Field(default=5, ge=1, le=20, description="Attempts in all")
    longest_pause: Annotated[float, OPERATIONAL] = Field(
        default=60.0, ge=0, allow_inf_nan=False, description="Seconds to wait between attempts, at most"
    )
    pause_after: Annotated[int, OPERATIONAL] = Field(
        default=5, ge=1, description="Faults in a row, of all requests together, after which all of them pause"
    )
    longest_outage: Annotated[float, OPERATIONAL] = Field(
        default=300.0, ge=0, allow_inf_nan=False, description="Seconds that a request waits, in all, while all pause"
    )
    concurrency: Annotated[int | None, OPERATIONAL] = Field(
        default=None, ge=1, description="Requests under way at a time; None: as many as there are"
    )
    requests_per_minute: Annotated[float | None, OPERATIONAL] = Field(
        default=None, gt=0, allow_inf_nan=False, description="Requests sent in a minute, evenly; None: no limit"
    )

    input_price: Annotated[float | None, OPERATIONAL] = Field(
        default=None, ge=0, allow_inf_nan=False, description="US dollars for a million tokens read"
    )
    output_price: Annotated[float | None, OPERATIONAL] = Field(
        default=None, ge=0, allow_inf_nan=False, description="US dollars for a million tokens written"
    )

    @cached_property
    def _state(self) -> _State:
        return _State()

    @property
    def label(self) -> str:
        """The model's name, as it was asked for."""
        return self.model

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Ask the model, again after transient faults.

        Raises ``ModelAccessError`` where no further request can succeed, ``ModelError`` for all else; neither holds a
        key, nor the error of a library that it was made from, which might.
        """
        self.check_access()
        lane = self._own_lane()
        patience = _Patience(self.longest_outage)
        began = time.monotonic()
        sent = counted = 0
        while True:
            sent += 1
            if lane.slots is None:
                outcome, excused = await self._send(request, lane, patience)
            else:
                async with lane.slots:
                    outcome, excused = await self._send(request, lane, patience)
            if isinstance(outcome, Answer):
                return Completion(
                    text=outcome.text,
                    model=outcome.model,
                    usage=outcome.usage,
                    attempts=sent + outcome.in_vain,
                    latency=time.monotonic() - began,
                    finish_reason=outcome.finish_reason,
                )
            counted += not excused
            if not outcome.transient or counted >= self.attempts:
                raise self._final(outcome, sent)
            if not excused:
                await asyncio.sleep(self._pause(outcome, counted, sent))

    async def _send(self, request: ModelRequest[Any], lane: _Lane, patience: _Patience) -> tuple[Answer | Fault, bool]:
        """Send the request when it may be sent. Returns the outcome, and whether the attempt does not count."""
        if lane.pace is not None:
            await lane.pace.wait()
        if not (lane.endpoint.paused and await self._wait_out(lane.endpoint, patience)):
            outcome = await self._ask(request)
            return outcome, self._note(lane.endpoint, outcome, ahead=False)
        with _taking_note(lane.endpoint):
            outcome = await self._ask(request)
            return outcome, self._note(lane.endpoint, outcome, ahead=True)

    async def _ask(self, request: ModelRequest[Any]) -> Answer | Fault:
        """Send the request once, and in words where the server turns out to take no schema."""
        if request.response_type is None or self.structured == "instructions" or self._state.in_words:
            return await self._attempt(request, by_schema=False)
        if self.structured == "auto" and not self._takes_schema(request):
            return await self._attempt(request, by_schema=False)
        outcome = await self._attempt(request, by_schema=True)
        if self.structured == "auto" and isinstance(outcome, Fault) and outcome.status in TAKES_NO_SCHEMA:
            second = await self._attempt(request, by_schema=False)
            if isinstance(second, Answer):
                self._state.in_words = True
                return replace(second, in_vain=1)
        return outcome

    @abstractmethod
    async def _attempt(self, request: ModelRequest[Any], *, by_schema: bool) -> Answer | Fault:
        """Send the request once, for no longer than the timeouts. No exception of a library goes further.

        ``by_schema`` says whether the ``response_type`` is asked for beside the messages, or in words.
        """

    @abstractmethod
    def _takes_schema(self, request: ModelRequest[Any]) -> bool:
        """Return whether the server is likely to take the schema of the ``response_type``."""

    def estimated_cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return what so many tokens cost by the model's prices, in US dollars; None where it has none."""
        return self._cost(input_tokens, output_tokens)

    def _cost(self, input_tokens: int, output_tokens: int) -> float | None:
        if self.input_price is None and self.output_price is None:
            return None
        return ((self.input_price or 0.0) * input_tokens + (self.output_price or 0.0) * output_tokens) / 1e6

    @abstractmethod
    def _address(self) -> str:
        """Return what tells this server from others."""

    def _note(self, endpoint: Endpoint, outcome: Answer | Fault, *, ahead: bool) -> bool:
        """Tell the endpoint of an outcome. Returns whether the attempt does not count, since all requests pause."""
        if isinstance(outcome, Fault) and outcome.of_server:
            return endpoint.failed(
                str(outcome.error),
                limit=self.pause_after,
                longest=self.longest_pause,
                asked_to_wait=outcome.retry_after,
                ahead=ahead,
            )
        endpoint.succeeded()
        return False

    async def _wait_out(self, endpoint: Endpoint, patience: _Patience) -> bool:
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience.seconds):
                return await endpoint.wait()
        except TimeoutError:
            raise ModelError(
                f"{endpoint.last_fault}; waiting for longest_outage = {self.longest_outage:g} seconds did not help"
            ) from None
        finally:
            patience.seconds = max(0.0, patience.seconds - (time.monotonic() - began))

    def _pause(self, fault: Fault, counted: int, sent: int) -> float:
        """Return the seconds to wait before the next attempt; raises the fault's error where they are too many."""
        if fault.retry_after is None:
            return pause_before(counted + 1, self.longest_pause)
        if fault.retry_after > self.longest_pause:
            raise self._final(fault, sent)
        return min(self.longest_pause, fault.retry_after * random.uniform(1.0, 1.1))

    def _final(self, fault: Fault, sent: int) -> ModelError:
        """Return the error to give up with: the fault's, with what was tried."""
        error = fault.error
        if fault.retry_after is not None and fault.retry_after > self.longest_pause:
            wish = f"asks to wait {fault.retry_after:g} seconds, longer than longest_pause = {self.longest_pause:g}"
            return ModelError(f"{error}; it {wish}")
        return ModelError(f"{error}; tried {sent} times") if fault.transient and sent > 1 else error

    def _own_lane(self) -> _Lane:
        """Return the limits of this model in the running event loop."""
        lane, loop = self._state.lane, asyncio.get_running_loop()
        if lane is None or lane.loop is not loop:
            lane = _Lane(
                loop,
                Endpoint.of(self._address(), self.model),
                None if self.concurrency is None else asyncio.Semaphore(self.concurrency),
                None if self.requests_per_minute is None else Pace(self.requests_per_minute),
            )
            self._state.lane = lane
        return lane

    def _fault_of_status(self, status: int, reason: str, asked_to_wait: float | None = None) -> Fault:
        """Judge an answer by its HTTP status; ``reason`` holds no key."""
        if status in REFUSED_FOR_GOOD:
            return self._no_access(f"refused the request for good ({status}): {reason}")
        transient = status in WORTH_ANOTHER_TRY or status >= 500
        return Fault(
            ModelError(f"{self.label} failed ({status}): {reason}"),
            transient=transient,
            of_server=transient,
            retry_after=asked_to_wait,
            status=status,
        )

    def _no_access(self, reason: str) -> Fault:
        return Fault(ModelAccessError(f"{self.label} {reason}"))

    def _too_slow(self, what: str, seconds: float) -> Fault:
        return Fault(ModelError(f"{self.label} gave {what} within {seconds:g} seconds"), transient=True, of_server=True)

    def _broken(self, reason: str) -> Fault:
        return Fault(ModelError(f"{self.label} {reason}"), transient=True)


@dataclass(slots=True)
class _Patience:
    """The seconds that a request may still spend waiting for a server in trouble."""

    seconds: float


@dataclass(frozen=True, slots=True)
class _Lane:
    """What bounds one model's requests in one event loop."""

    loop: asyncio.AbstractEventLoop
    endpoint: Endpoint
    slots: asyncio.Semaphore | None
    pace: Pace | None


@dataclass(slots=True)
class _State:
    """What a model has found out: its limits in the latest event loop, and whether its server takes no schema."""

    lane: _Lane | None = None
    in_words: bool = False


@contextmanager
def _taking_note(endpoint: Endpoint) -> Iterator[None]:
    """Tell the endpoint where the request that went ahead of all others is cancelled, so that another may go."""
    try:
        yield
    except BaseException:
        endpoint.abandoned()
        raise


def checked_url(url: str) -> str:
    """Return the URL of a server; ``ValueError`` where it is none, or holds a password or a key."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL that begins with http:// or https:// was expected")
    if "@" in parts.netloc or parts.query:
        raise ValueError("the URL may hold no password and no key; name the variable that does in api_key_env")
    return url


def is_this_machine(url: str) -> bool:
    """Return whether a URL names this machine, by its loopback address or name."""
    host = urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return host == "localhost"


def schema_name(response_type: type[BaseModel]) -> str:
    """Return the name of a type, in the characters that servers take."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", response_type.__name__)[:64]


def scalar_values(text: str) -> str:
    """Replace lone surrogates, which JSON can smuggle into a reply and nothing can store, with U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def key_from(variable: str | None) -> str | None:
    """Return the key that an environment variable holds, None where it holds none."""
    return None if variable is None else os.environ.get(variable) or None
