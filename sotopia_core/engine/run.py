"""A run: every combo and trial played, a bounded number at a time, each failure kept to its own episode."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from sotopia_core.digests import digest, generator, new_pk
from sotopia_core.engine.cache import ReplyCache
from sotopia_core.engine.collecting import rare_collections
from sotopia_core.engine.episode import Recorder, Stage, Task, judge_episode, play_episode
from sotopia_core.engine.lease import HeldLease, give_back, take_lease, this_process
from sotopia_core.engine.spending import Meter
from sotopia_core.engine.tally import Tally
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.episodes import DrawnCombos, EpisodeLog, EpisodeStatus, RunRecord, RunStatus
from sotopia_core.errors import (
    InputError,
    PluginError,
    RunCancelledError,
    SotopiaError,
    StorageError,
    one_line,
    pass_on,
)
from sotopia_core.lifecycle import Notifier
from sotopia_core.limits import within
from sotopia_core.plugins import titled
from sotopia_core.profiles import Combo, Pool
from sotopia_core.stores import Store
from sotopia_core.wiring import Wiring

Unfinished = Literal["missing", "failed", "unscored"]
UNFINISHED: Final[tuple[Unfinished, ...]] = get_args(Unfinished)

SPARE_DESCRIPTORS: Final = 64
"""Files that a process needs besides one connection for each episode in play."""


SECONDS_TO_CLOSE: Final = 3.0
"""How long models may take to give back what they opened."""

RECORDS_AT_A_TIME: Final = 32
"""Records that are made and stored at a time. Where thousands of episodes end together, all at once would fill memory;
fewer would make commits small."""

logger = logging.getLogger("sotopia.engine")


@dataclass
class RunResult:
    """What a run came to: ``pks`` in the order of draws and trials, ``only`` the episode where there was just one."""

    record: RunRecord
    tally: Tally
    # asyncio.run makes the repr of what it returns, which for a long episode is slow.
    pks: list[str] = field(default_factory=list, repr=False)
    only: EpisodeLog | None = field(default=None, repr=False)


def draw_combos(wiring: Wiring, pool: Pool) -> list[Combo]:
    """Let the run's sampler draw; ``InputError`` where nothing fits, ``PluginError`` where the sampler itself fails."""
    sampler, seats = wiring.sampler, wiring.seating.seats
    try:
        combos = list(sampler.sample(pool, seats, generator(wiring.config.run.seed, "sampler")))
    except InputError:
        raise
    except BaseException as error:
        pass_on(error)
        raise PluginError(titled(type(sampler)), "sampling", error) from error
    for combo in combos:
        if not isinstance(combo, Combo):
            raise PluginError(titled(type(sampler)), "sampling", f"it gave {type(combo).__name__}, not a Combo")
        if seats is not None and len(combo.agents) != seats:
            raise InputError(
                f"scenario {combo.environment.label!r} has {len(combo.agents)} goals "
                f"and the run file has {seats} [[agents]] tables; they must be as many"
            )
    if not combos:
        raise InputError(f"{type(sampler).__name__} drew nothing from {pool.source}; there is nothing to play")
    return combos


async def play_run(wiring: Wiring, combos: Sequence[Combo], store: Store | None, notifier: Notifier) -> RunResult:
    """Play all combos, ``trials`` times each. Without a store nothing is kept.

    Raises what stops a run: ``ModelAccessError``, ``StorageError``, or cancellation (Ctrl-C). What was finished by then
    is stored, what was not is in the journal, and the run's record says what happened: the run can be resumed.
    """
    return await _Run(wiring, combos, store, notifier, new_record(wiring, combos)).play()


async def resume_run(
    record: RunRecord,
    wiring: Wiring,
    combos: Sequence[Combo],
    store: Store,
    notifier: Notifier,
    only: Collection[Unfinished] = UNFINISHED,
    say: Callable[[str], None] = logger.info,
) -> RunResult:
    """Complete a run that was begun earlier: what is missing is played on, what failed is tried again, what is unscored
    is judged again; ``only`` chooses among these.

    ``wiring`` is that of the record's run file, ``combos`` are those that the run drew. ``say`` hears of a wait for the
    lease. Raises ``InputError`` where another process plays the run, and what :func:`play_run` does.
    """
    return await _Run(wiring, combos, store, notifier, record, only, say).play()


def new_record(wiring: Wiring, combos: Sequence[Combo]) -> RunRecord:
    """Return the record of a run that is about to begin."""
    section = wiring.config.run
    return RunRecord(
        pk=new_pk(),
        name=section.name,
        tag=section.tag,
        config=wiring.config.to_document(),
        origins=dict(wiring.origins),
        planned=len(combos) * section.trials,
        started_at=_now(),
        **ingredients(wiring),
    )


