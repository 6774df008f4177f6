"""Waiting for plugins: what is theirs, what is the kernel's limit, and what is nobody's fault."""

import asyncio

import pytest

from sotopia_core.errors import OverdueError, one_line, pass_on, unicode_text
from sotopia_core.limits import within


async def _sleep():
    await asyncio.sleep(60)


async def test_whoever_takes_too_long_is_overdue():
    with pytest.raises(OverdueError, match=r"no answer within 0.05 s"):
        await within(0.05, _sleep)


async def test_a_timeout_of_the_works_own_stays_its_own():
    async def work():
        raise TimeoutError("the database says no")

    with pytest.raises(TimeoutError, match="the database says no"):
        await within(60.0, work)


async def test_a_cancellation_that_nobody_asked_for_ends_nobody():
    async def work():
        raise asyncio.CancelledError

    with pytest.raises(OverdueError, match="it cancelled itself"):
        await within(60.0, work)


async def test_a_real_cancellation_passes():
    task = asyncio.create_task(within(60.0, _sleep))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_ctrl_c_is_nobodys_fault_and_all_else_is():
    with pytest.raises(KeyboardInterrupt):
        pass_on(KeyboardInterrupt())
    for error in (SystemExit(1), GeneratorExit(), ValueError()):
        pass_on(error)


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def test_every_error_can_be_said_in_one_line_of_unicode_text():
    assert one_line(Mute()) == "Mute"
    assert one_line(ValueError("file \udcff\nnot found")) == "ValueError: file \\udcff not found"
    assert unicode_text("a\ud800b \U0001f600") == "a\\ud800b \U0001f600"
