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

Client = Callable[[Sequence[Episode], int, int, str], BareCost]
CLIENTS: Final[Mapping[str, Mapping[str, tuple[Client, str]]]] = {
    "OpenAICompatible": {
        "aiohttp, json=": (post_json_with_aiohttp, "<= 2.5"),
        "aiohttp, bytes": (post_with_aiohttp, ""),
    },
    "LiteLLM": {"litellm": (call_litellm, "<= 1.15")},
}
"""For each provider the bare clients beside it, with the target."""

ROUNDS: Final = {"OpenAICompatible": ((20, 100), (200, 200)), "LiteLLM": ((20, 20),)}
"""How many episodes are in play at a time, and how many are played in a round."""


def measure(quick: bool) -> list[Table]:
    """Measure each provider in a process of its own, its bare client in the same one."""
    rounds = 2 if quick else 5
    method = (
        f"Episodes of {TURNS} turns and a judge, journal and records in SQLite; a server in a process of its own that\n"
        "answers at once. The bare clients post the bodies that the server got from such episodes, as many at a time,\n"
        "and read the JSON of the answers: aiohttp with session.post(url, json=body) and response.json(), and with\n"
        "bytes that were ready before; litellm.acompletion. CPU of the process, all its threads, in us a turn (the\n"
        f"judge's call is shared out among the turns); {rounds} interleaved rounds."
    )
    columns = (
        "provider",
        "beside",
        "in play",
        "episodes",
        "framework",
        "best",
        "bare",
        "best",
        "median ratio",
        "target",
    )
    rows = tuple(
        row
        for provider in CLIENTS
        for in_play, count in ROUNDS[provider]
        for row in in_fresh_process(_rows, provider, in_play, count // 2 if quick else count, rounds)
    )
    return [Table("overhead", method, columns, rows)]


def _rows(
    provider: str, in_play: int, count: int, rounds: int
) -> list[tuple[str, str, int, int, float, float, float, float, float, str]]:
    bodies = recorded(TURNS)
    with QuickServer() as server:
        plan = Plan(episodes=count, turns=TURNS, concurrency=in_play, model=SERVED, url=server.url, provider=provider)

        def framework() -> float:
            gc.collect()
            return 1e6 * cost_of(plan, stored=True, every=count).cpu_per_turn

        def bare(client: Client) -> float:
            gc.collect()
            return 1e6 * client(bodies, count, in_play, server.url).cpu / (count * TURNS)

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
            in_play,
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