@dataclass
class _Run:
    wiring: Wiring
    combos: Sequence[Combo]
    store: Store | None
    notifier: Notifier
    record: RunRecord
    only: Collection[Unfinished] = UNFINISHED
    say: Callable[[str], None] = logger.info

    def __post_init__(self) -> None:
        dimensions = dict.fromkeys(name for one in self.wiring.dimensions for name in one.names)
        self.result = RunResult(self.record, Tally(dimensions=tuple(dimensions)))
        self.writer: StoreWriter | None = None
        self.lease: HeldLease | None = None
        self.resumed = self.record.owner is not None
        self.statuses: dict[str, EpisodeStatus] = {}
        """What the episodes that earlier processes stored came to."""
        self._played: set[str] = set()
        self._recording = asyncio.Semaphore(RECORDS_AT_A_TIME)
        self._fault: StorageError | None = None
        """Why an episode could not be stored."""
        self._task: asyncio.Task[object] | None = None
        self._stopped_by = ""
        self.meter = Meter(self.wiring.config.budget, self._stop_for("budget"))

    async def play(self) -> RunResult:
        concurrency = 1 if self.wiring.exclusive else min(self.wiring.config.run.concurrency, self.record.planned)
        if any(model.needs_sockets for model in self.wiring.models.made.values()):
            make_room_for_sockets(concurrency)
        try:
            self._task = asyncio.current_task()
            if self.store is not None:
                await self._begin(self.store)
            with rare_collections(concurrency):
                await self._play_through(concurrency)
        finally:
            if self.lease is not None:
                self.lease.give_back()
            if self.writer is not None:
                self.writer.close()
            await self._close_models()
        return self.result

    async def _close_models(self) -> None:
        try:
            await within(SECONDS_TO_CLOSE, self.wiring.models.aclose)
        except BaseException as error:  # what was played stands, whatever becomes of the models
            pass_on(error)
            logger.warning("closing the models failed: %s", one_line(error))

    async def _begin(self, store: Store) -> None:
        """Take the run for this process, find out what there is of it, and keep what resuming it takes."""
        owner = this_process()
        self.writer = StoreWriter(store)
        await take_lease(store, self.record.pk, owner, self.say)
        try:
            if self.resumed:
                # Said at once, so that whoever comes after a death of this process knows who held the lease.
                await self.writer.put(self.record.model_copy(update={"owner": owner}))
                self.statuses = stored_statuses(store, self.record.pk)
            self.record = self.result.record = self.record.model_copy(
                update={
                    "status": "running",
                    "cause": None,
                    "owner": owner,
                    "counts": dict(Counter(self.statuses.values())),
                    "finished_at": None,
                    **ingredients(self.wiring),
                }
            )
            drawn = () if self.resumed else (DrawnCombos.of(self.record.pk, self.combos),)
            await self.writer.put(self.record, *drawn)
        except BaseException:
            give_back(store, self.record.pk, owner)
            raise
        self.lease = HeldLease(store, self.record.pk, owner, self._stop_for("lost"), self._stop_for("cancelled"))

    def _stop_for(self, reason: str) -> Callable[[], None]:
        def stop() -> None:
            if self._task is not None and not self._stopped_by:
                self._stopped_by = reason
                self._task.cancel()

        return stop

    async def _play_through(self, concurrency: int) -> None:
        try:
            self.notifier.run_started(self.record)
            await self._play_all(concurrency)
            await self._finish("finished")
        except asyncio.CancelledError:
            if await self._finish_cancelled():
                return
            raise
        except SotopiaError as error:
            with suppress(SotopiaError):  # the store may be what failed; the first error is the one to tell
                await self._finish("stopped", one_line(error))
            raise
        except BaseException as error:
            with suppress(SotopiaError):
                await self._finish("stopped", f"crashed: {one_line(error)}")
            raise

    async def _finish_cancelled(self) -> bool:
        """Say why the run was cancelled; in the place of the cancellation, raise it where it came from the store.

        Returns whether the run itself stopped, since its budget is spent, so that nobody need hear of a cancellation.
        """
        if self._stopped_by == "":
            await self._finish("interrupted", "interrupted by the user")
            return False
        assert self._task is not None
        self._task.uncancel()
        if self._stopped_by == "budget":
            await self._finish("stopped", self.meter.spent)
            return True
        assert self.lease is not None
        if self._stopped_by == "cancelled":
            await self._finish("cancelled", "cancelled by sotopia runs cancel")
            raise RunCancelledError(f"the run {self.record.pk} was cancelled")
        await self.lease.check()
        return False

    async def _play_all(self, concurrency: int) -> None:
        stage = Stage.of(
            self.record,
            self.wiring,
            self.notifier,
            self.writer,
            cache=self._cache(),
            earlier=self.store if self.resumed else None,
            meter=self.meter,
        )
        tasks = self._tasks()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(self._work(tasks, stage))
        except BaseExceptionGroup as failures:  # the first to stop the run is the cause
            raise failures.exceptions[0] from None

    def _cache(self) -> ReplyCache | None:
        mode = self.wiring.config.cache.mode
        if mode == "off":
            return None
        if self.store is None or self.writer is None:
            raise InputError(f"[cache] mode = {mode!r} needs a store, and this run keeps nothing (run.save = false)")
        return ReplyCache(self.store, self.writer, mode)

    def _tasks(self) -> Iterator[Task]:
        for task in tasks_of(self.combos, self.wiring.config.run.trials):
            status = self.statuses.get(task.pk(self.record.pk), "missing")
            if status in self.only:
                yield task

    async def _work(self, tasks: Iterator[Task], stage: Stage) -> None:
        for task in tasks:
            stored = await self._stored(task)
            record = await (play_episode(task, stage) if stored is None else judge_episode(task, stage, stored))
            keeping = asyncio.ensure_future(self._keep_episode(record))
            try:
                await asyncio.shield(keeping)
            except asyncio.CancelledError:
                await keeping  # what is handed to the writer gets stored, and so must be counted
                raise

    async def _stored(self, task: Task) -> EpisodeLog | None:
        """Return the record of an episode that is only to be judged again; None where it is to be played."""
        pk = task.pk(self.record.pk)
        if self.statuses.get(pk) != "unscored":
            return None
        assert self.store is not None
        return await asyncio.to_thread(self.store.get, EpisodeLog, pk)

    async def _keep_episode(self, record: Recorder) -> None:
        async with self._recording:
            if self._fault is not None:  # each further try might wait as long as the one that failed
                raise self._fault
            episode = record()
            try:
                await self._keep(episode)
            except StorageError as error:
                self._fault = error
                raise
            self._played.add(episode.pk)
            self.result.tally.add(episode)
            self.result.only = episode if self.record.planned == 1 else None
            self.notifier.episode_finished(self.record, episode)

    async def _keep(self, record: RunRecord | EpisodeLog) -> None:
        if self.writer is None:
            return
        if self.lease is not None:
            await self.lease.check()
        await self.writer.put(record)

    async def _finish(self, status: RunStatus, cause: str | None = None) -> None:
        if status == "finished":
            self._tally_earlier()
        there = self._played | self.statuses.keys()
        pks = (task.pk(self.record.pk) for task in tasks_of(self.combos, self.wiring.config.run.trials))
        self.result.pks = [pk for pk in pks if pk in there]
        counts = self.result.tally.counts
        if status != "finished":
            counts = counts + Counter(s for pk, s in self.statuses.items() if pk not in self._played)
        self.record = self.result.record = self.record.model_copy(
            update={
                "status": status,
                "cause": cause,
                "counts": dict(counts),
                "usage": self.result.tally.usage.totals(),
                "spending": self.result.tally.spending.totals(),
                "finished_at": _now(),
            }
        )
        await self._keep(self.record)
        self.notifier.run_finished(self.record)

    def _tally_earlier(self) -> None:
        """Count in what earlier processes finished, now that nothing waits for it."""
        if self.store is None or not self.statuses:
            return
        for episode in self.store.iterate(EpisodeLog, {"run": self.record.pk}):
            if episode.pk not in self._played:
                self.result.tally.add(episode)
                self.result.only = episode if self.record.planned == 1 else None


