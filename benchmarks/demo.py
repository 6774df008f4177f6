"""How long a newcomer waits: the quickstart, and a first run of seventy episodes, both offline."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import Table, interleaved, wall_of
from benchmarks.startup import script

QUICKSTART: Final = Path(__file__).parents[1] / "examples" / "quickstart.toml"
SEVENTY: Final = """
[run]
name = "seventy"

[[agents]]
use = "LLMAgent"
model = "offline"

[pool]
packs = ["starter"]

[sampler]
use = "UniformSampler"
size = 70

[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "offline"
"""


def measure(quick: bool) -> list[Table]:
    """Run the command in an empty folder, round by round."""
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as folder:
        seventy = Path(folder) / "seventy.toml"
        seventy.write_text(SEVENTY, encoding="utf-8")
        works = {
            "sotopia run examples/quickstart.toml": partial(_run, [script(), "run", str(QUICKSTART)]),
            "sotopia run, 70 episodes of the starter pack": partial(_run, [script(), "run", str(seventy)]),
        }
        costs = interleaved(works, rounds)
    targets = ("< 5", "")
    rows = tuple((name, median(c), min(c), target) for (name, c), target in zip(costs.items(), targets, strict=True))
    method = f"Wall time of the command in an empty folder with a new store, in s; {rounds} interleaved rounds."
    return [Table("demo", method, ("command", "median", "best", "target"), rows)]


def _run(command: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return wall_of(command, folder)
