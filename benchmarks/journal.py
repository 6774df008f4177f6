"""What durability costs: journal entries a second beside raw SQLite, a turn with and without, the start of a resume."""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.episodes import new_store
from benchmarks.measure import Table, in_fresh_process, interleaved, median_difference, median_ratio
from benchmarks.playing import LINE, Instant, Plan, play, pool_of, wiring_of
from sotopia_core.engine.episode import Stage
from sotopia_core.engine.journal import EpisodeJournal
from sotopia_core.engine.resuming import find_run, restore_run
from sotopia_core.engine.run import draw_combos, new_record, resume_run
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.episodes import DrawnCombos, EpisodeLog, RunOwner
from sotopia_core.errors import ModelAccessError
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Model
from sotopia_core.lifecycle import log_fault
from sotopia_core.registry import Registry
from sotopia_core.stores import JournalEntry, Store

WAITING: Final = 64
"""Entries that wait for their commit at one time, in each process; the group in which raw SQLite commits, too."""

PAYLOAD: Final[dict[str, Any]] = {
    "text": LINE,
    "model": "openai/gpt-4o-mini",
    "usage": {"calls": 1, "input_tokens": 1000, "output_tokens": 50, "cost": 0.00018},
    "latency": 0.84,
    "asked": "0123456789abcdef",
}


def measure(quick: bool) -> list[Table]:
    """Measure entries a second with one process and with four, the cost of a turn, and the start of a resume."""
    return [_rates(quick), in_fresh_process(_turns, quick), in_fresh_process(_starts, quick)]


def _rates(quick: bool) -> Table:
    each = 2_000 if quick else 10_000
    rounds = 2 if quick else 5
    rows = []
    for processes in (1, 4):
        costs = interleaved(
            {
                "journal": partial(_elapsed, _append, processes, each),
                "raw": partial(_elapsed, _insert, processes, each),
            },
            rounds,
        )
        ours, theirs = costs["journal"], costs["raw"]
        entries = processes * each
        rows.append(
            (processes, entries, entries / median(ours), entries / median(theirs), 1 / median_ratio(ours, theirs))
        )
    method = (
        f"Processes that append to one store, {WAITING} entries of each waiting for their commit at a time, beside\n"
        f"processes that insert the same rows with sqlite3 alone, {WAITING} to a commit; {rounds} interleaved rounds."
    )
    columns = ("processes", "entries", "durable entries/s", "raw SQLite", "median ratio")
    return Table("journal entries a second", method, columns, tuple(rows))


def _elapsed(work: Callable[[str, str, int], None], processes: int, each: int) -> float:
    """Return how long it takes that many processes to do their work, their starts not counted."""
    context = get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        new_store(Path(folder)).close()
        barrier = context.Barrier(processes + 1)
        workers = [
            context.Process(target=_meet, args=(barrier, work, folder, f"{number}", each))
            for number in range(processes)
        ]
        for worker in workers:
            worker.start()
        barrier.wait(60)
        began = time.perf_counter()
        for worker in workers:
            worker.join()
        took = time.perf_counter() - began
        if any(worker.exitcode for worker in workers):
            raise RuntimeError("a process failed; what it wrote says why")
    return took


def _meet(barrier: Any, work: Callable[[str, str, int], None], folder: str, name: str, each: int) -> None:
    barrier.wait(60)
    work(folder, name, each)


def _append(folder: str, name: str, each: int) -> None:
    with new_store(Path(folder)) as store:
        asyncio.run(_append_all(store, name, each))


async def _append_all(store: Store, name: str, each: int) -> None:
    writer = StoreWriter(store)
    numbers = iter(range(each))

    async def one() -> None:
        for number in numbers:
            entry = JournalEntry(
                episode=f"{name} {number // 20}", turn=number % 20, seat="Mia Davis", purpose="act", payload=PAYLOAD
            )
            await writer.append_journal((entry,))

    await asyncio.gather(*(one() for _ in range(WAITING)))
    writer.close()