def tasks_of(combos: Sequence[Combo], trials: int) -> Iterator[Task]:
    """Yield all that a run plays, in order."""
    for draw, combo in enumerate(combos):
        for trial in range(trials):
            yield Task(combo, draw, trial)


def stored_statuses(store: Store, run: str) -> dict[str, EpisodeStatus]:
    """Return what each stored episode of a run came to, by pk, without reading one."""
    statuses: tuple[EpisodeStatus, ...] = get_args(EpisodeStatus)
    return {pk: status for status in statuses for pk in store.pks(EpisodeLog, {"run": run, "status": status})}


def ingredients(wiring: Wiring) -> dict[str, dict[str, str]]:
    """Return what a run is played with, as its record keeps it: versions, and digests of all that has no version."""
    return {
        "versions": wiring.versions(),
        "prompts": {name: digest(text) for name, text in wiring.prompts().items()},
        "dimensions": {one.name: one.digest for one in wiring.dimensions},
        "components": wiring.components(),
    }


def make_room_for_sockets(concurrency: int) -> None:
    """Raise this process's limit of open files to what the concurrency needs; ``InputError`` where it may not be."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    wanted = concurrency + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise InputError(
            f"run.concurrency = {concurrency} needs {wanted} open files and this system allows {hard}; "
            f"lower it to {max(1, hard - SPARE_DESCRIPTORS)} or raise the limit (ulimit -n)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
