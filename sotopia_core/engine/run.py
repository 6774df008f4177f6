"""A run: every combo and trial played, a bounded number at a time, each failure kept to its own episode."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sotopia_core.digests import generator, new_pk
from sotopia_core.engine.episode import Stage, Task, play_episode
from sotopia_core.engine.tally import Tally
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.episodes import EpisodeLog, RunRecord, RunStatus
from sotopia_core.errors import (
    InputError,
    PluginError,
    SotopiaError,
    one_line,
    pass_on,
)
from sotopia_core.interfaces import Store
from sotopia_core.lifecycle import Notifier
from sotopia_core.profiles import Combo, Pool
from sotopia_core.wiring import Wiring

SPARE_DESCRIPTORS: Final = 64
"""Files that a process needs besides one connection for each episode in play."""


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
        raise PluginError(type(sampler).__name__, "sampling", error) from error
    for combo in combos:
        if not isinstance(combo, Combo):
            raise PluginError(type(sampler).__name__, "sampling", f"it gave {type(combo).__name__}, not a Combo")
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
    is stored, and the run's record says what happened.
    """
    return await _Run(wiring, combos, store, notifier).play()


@dataclass
class _Run:
    wiring: Wiring
    combos: Sequence[Combo]
    store: Store | None
    notifier: Notifier

    def __post_init__(self) -> None:
        section = self.wiring.config.run
        self.record = RunRecord(
            pk=new_pk(),
            name=section.name,
            tag=section.tag,
            config=self.wiring.config.to_document(),
            versions=self.wiring.versions(),
            planned=len(self.combos) * section.trials,
            started_at=_now(),
        )
        dimensions = dict.fromkeys(name for one in self.wiring.dimensions for name in one.names)
        self.result = RunResult(self.record, Tally(dimensions=tuple(dimensions)))
        self.writer: StoreWriter | None = None
        self._played: dict[tuple[int, int], str] = {}

    async def play(self) -> RunResult:
        concurrency = 1 if self.wiring.exclusive else min(self.wiring.config.run.concurrency, self.record.planned)
        if any(model.needs_sockets for model in self.wiring.models.made.values()):
            make_room_for_sockets(concurrency)
        self.writer = StoreWriter(self.store) if self.store is not None else None
        try:
            await self._keep(self.record)
            self.notifier.run_started(self.record)
            await self._play_all(concurrency)
            await self._finish("finished")
        except asyncio.CancelledError:
            await self._finish("interrupted", "interrupted by the user")
            raise
        except SotopiaError as error:
            with suppress(SotopiaError):  # the store may be what failed; the first error is the one to tell
                await self._finish("stopped", one_line(error))
            raise
        except BaseException as error:
            with suppress(SotopiaError):
                await self._finish("stopped", f"crashed: {one_line(error)}")
            raise
        finally:
            if self.writer is not None:
                self.writer.close()
            await self.wiring.models.aclose()
        return self.result

    async def _play_all(self, concurrency: int) -> None:
        stage = Stage.of(self.record, self.wiring, self.notifier)
        tasks = self._tasks()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(self._work(tasks, stage))
        except BaseExceptionGroup as failures:  # the first to stop the run is the cause
            raise failures.exceptions[0] from None

    def _tasks(self) -> Iterator[Task]:
        for draw, combo in enumerate(self.combos):
            for trial in range(self.wiring.config.run.trials):
                yield Task(combo, draw, trial)

    async def _work(self, tasks: Iterator[Task], stage: Stage) -> None:
        for task in tasks:
            episode = await play_episode(task, stage)
            keeping = asyncio.ensure_future(self._keep_episode(task, episode))
            try:
                await asyncio.shield(keeping)
            except asyncio.CancelledError:
                await keeping  # what is handed to the writer gets stored, and so must be counted
                raise

    async def _keep_episode(self, task: Task, episode: EpisodeLog) -> None:
        await self._keep(episode)
        self._played[task.draw, task.trial] = episode.pk
        self.result.tally.add(episode)
        self.result.only = episode if self.record.planned == 1 else None
        self.notifier.episode_finished(self.record, episode)

    async def _keep(self, record: RunRecord | EpisodeLog) -> None:
        if self.writer is not None:
            await self.writer.put(record)

    async def _finish(self, status: RunStatus, cause: str | None = None) -> None:
        tally = self.result.tally
        self.result.pks = [pk for _, pk in sorted(self._played.items())]
        self.record = self.result.record = self.record.model_copy(
            update={
                "status": status,
                "cause": cause,
                "counts": dict(tally.counts),
                "usage": dict(tally.usage),
                "finished_at": _now(),
            }
        )
        await self._keep(self.record)
        self.notifier.run_finished(self.record)


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
