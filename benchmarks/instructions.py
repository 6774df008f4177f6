"""What a turn takes in instructions, which are the same on a busy machine as on a quiet one. Needs valgrind.

``python -m benchmarks.instructions WHAT EPISODES`` does one piece of work twice; callgrind counts the second time.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.bare_clients import Episode, post_json_with_aiohttp, post_with_aiohttp, recorded
from benchmarks.episodes import cost_of
from benchmarks.measure import Table
from benchmarks.playing import INSTANT, SERVED, Plan
from benchmarks.quick_server import QuickServer

TURNS: Final = 20
CONCURRENCY: Final = 20
COLLECTED: Final = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
SECONDS: Final = 600.0

WORKS: Final[Mapping[str, Callable[[int, str], object]]] = {
    "aiohttp, bytes": lambda count, url: post_with_aiohttp(_bodies(), count, CONCURRENCY, url),
    "aiohttp, json=": lambda count, url: post_json_with_aiohttp(_bodies(), count, CONCURRENCY, url),
    "no network, no store": lambda count, _: _play(count, INSTANT, "", stored=False),
    "no network": lambda count, _: _play(count, INSTANT, "", stored=True),
    "no store": lambda count, url: _play(count, SERVED, url, stored=False),
    "everything": lambda count, url: _play(count, SERVED, url, stored=True),
}
"""Work on so many episodes, with a server at hand."""


def measure(quick: bool) -> list[Table]:
    """Count each piece of work in a process of its own. Raises ``RuntimeError`` where there is no valgrind."""
    if shutil.which("valgrind") is None:
        raise RuntimeError("valgrind is not installed; it is what counts instructions")
    count = 10 if quick else 20
    counted = {name: _counted(name, count) / (count * TURNS) / 1e3 for name in WORKS}
    bare = counted["aiohttp, bytes"]
    rows = tuple((name, thousands, thousands / bare) for name, thousands in counted.items())
    method = (
        f"{count} episodes of {TURNS} turns and a judge, {CONCURRENCY} in play, after as many to warm up; the bare\n"
        "clients post the same bodies. Thousands of instructions of the process a turn, all its threads, the kernel's\n"
        "own not among them; counted by valgrind's callgrind."
    )
    return [Table("instructions", method, ("work", "thousands a turn", "beside bytes"), rows)]


@cache
def _bodies() -> list[Episode]:
    return recorded(TURNS, 4)


def _play(count: int, model: str, url: str, *, stored: bool) -> object:
    plan = Plan(episodes=count, turns=TURNS, concurrency=CONCURRENCY, model=model, url=url)
    return cost_of(plan, stored=stored, every=count)


def _counted(name: str, count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
        work = [sys.executable, "-m", "benchmarks.instructions", name, str(count)]
        subprocess.run([*command, *work], check=True, capture_output=True, timeout=SECONDS)
        found = [int(total) for file in Path(folder).iterdir() for total in COLLECTED.findall(file.read_text())]
    return max(found)


def _count(on: bool) -> None:
    command = ["callgrind_control", "-i", "on" if on else "off", str(os.getpid())]
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)


if __name__ == "__main__":
    named, episodes = sys.argv[1:]
    with QuickServer() as server:
        WORKS[named](int(episodes), server.url)
        gc.collect()
        _count(True)
        WORKS[named](int(episodes), server.url)
        _count(False)
