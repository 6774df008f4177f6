"""What finding fifty installed plugins costs, beside importing their modules and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import Table, interleaved, median_ratio

PLUGINS: Final = 50
NAMES: Final = [f"synthetic_{number:02}" for number in range(PLUGINS)]

PLUGIN: Final = """
from sotopia_core import hookimpl

@hookimpl
def sotopia_agents() -> list[str]:
    return ["{name}_agent:Agent{number}"]

@hookimpl
def sotopia_orderings() -> list[str]:
    return ["{name}_agent:Ordering{number}"]
"""

TIMED: Final = """
import sys, time
import importlib, importlib_metadata, pluggy
from sotopia_core import hookimpl
import sotopia_core.registry
names = sys.argv[1:]
began = time.process_time()
{work}
print(time.process_time() - began)
"""
"""Everything that both sides need is imported before the clock starts."""

WORKS: Final[Mapping[str, str]] = {
    "import of the 50 modules, bare": "for name in names: importlib.import_module(name)",
    "finding and loading 50 plugins": "sotopia_core.registry.PluginHost.discover()",
    "the same, and what they offer": "sotopia_core.registry.Registry.discover()",
}


def measure(quick: bool) -> list[Table]:
    """Install fifty small distributions into a folder, and discover them in fresh processes, round by round."""
    rounds = 5 if quick else 25
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        works = {name: partial(seconds_of, work, folder) for name, work in WORKS.items()}
        works |= {f"{name}, none installed": partial(seconds_of, WORKS[name], "") for name in list(WORKS)[1:]}
        interleaved(works, 1)  # leaves the bytecode behind
        costs = interleaved(works, rounds)
    bare = next(iter(WORKS))
    rows = []
    for name in WORKS:
        without = costs.get(f"{name}, none installed", [0.0] * rounds)
        own = [cost - other for cost, other in zip(costs[name], without, strict=True)]
        rows.append((name, 1e3 * median(own), 1e3 * median(own) / PLUGINS, median_ratio(own, costs[bare])))
    method = (
        f"CPU time in fresh processes, {rounds} interleaved rounds, in ms; less what the built-in plugins cost in the "
        "same round; ratios within a round."
    )
    return [Table("discovery", method, ("what", "50 plugins", "each", "ratio to bare"), tuple(rows))]


def install(folder: Path) -> None:
    """Write the modules and the metadata that pip would leave in site-packages."""
    for number, name in enumerate(NAMES):
        (folder / f"{name}.py").write_text(PLUGIN.format(name=name, number=number), encoding="utf-8")
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: sotopia-core>=0.1\n"
        (info / "METADATA").write_text(head, encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[sotopia]\n{name} = {name}\n", encoding="utf-8")
        (info / "RECORD").write_text(f"{name}.py,,\n", encoding="utf-8")


def seconds_of(work: str, folder: str) -> float:
    """Return the CPU seconds of some work in a process of its own, with a folder on its path."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(work=work), *NAMES],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return float(done.stdout)
