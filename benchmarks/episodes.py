"""What a run of many short episodes costs the framework: CPU a turn, memory, and the ratio to a bare loop."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.bare_loop import bare_cpu, record
from benchmarks.measure import KIB, MIB, Table, in_fresh_process, interleaved, median_ratio, slope
from benchmarks.playing import OFFLINE, Cost, Plan, play
from sotopia_core.database.locate import storage_from_url
from sotopia_core.registry import Registry
from sotopia_core.stores import Store

RECORDED: Final = 10
"""Episodes that the bare loop knows by heart and goes through again and again."""


def measure(quick: bool) -> list[Table]:
    """Measure cost and memory for each configuration in a process of its own, then the ratio."""
    return [_costs(quick), _ratios(quick)]


def _costs(quick: bool) -> Table:
    many, some, few = (40, 40, 40) if quick else (1000, 500, 250)
    plans = [
        (Plan(episodes=many, concurrency=concurrency), True) for concurrency in ((1, 20) if quick else (1, 20, 200))
    ]
    if not quick:
        plans += [(Plan(episodes=episodes), True) for episodes in (some, few)]
    plans += [
        (Plan(episodes=few), False),
        (Plan(episodes=few, gathering=True), False),
        (Plan(episodes=few, model=OFFLINE), True),
    ]
    method = (
        "Two LLMAgents, RoundRobin, at most 20 turns, ReachGoalLLMEvaluator[SotopiaDimensions]; casts drawn from the\n"
        "starter pack, or the same in every episode; each row a fresh process. CPU is that of all threads during the\n"
        "run. Growth is the slope of resident memory over the second half of the run, in KiB for each 100 episodes."
    )
    columns = (
        "model",
        "store",
        "casts",
        "episodes",
        "in play",
        "turns",
        "CPU us/turn",
        "wall s",
        "peak MiB",
        "growth",
        "resident MiB at each tenth of the run",
    )
    rows = []
    for plan, stored in plans:
        cost = in_fresh_process(cost_of, plan, stored, plan.episodes // 10)
        later = [(one.episodes / 100, one.resident / KIB) for one in cost.samples if one.episodes > plan.episodes / 2]
        rows.append(
            (
                plan.model,
                "SQLite" if stored else "none",
                "same" if plan.gathering else "drawn",
                plan.episodes,
                plan.concurrency,
                cost.turns,
                1e6 * cost.cpu_per_turn,
                cost.wall,
                cost.peak / MIB,
                slope(later),
                [one.resident / MIB for one in cost.samples],
            )
        )
    return Table("episodes", method, columns, tuple(rows))


def cost_of(plan: Plan, stored: bool, every: int) -> Cost:
    """Play one run; called in a fresh process."""
    if not stored:
        return play(plan, None, every=every)
    with tempfile.TemporaryDirectory() as folder, new_store(Path(folder)) as store:
        return play(plan, store, every=every)


def new_store(folder: Path) -> Store:
    """Open a new SQLite store in a folder."""
    return storage_from_url(Registry.installed(), f"sqlite:///{folder / 'episodes.db'}").open()


def _ratios(quick: bool) -> Table:
    rounds, episodes = (2, 10) if quick else (5, 40)
    method = (
        f"{episodes} episodes of 20 turns, 20 in play, then the bare loop with the same calls and records, {rounds} "
        "interleaved rounds in\none process; CPU in us a turn. The bare loop, see bare_loop.py, only writes and reads "
        "the JSON of each call and record,\nand inserts the records into SQLite, 20 to a commit."
    )
    columns = ("store", "framework median", "framework best", "bare median", "bare best", "median ratio")
    rows = tuple(in_fresh_process(_ratio, stored, rounds, episodes) for stored in (True, False))
    return Table("episodes, beside a bare loop", method, columns, rows)


def _ratio(stored: bool, rounds: int, episodes: int) -> tuple[str, float, float, float, float, float]:
    plan = Plan(episodes=episodes)
    recordings = record(Plan(episodes=RECORDED))
    turns = episodes * plan.turns

    def framework() -> float:
        gc.collect()
        return 1e6 * cost_of(plan, stored, episodes).cpu / turns

    def bare() -> float:
        gc.collect()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bare.db" if stored else None
            return 1e6 * bare_cpu(recordings, episodes, plan.concurrency, file) / turns

    costs = interleaved({"framework": framework, "bare": bare}, rounds)
    ours, theirs = costs["framework"], costs["bare"]
    ratio = median_ratio(ours, theirs)
    return ("SQLite" if stored else "none", median(ours), min(ours), median(theirs), min(theirs), ratio)
