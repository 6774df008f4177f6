"""A run's lease: one process plays a run, the next takes over from one that died, and clocks may jump."""

import asyncio
import os
import subprocess
import sys
import time

import pytest

from sotopia_core.engine import lease
from sotopia_core.engine.lease import HeldLease, has_died, is_played, lease_name, take_lease, this_process
from sotopia_core.episodes import RunOwner, RunRecord
from sotopia_core.errors import InputError, StorageError
from sotopia_storage.memory import Memory

HERE = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells processes apart for good")


@pytest.fixture
def store():
    with Memory().open() as opened:
        yield opened


@pytest.fixture(autouse=True)
def shorter(monkeypatch):
    monkeypatch.setattr(lease, "SECONDS", 0.6)
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_RENEWALS", 0.1)
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_TRIES", 0.05)


def record(owner, **fields):
    given = {"pk": "r", "name": "n", "config": {}, "started_at": "now", "owner": owner}
    return RunRecord(**given | fields)


def elsewhere():
    return RunOwner(id="other", host="far-away", process=4242, machine="another boot", started="1")


def dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    owner = this_process().model_copy(update={"process": process.pid, "started": "12345"})
    process.wait()
    return owner


@HERE
def test_this_process_lives_and_one_that_ended_has_died():
    assert not has_died(this_process())
    assert has_died(dead())
    assert has_died(this_process().model_copy(update={"started": "1"}))  # the number was given to another process since
    assert not has_died(elsewhere())


@HERE
def test_a_process_that_nobody_has_waited_for_yet_has_died():
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    start = lease._process_start(process.pid)
    owner = this_process().model_copy(update={"process": process.pid, "started": start})
    try:
        assert not has_died(owner)
        process.kill()
        deadline = time.monotonic() + 5
        while not has_died(owner):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.stdin.close()
        process.kill()
        process.wait()


@HERE
async def test_a_lease_whose_owner_died_here_is_taken_at_once(store):
    owner = dead()
    store.put(record(owner))
    store.acquire_lease(lease_name("r"), owner.id, 600.0)
    await take_lease(store, "r", this_process(), lambda text: pytest.fail(text))


@HERE
async def test_a_lease_whose_owner_died_before_the_record_could_name_it_is_waited_for(store):
    store.put(record(dead()))
    store.acquire_lease(lease_name("r"), "unnamed", 0.3)
    told = []
    await take_lease(store, "r", this_process(), told.append)
    assert told == ["another process holds the run r; if it has died, it is free within 0.6 s"]


async def test_a_lease_whose_owner_died_elsewhere_is_taken_when_it_expires_and_that_is_said(store):
    store.put(record(elsewhere()))
    store.acquire_lease(lease_name("r"), "other", 0.3)
    told = []
    await take_lease(store, "r", this_process(), told.append)
    assert told == ["process 4242 on far-away holds the run r; if it has died, it is free within 0.6 s"]


async def test_a_run_that_is_played_elsewhere_is_refused_after_a_while(store):
    store.put(record(elsewhere()))
    store.acquire_lease(lease_name("r"), "other", 600.0)
    with pytest.raises(
        InputError, match="process 4242 on far-away plays the run r; wait until it ends, or end it with"
    ):
        await take_lease(store, "r", this_process(), lambda text: None)


@HERE
async def test_a_run_that_is_played_on_this_machine_is_refused_at_once(store):
    owner = this_process()
    store.put(record(owner))
    store.acquire_lease(lease_name("r"), owner.id, 600.0)
    with pytest.raises(InputError, match=f"process {os.getpid()} on .* plays the run r"):
        await take_lease(store, "r", this_process(), lambda text: pytest.fail(text))


async def test_a_lease_is_renewed_until_it_is_given_back(store):
    owner = this_process()
    store.put(record(owner))
    await take_lease(store, "r", owner, print)
    held = HeldLease(store, "r", owner, on_loss=pytest.fail, on_cancel=pytest.fail)
    await asyncio.sleep(1.0)
    assert not store.acquire_lease(lease_name("r"), "thief", 1.0)
    await held.check()
    held.give_back()
    assert store.acquire_lease(lease_name("r"), "next", 1.0)


