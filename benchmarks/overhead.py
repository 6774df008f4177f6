"""What the framework costs beside a served model: CPU a turn, to that of bare clients that post the same bodies."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final

from benchmarks.bare_clients import BareCost, Episode, call_litellm, post_with_aiohttp, recorded
from benchmarks.episodes import cost_of
from benchmarks.measure import Table, in_fresh_process, interleaved, median_ratio
from benchmarks.playing import SERVED, Plan
from benchmarks.quick_server import QuickServer

TURNS: Final = 20
CONCURRENCY: Final = 20

Client = Callable[[Sequence[Episode], int, int, str], BareCost]
CLIENTS: Final[Mapping[str, tuple[Client, int, str]]] = {
    "OpenAICompatible": (post_with_aiohttp, 100, "<= 2.5"),
    "LiteLLM": (call_litellm, 20, "<= 1.15"),
}
"""For each provider the bare client beside it, how many episodes are played in a round, and the target."""


def measure(quick: bool) -> list[Table]:
    """Measure each provider in a process of its own, its bare client in the same one."""
    rounds = 2 if quick else 5
    method = (
        f"Episodes of {TURNS} turns and a judge, {CONCURRENCY} in play, journal and records in SQLite; a server in a\n"
        "process of its own that answers at once. The bare client (aiohttp; litellm.acompletion) posts the bodies\n"
        "that the server got from such episodes and reads the JSON of the answers. CPU of the process, all its\n"
        f"threads, in us a turn (the judge's call is shared out among the turns); {rounds} interleaved rounds."
    )
    columns = ("provider", "episodes", "framework", "best", "bare", "best", "median ratio", "target")
    rows = tuple(in_fresh_process(_row, provider, rounds, quick) for provider in CLIENTS)
    return [Table("overhead", method, columns, rows)]


def _row(provider: str, rounds: int, quick: bool) -> tuple[str, int, float, float, float, float, float, str]:
    client, episodes, target = CLIENTS[provider]
    count = episodes // 2 if quick else episodes
    bodies = recorded(TURNS)
    with QuickServer() as server:
        plan = Plan(
            episodes=count, turns=TURNS, concurrency=CONCURRENCY, model=SERVED, url=server.url, provider=provider
        )

        def framework() -> float:
            gc.collect()
            return 1e6 * cost_of(plan, stored=True, every=count).cpu_per_turn

        def bare() -> float:
            gc.collect()
            return 1e6 * client(bodies, count, CONCURRENCY, server.url).cpu / (count * TURNS)

        framework(), bare()  # imports, compiles, opens for the first time
        costs = interleaved({"framework": framework, "bare": bare}, rounds)
    ours, theirs = costs["framework"], costs["bare"]
    ratio = median_ratio(ours, theirs)
    return (provider, count, median(ours), min(ours), median(theirs), min(theirs), ratio, target)
