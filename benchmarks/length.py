"""How the cost of an episode grows with its length: CPU of 200 turns beside 20, for two agents and for eight."""

from __future__ import annotations

import gc
from statistics import median
from typing import Final

from benchmarks.episodes import cost_of
from benchmarks.measure import Table, in_fresh_process, interleaved, median_ratio
from benchmarks.playing import Plan

SHORT: Final = 20
LONG: Final = 200


def measure(quick: bool) -> list[Table]:
    """Measure each number of agents in a process of its own."""
    rounds = 1 if quick else 3
    method = (
        f"CPU of one episode, in ms: instant model, one episode in play, SQLite store, {rounds} interleaved rounds.\n"
        f"A cost in proportion to the turns gives {LONG / SHORT:g}; the target is at most 13."
    )
    columns = ("agents", f"{SHORT} turns", f"{LONG} turns", "median ratio", "ratio of bests", "target")
    rows = tuple(in_fresh_process(_row, seats, rounds) for seats in (2, 8))
    return [Table("length", method, columns, rows)]


def _row(seats: int, rounds: int) -> tuple[int, float, float, float, float, str]:
    _episode(seats, SHORT)  # compiles templates and reply types, which no length should pay for
    costs = interleaved({"short": lambda: _episode(seats, SHORT), "long": lambda: _episode(seats, LONG)}, rounds)
    short, long = costs["short"], costs["long"]
    return (seats, median(short), median(long), median_ratio(long, short), min(long) / min(short), "<= 13")


def _episode(seats: int, turns: int) -> float:
    """Return the milliseconds of CPU that an episode takes, the mean over as many as make 400 turns."""
    plan = Plan(episodes=2 * LONG // turns, turns=turns, seats=seats, concurrency=1, gathering=True)
    gc.collect()
    return 1e3 * cost_of(plan, stored=True, every=plan.episodes).cpu / plan.episodes
