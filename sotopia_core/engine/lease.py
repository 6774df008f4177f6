"""A run's lease: one process at a time plays a run, and one that dies gives it up without doing anything."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import Final

from sotopia_core.digests import new_pk
from sotopia_core.episodes import RunOwner, RunRecord
from sotopia_core.errors import InputError, NotFoundError, StorageError
from sotopia_core.stores import Store

SECONDS: Final = 15.0
"""How long a lease holds after it was last renewed."""

SECONDS_BETWEEN_RENEWALS: Final = 3.0
SECONDS_BETWEEN_TRIES: Final = 0.5

logger = logging.getLogger("sotopia.engine")


def lease_name(run: str) -> str:
    """Return the name of a run's lease in its store."""
    return f"run {run}"


def this_process() -> RunOwner:
    """Return a new owner: this process, as it can be recognised from others of the same machine."""
    machine, started = _machine(), _process_start(os.getpid())
    return RunOwner(id=new_pk(), host=socket.gethostname(), process=os.getpid(), machine=machine, started=started or "")


def has_died(owner: RunOwner) -> bool:
    """Whether the process is known to have ended. False where that cannot be known, as on another machine."""
    return _is_here(owner) and _process_start(owner.process) != owner.started


def _is_here(owner: RunOwner) -> bool:
    return owner.machine != "" and owner.machine == _machine()


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _process_start(process: int) -> str | None:
    """Return when a process of this machine started, in the kernel's ticks; None where it runs no more."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name, in parentheses, may hold anything; the state follows it, and the start is 19 fields further.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _clock() -> float:
    """Return seconds by a clock that nobody can set, and that goes on while the machine sleeps where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


async def take_lease(store: Store, run: str, owner: RunOwner, say: Callable[[str], None]) -> None:
    """Take a run's lease for ``owner``; ``InputError`` where another process plays the run.

    A lease that its owner has died with is taken at once where that is known, and else as soon as it has expired,
    which ``say`` is told of. One that is renewed meanwhile belongs to somebody who is alive.
    """
    deadline = _clock() + SECONDS + 1.0
    told = False
    while not store.acquire_lease(lease_name(run), owner.id, SECONDS):
        holder = _holder(store, run)
        if holder is not None and has_died(holder):
            if store.release_lease(lease_name(run), holder.id):
                continue
            holder = None  # somebody has it who was killed before the run's record could say so, or who is just asking
        who = str(holder or "another process")
        if (holder is not None and _is_here(holder)) or _clock() > deadline:
            raise InputError(
                f"{who} plays the run {run}; wait until it ends, or end it with: sotopia runs cancel {run}"
            )
        if not told:
            told = True
            say(f"{who} holds the run {run}; if it has died, it is free within {SECONDS:g} s")
        await asyncio.sleep(SECONDS_BETWEEN_TRIES)


def give_back(store: Store, run: str, owner: RunOwner) -> None:
    """Let others have a run's lease; where the store does not take it, it expires by itself."""
    try:
        store.release_lease(lease_name(run), owner.id)
    except StorageError as error:
        logger.warning("the lease of run %s was not given back: %s", run, error)


def is_played(store: Store, record: RunRecord) -> bool:
    """Whether some process plays the run, as far as can be known; one that died in the last seconds may pass for it."""
    if record.status not in ("running", "cancelling") or record.owner is None or has_died(record.owner):
        return False
    probe = this_process()
    if not store.acquire_lease(lease_name(record.pk), probe.id, SECONDS_BETWEEN_TRIES):
        return True
    store.release_lease(lease_name(record.pk), probe.id)
    return False


def _holder(store: Store, run: str) -> RunOwner | None:
    try:
        return store.get(RunRecord, run).owner
    except NotFoundError:
        return None


class HeldLease:
    """A lease that was taken, renewed by a thread until it is given back.

    ``on_loss`` is called in the event loop when another process has it; ``on_cancel`` when somebody asked for the run
    to be cancelled, which its record then says.
    """

    def __init__(
        self, store: Store, run: str, owner: RunOwner, on_loss: Callable[[], None], on_cancel: Callable[[], None]
    ) -> None:
        self._store = store
        self._run = run
        self._owner = owner
        self._on_loss = on_loss
        self._on_cancel = on_cancel
        self._loop = asyncio.get_running_loop()
        self._renewed = _clock()
        self._loss = ""
        self._ended = Event()
        self._thread = Thread(target=self._keep_renewing, name="sotopia-lease", daemon=True)
        self._thread.start()

    async def check(self) -> None:
        """Raise ``StorageError`` where the lease is gone, as after the machine slept; to be asked before writing."""
        if _clock() - self._renewed > SECONDS - SECONDS_BETWEEN_RENEWALS:
            await asyncio.to_thread(self._renew)
        if self._loss:
            raise StorageError(self._loss)

    def give_back(self) -> None:
        """Stop renewing and let others have the lease."""
        self._ended.set()
        self._thread.join()
        if not self._loss:
            give_back(self._store, self._run, self._owner)

    def _keep_renewing(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_RENEWALS):
            self._renew()

    def _renew(self) -> None:
        asked = _clock()
        try:
            held = self._store.acquire_lease(lease_name(self._run), self._owner.id, SECONDS)
            status = self._store.get(RunRecord, self._run).status
        except StorageError as error:
            # Nobody can have taken it before it expires; from then on nothing is written without it.
            if _clock() - self._renewed > SECONDS:
                self._loss = f"the run {self._run} stops, since its lease could not be renewed: {error}"
            logger.warning("the lease of run %s was not renewed: %s", self._run, error)
            return
        if not held:
            self._loss = f"another process took over the run {self._run}, so this one stops"
            self._call(self._on_loss)
            return
        self._renewed = asked
        if status == "cancelling":
            self._call(self._on_cancel)

    def _call(self, listener: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(listener)
