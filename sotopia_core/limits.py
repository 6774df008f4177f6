"""Waiting for a plugin: for no longer than it may take, and telling its own faults from the kernel's limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dis import get_instructions
from functools import lru_cache
from types import CodeType, CoroutineType
from typing import Any, Final, TypeVar

from sotopia_core.errors import OverdueError, pass_on

T = TypeVar("T")

SECONDS_TO_STOP: Final = 5.0
"""How long a plugin may take to stop once it is cancelled, before the kernel goes on without it."""

_WAITING: Final = frozenset({"GET_AWAITABLE", "GET_AITER", "GET_ANEXT", "BEFORE_ASYNC_WITH", "SEND", "YIELD_VALUE"})
"""The instructions by which a coroutine gives way to others."""

logger = logging.getLogger("sotopia.plugins")


async def within(seconds: float, work: Callable[[], Awaitable[T]], seconds_to_stop: float = SECONDS_TO_STOP) -> T:
    """Do some work and return what it gives; ``OverdueError`` where it takes longer than ``seconds``.

    What the work raises comes through as it is, a timeout of its own included. A cancellation that nobody asked for,
    as when something inside was cancelled, becomes an ``OverdueError`` too: no answer will come, and whoever waits must
    not end with it. Work that goes on although it was cancelled is abandoned after ``seconds_to_stop``.
    """
    doing = work()
    if isinstance(doing, CoroutineType) and _never_waits(doing.cr_code):
        through: T = _run_through(doing)
        return through
    if not isinstance(doing, Awaitable):
        raise TypeError(f"{type(doing).__name__} where a coroutine was expected")
    loop = asyncio.get_running_loop()
    task = asyncio.Task(_outcome(doing), loop=loop)  # sooner made than by the loop, which gives each a name
    # As asyncio.wait does, at half its cost. To wait for the task itself would let the work swallow a cancellation.
    waiter: asyncio.Future[None] = loop.create_future()

    def go_on(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(go_on)
    timer = loop.call_later(seconds, go_on)
    try:
        await waiter
    except asyncio.CancelledError:
        await _stop(task, seconds_to_stop)
        raise
    finally:
        timer.cancel()
    if not task.done():
        stopped = await _stop(task, seconds_to_stop)
        raise OverdueError(f"no answer within {seconds:g} s" + ("" if stopped else ", and it does not stop when told"))
    try:
        result, error = task.result()
    except asyncio.CancelledError as error:
        raise OverdueError("it cancelled itself") from error
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


@lru_cache(maxsize=1024)
def _never_waits(code: CodeType) -> bool:
    """Whether a coroutine with this code runs through in one go, so that no timer and no task can do anything to it."""
    return not any(instruction.opname in _WAITING for instruction in get_instructions(code))


def _run_through(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        coroutine.send(None)
    except StopIteration as returned:
        result: T = returned.value
        return result
    except asyncio.CancelledError as error:
        raise OverdueError("it cancelled itself") from error
    raise AssertionError("a coroutine without an await gave way")


async def _outcome(doing: Awaitable[T]) -> tuple[T | None, BaseException | None]:
    """Await some work and return what it gives or raises: a task that raised ``SystemExit`` would end the loop."""
    try:
        return await doing, None
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return None, error


async def _stop(task: asyncio.Task[Any], seconds: float) -> bool:
    """Cancel a task and wait for its end; abandon it where it does not come. Returns whether it came."""
    task.cancel()
    _, pending = await asyncio.wait((task,), timeout=seconds)
    for one in pending:
        abandon(one)
    return not pending


def abandon(task: asyncio.Task[Any]) -> None:
    """Go on without a task that ignores its cancellation: close what can be closed, and let nobody wait for it.

    The end of the event loop waits for every task that it knows of, and would wait for this one for ever.
    """
    task.add_done_callback(_take_note)
    # As asyncio does with a task that it gives up itself: what there is to say has been said.
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine = task.get_coro()
    try:
        if coroutine is not None:
            coroutine.close()
    except BaseException as error:  # it ignores this as well
        pass_on(error)
        logger.warning("a plugin's task ignores every request to stop, and may go on until the process ends")
    asyncio.tasks._unregister_task(task)


def _take_note(task: asyncio.Task[Any]) -> None:
    """Look at how an abandoned task ended after all, so that asyncio does not report it as overlooked."""
    if not task.cancelled():
        task.exception()