async def test_whoever_lost_its_lease_hears_of_it_and_may_not_write(store):
    owner = this_process()
    store.put(record(owner))
    await take_lease(store, "r", owner, print)
    lost = asyncio.Event()
    held = HeldLease(store, "r", owner, on_loss=lost.set, on_cancel=pytest.fail)
    try:
        store.release_lease(lease_name("r"), owner.id)
        store.acquire_lease(lease_name("r"), "thief", 600.0)
        async with asyncio.timeout(2):
            await lost.wait()
        with pytest.raises(StorageError, match="another process took over the run r, so this one stops"):
            await held.check()
    finally:
        held.give_back()
    assert not store.acquire_lease(lease_name("r"), "next", 1.0)


async def test_after_a_long_sleep_the_lease_is_asked_for_before_anything_is_written(store, monkeypatch):
    """As of a laptop that was closed: the thread has not renewed, and another process has the run."""
    owner = this_process()
    store.put(record(owner))
    await take_lease(store, "r", owner, print)
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_RENEWALS", 0.5)
    held = HeldLease(store, "r", owner, on_loss=lambda: None, on_cancel=pytest.fail)
    try:
        now = lease._clock()
        monkeypatch.setattr(lease, "_clock", lambda: now + 100)
        store.release_lease(lease_name("r"), owner.id)
        store.acquire_lease(lease_name("r"), "thief", 600.0)
        with pytest.raises(StorageError, match="another process took over"):
            await held.check()
    finally:
        held.give_back()


@pytest.mark.parametrize("jump", [7200.0, -7200.0])
async def test_a_clock_that_is_set_does_not_cost_a_living_owner_its_lease(store, monkeypatch, jump):
    owner = this_process()
    store.put(record(owner))
    await take_lease(store, "r", owner, print)
    held = HeldLease(store, "r", owner, on_loss=pytest.fail, on_cancel=pytest.fail)
    try:
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        await asyncio.sleep(0.4)
        await held.check()
        assert not store.acquire_lease(lease_name("r"), "thief", 1.0)
    finally:
        held.give_back()


@HERE
async def test_a_clock_that_was_set_back_does_not_keep_the_lease_of_the_dead(store, monkeypatch):
    owner = dead()
    store.put(record(owner))
    store.acquire_lease(lease_name("r"), owner.id, 1.0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86400)
    async with asyncio.timeout(2):
        await take_lease(store, "r", this_process(), lambda text: pytest.fail(text))


async def test_the_owner_hears_that_its_run_is_to_be_cancelled(store):
    owner = this_process()
    store.put(record(owner))
    await take_lease(store, "r", owner, print)
    cancelled = asyncio.Event()
    held = HeldLease(store, "r", owner, on_loss=pytest.fail, on_cancel=cancelled.set)
    try:
        store.put(record(owner, status="cancelling"))
        async with asyncio.timeout(2):
            await cancelled.wait()
    finally:
        held.give_back()


async def test_whether_a_run_is_played_can_be_asked(store):
    owner = elsewhere()
    store.acquire_lease(lease_name("r"), owner.id, 0.3)
    assert is_played(store, record(owner))
    assert not is_played(store, record(owner, status="finished"))
    await asyncio.sleep(0.35)
    assert not is_played(store, record(owner))
    assert store.acquire_lease(lease_name("r"), "next", 1.0)


async def test_a_store_that_fails_for_longer_than_the_lease_ends_the_run(monkeypatch):
    class Fails(type(Memory().open())):
        broken = False

        def acquire_lease(self, name, owner, seconds):
            if self.broken:
                raise StorageError("the disk failed")
            return super().acquire_lease(name, owner, seconds)

    with Fails() as store:
        owner = this_process()
        store.put(record(owner))
        await take_lease(store, "r", owner, print)
        held = HeldLease(store, "r", owner, on_loss=pytest.fail, on_cancel=pytest.fail)
        try:
            store.broken = True
            await asyncio.sleep(0.9)
            with pytest.raises(StorageError, match="its lease could not be renewed: the disk failed"):
                await held.check()
        finally:
            store.broken = False
            held.give_back()