def _insert(folder: str, name: str, each: int) -> None:
    connection = sqlite3.connect(Path(folder) / "episodes.db", timeout=60, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    for start in range(0, each, WAITING):
        rows = [
            (f"{name} {number // 20}", number % 20, "Mia Davis", "act", 0, json.dumps(PAYLOAD))
            for number in range(start, min(each, start + WAITING))
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO journal (episode, turn, seat, purpose, attempt, payload) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
        connection.execute("COMMIT")
    connection.close()


@contextmanager
def _without_journal() -> Iterator[None]:
    kept = Stage.journal

    async def nothing_kept(self: Stage, episode: str) -> EpisodeJournal:
        return EpisodeJournal(episode)

    Stage.journal = nothing_kept  # type: ignore[method-assign]
    try:
        yield
    finally:
        Stage.journal = kept  # type: ignore[method-assign]


def _turns(quick: bool) -> Table:
    rounds, episodes = (3, 15) if quick else (7, 40)
    plan = Plan(episodes=episodes)

    def cost() -> float:
        gc.collect()
        with tempfile.TemporaryDirectory() as folder, new_store(Path(folder)) as store:
            return 1e6 * play(plan, store, every=episodes).cpu_per_turn

    def bare() -> float:
        with _without_journal():
            return cost()

    cost()
    costs = interleaved({"with": cost, "without": bare}, rounds)
    kept, none = costs["with"], costs["without"]
    row = (median(kept), median(none), median_difference(kept, none), median_ratio(kept, none))
    method = (
        f"{episodes} episodes of 20 turns, 20 in play, a model that answers at once, SQLite; {rounds} interleaved\n"
        "rounds in one process; CPU of all threads in us a turn. Without: the same run whose journal keeps nothing."
    )
    return Table("journaling, a turn", method, ("with journal", "without", "difference", "ratio"), (row,))


def _starts(quick: bool) -> Table:
    others, rounds = (5_000, 3) if quick else (100_000, 7)
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        _begin(Path(empty), 0)
        _begin(Path(full), others)
        costs = interleaved({"empty": lambda: _start(Path(empty)), "full": lambda: _start(Path(full))}, rounds)
    method = (
        "From opening the store to the first question to a model, of a run of 40 episodes of which none was played;\n"
        f"the components are imported before; {rounds} interleaved rounds, wall time in ms."
    )
    rows = (
        ("0", 1e3 * median(costs["empty"]), 1.0),
        (f"{others:,}", 1e3 * median(costs["full"]), median_ratio(costs["full"], costs["empty"])),
    )
    return Table("start of a resume", method, ("other episodes in the store", "ms", "median ratio"), rows)


class _Offers:
    @hookimpl
    def sotopia_models(self) -> list[type[Model]]:
        return [Instant]


def _registry() -> Registry:
    registry = Registry.discover()
    registry.register(_Offers(), "benchmark")
    return registry


def _begin(folder: Path, others: int) -> None:
    """Make a store with a run that was broken off before its first turn, and with episodes of other runs."""
    plan = Plan(episodes=40, model="offline")
    registry = _registry()
    wiring = wiring_of(plan, registry)
    combos = draw_combos(wiring, pool_of(plan, registry))
    record = new_record(wiring, combos).model_copy(update={"owner": RunOwner(id="gone", host="gone", process=1)})
    with new_store(folder) as store:
        play(Plan(episodes=1), store, every=1)
        (sample,) = store.find(EpisodeLog)
        store.put_many(
            sample.model_copy(update={"pk": f"other {number}", "run": f"run {number // 1000}"})
            for number in range(others)
        )
        store.put_many([record.model_copy(update={"name": "begun"}), DrawnCombos.of(record.pk, combos)])


def _start(folder: Path) -> float:
    began = time.perf_counter()
    asked: list[float] = []
    with new_store(folder) as store:
        registry = _registry()
        run = restore_run(store, find_run(store, "begun"), registry)
        model = run.wiring.models("offline")

        async def complete(request: Any) -> Any:
            asked.append(time.perf_counter())
            raise ModelAccessError("far enough")

        object.__setattr__(model, "complete", complete)
        try:
            asyncio.run(resume_run(run.record, run.wiring, run.combos, store, registry.notifier(log_fault)))
        except ModelAccessError:
            return asked[0] - began
    raise RuntimeError("nobody was asked")
