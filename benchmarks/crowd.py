"""Thousands of episodes at a time in one process, beside a bare client: wall time, and memory for each of them."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.bare_clients import post_with_aiohttp, recorded
from benchmarks.episodes import new_store
from benchmarks.measure import MIB, Table, in_fresh_process, resident
from benchmarks.playing import SERVED, Plan, play
from benchmarks.quick_server import QuickServer

TURNS: Final = 20
LATENCY: Final = 1.0
"""Seconds that each answer takes."""


def measure(quick: bool) -> list[Table]:
    """Measure the framework and the bare client, each in a process of its own, one after the other."""
    episodes = 200 if quick else 2000
    with QuickServer(LATENCY) as server:
        ours = in_fresh_process(_framework, episodes, server.url)
        theirs = in_fresh_process(_bare, episodes, server.url)
    method = (
        f"{episodes} episodes of {TURNS} turns and a judge, all at a time in one process, journal and records in\n"
        f"SQLite; a server in a process of its own that takes {LATENCY:g} s for an answer. The bare client posts the\n"
        "same bodies with aiohttp, as many at a time. Idle is what the process holds after a run of 20 episodes."
    )
    columns = ("client", "wall s", "CPU s", "idle MiB", "peak MiB", "kB an episode", "wall ratio", "targets")
    rows = (
        ("framework", *ours, ours[0] / theirs[0], "wall <= 1.25, <= 100 kB"),
        ("bare aiohttp", *theirs, 1.0, ""),
    )
    return [Table("crowd", method, columns, rows)]


def _framework(episodes: int, url: str) -> tuple[float, float, float, float, float]:
    _open_many_files(episodes)
    with QuickServer() as quick, tempfile.TemporaryDirectory() as folder, new_store(Path(folder)) as store:
        play(Plan(episodes=20, turns=TURNS, model=SERVED, url=quick.url), store)
        idle = resident()
        plan = Plan(episodes=episodes, turns=TURNS, concurrency=episodes, model=SERVED, url=url)
        cost = play(plan, store)
    return (cost.wall, cost.cpu, idle / MIB, cost.peak / MIB, (cost.peak - idle) / episodes / 1e3)


def _bare(episodes: int, url: str) -> tuple[float, float, float, float, float]:
    _open_many_files(episodes)
    bodies = recorded(TURNS)
    idle = resident()
    cost = post_with_aiohttp(bodies, episodes, episodes, url)
    return (cost.wall, cost.cpu, idle / MIB, cost.peak / MIB, (cost.peak - idle) / episodes / 1e3)


def _open_many_files(episodes: int) -> None:
    """Let the process have a connection for each episode, where the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = episodes + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
