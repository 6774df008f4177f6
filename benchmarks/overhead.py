"""What the framework costs beside a served model: CPU a turn, to that of bare clients that post the same bodies."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Final

from benchmarks.bare_clients import (
    BareCost,
    Episode,
    call_litellm,
    post_json_with_aiohttp,
    post_with_aiohttp,
    recorded,
)
from benchmarks.episodes import cost_of
from benchmarks.measure import Table, in_fresh_process, interleaved, median_ratio
from benchmarks.playing import SERVED, Plan
from benchmarks.quick_server import QuickServer

TURNS: Final = 20
CONCURRENCY: Final = 20

Client = Callable[[Sequence[Episode], int, int, str], BareCost]
CLIENTS: Final[Mapping[str, Mapping[str, tuple[Client, str]]]] = {
    "OpenAICompatible": {
        "aiohttp, json=": (post_json_with_aiohttp, "<= 2.5"),
        "aiohttp, bytes": (post_with_aiohttp, ""),
    },
    "LiteLLM": {"litellm": (call_litellm, "<= 1.15")},
}
"""For each provider the bare clients beside it, with the target."""

EPISODES: Final = {"OpenAICompatible": 100, "LiteLLM": 20}
"""How many episodes are played in a round."""


def measure(quick: bool) -> list[Table]:
    """Measure each provider in a process of its own, its bare client in the same one."""
    rounds = 2 if quick else 5
    method = (
        f"Episodes of {TURNS} turns and a judge, {CONCURRENCY} in play, journal and records in SQLite; a server in a\n"
        "process of its own that answers at once. The bare clients post the bodies that the server got from such\n"
        "episodes, and read the JSON of the answers: aiohttp with session.post(url, json=body) and\n"
        "response.json(), and with bytes that were ready before; litellm.acompletion. CPU of the process, all its\n"
        f"threads, in us a turn (the judge's call is shared out among the turns); {rounds} interleaved rounds."
    )
    columns = ("provider", "beside", "episodes", "framework", "best", "bare", "best", "median ratio", "target")
    rows = tuple(row for provider in CLIENTS for row in in_fresh_process(_rows, provider, rounds, quick))
    return [Table("overhead", method, columns, rows)]


def _rows(
    provider: str, rounds: int, quick: bool
) -> list[tuple[str, str, int, float, float, float, float, float, str]]:
    count = EPISODES[provider] // 2 if quick else EPISODES[provider]
    bodies = recorded(TURNS)
    with QuickServer() as server:
        plan = Plan(
            episodes=count, turns=TURNS, concurrency=CONCURRENCY, model=SERVED, url=server.url, provider=provider
        )

        def framework() -> float:
            gc.collect()
            return 1e6 * cost_of(plan, stored=True, every=count).cpu_per_turn

        def bare(client: Client) -> float:
            gc.collect()
            return 1e6 * client(bodies, count, CONCURRENCY, server.url).cpu / (count * TURNS)

        work: dict[str, Callable[[], float]] = {"": framework}
        work |= {name: partial(bare, client) for name, (client, _) in CLIENTS[provider].items()}
        for one in work.values():  # imports, compiles, opens for the first time
            one()
        costs = interleaved(work, rounds)
    ours = costs.pop("")
    return [
        (
            provider,
            name,
            count,
            median(ours),
            min(ours),
            median(theirs),
            min(theirs),
            median_ratio(ours, theirs),
            CLIENTS[provider][name][1],
        )
        for name, theirs in costs.items()
    ]
