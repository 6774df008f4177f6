"""Waiting for plugins: what is theirs, what is the kernel's limit, and what is nobody's fault."""

import asyncio
import time

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


async def test_whoever_ignores_its_cancellation_is_abandoned_and_said():
    ignored = 0

    async def stubborn():
        nonlocal ignored
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ignored += 1

    with pytest.raises(OverdueError, match=r"no answer within 0.05 s, and it does not stop when told"):
        await within(0.05, stubborn, seconds_to_stop=0.05)
    assert ignored == 1
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its last words
def test_the_end_of_the_loop_does_not_wait_for_whoever_ignores_everything():
    async def deaf():
        while True:
            try:
                await asyncio.sleep(0.05)
            except BaseException:
                continue

    async def main():
        with pytest.raises(OverdueError):
            await within(0.05, deaf, seconds_to_stop=0.05)

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 5


async def test_whoever_stops_a_little_late_is_waited_for():
    cleaned = []

    async def tidy():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            cleaned.append(True)

    with pytest.raises(OverdueError, match=r"within 0.05 s$"):
        await within(0.05, tidy)
    assert cleaned == [True]


async def test_an_exit_in_the_middle_comes_through_as_what_it_is():
    async def leaving():
        await asyncio.sleep(0)
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await within(60.0, leaving)


async def test_timeouts_inside_the_work_are_its_own_business_however_many():
    async def trying():
        for _ in range(3):
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(60)
            except TimeoutError:
                await asyncio.sleep(0.02)
        return "done"

    assert await within(60.0, trying, seconds_to_stop=0.01) == "done"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_group_of_tasks_inside_the_work_may_fail_and_be_dealt_with():
    async def fails():
        await asyncio.sleep(0.01)
        raise ValueError("one of two")

    async def working():
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                group.create_task(asyncio.sleep(60))
        except* ValueError:
            pass
        await asyncio.sleep(0.05)
        return "done"

    assert await within(60.0, working, seconds_to_stop=0.01) == "done"


async def test_an_overdue_piece_of_work_leaves_its_task_uncancelled():
    for _ in range(2):
        with pytest.raises(OverdueError):
            await within(0.01, _sleep)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with asyncio.timeout(10):
        await asyncio.sleep(0.01)


async def test_work_that_is_late_and_answers_when_told_to_stop_is_still_late():
    async def answers():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "at last"

    with pytest.raises(OverdueError, match=r"within 0.01 s$"):
        await within(0.01, answers)


async def test_a_real_cancellation_waits_for_whoever_tidies_up_but_not_for_whoever_never_stops():
    cleaned = []

    async def tidy():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            cleaned.append(True)

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cleaned.append(False)

    for work in (tidy, stubborn):
        task = asyncio.create_task(within(60.0, work, seconds_to_stop=0.1))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert cleaned == [True, False]


async def test_what_never_waits_is_done_at_once_without_a_task():
    tasks = []

    async def at_once():
        tasks.append(asyncio.current_task())
        return "done"

    async def waits():
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        return "done"

    assert await within(10.0, at_once) == await within(10.0, waits) == "done"
    assert tasks[0] is asyncio.current_task()
    assert tasks[1] is not asyncio.current_task()


async def test_what_never_waits_may_raise_anything():
    async def fails():
        raise LookupError("nowhere")

    async def cancels():
        raise asyncio.CancelledError

    with pytest.raises(LookupError, match="nowhere"):
        await within(10.0, fails)
    with pytest.raises(OverdueError, match="it cancelled itself"):
        await within(10.0, cancels)


async def test_every_way_of_waiting_gets_a_task_of_its_own():
    async def numbers():
        yield 1

    async def loops():
        async for _ in numbers():
            return asyncio.current_task()

    async def enters():
        async with asyncio.timeout(5):
            return asyncio.current_task()

    async def comprehends():
        tasks = [asyncio.current_task() async for _ in numbers()]
        return tasks[0]

    for waiting in (loops, enters, comprehends):
        assert await within(10.0, waiting) is not asyncio.current_task()
