"""How long the package and the command line take to start, beside a bare interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.measure import Table, interleaved, median_difference, wall_of

SLOWEST: Final = 10
EVERYTHING: Final = "import sotopia_core as s\nfor name in s.__all__: getattr(s, name)"
_IMPORT: Final = re.compile(r"import time:\s+(?P<own>\d+) \|\s+(?P<all>\d+) \|\s+(?P<module>\S+)")


def script() -> str:
    """Return the path of the ``sotopia`` command that belongs to this interpreter; ``FileNotFoundError`` without."""
    beside = Path(sys.executable).with_name("sotopia")
    if not beside.exists():
        raise FileNotFoundError(f"{beside} is not there; install the project into this environment first")
    return str(beside)


def measure(quick: bool) -> list[Table]:
    """Start each command in a fresh process, round by round."""
    rounds = 2 if quick else 10
    python = [sys.executable]
    commands: Mapping[str, tuple[Sequence[str], str]] = {
        "python -c pass": ([*python, "-c", "pass"], ""),
        "import sotopia_core": ([*python, "-c", "import sotopia_core"], "+300"),
        "import everything in __all__": ([*python, "-c", EVERYTHING], ""),
        "sotopia --help": ([script(), "--help"], "+500"),
        "sotopia plugins list": ([script(), "plugins", "list"], ""),
    }
    with tempfile.TemporaryDirectory() as folder:
        works = {name: partial(wall_of, command, folder) for name, (command, _) in commands.items()}
        interleaved(works, 1)  # reads every file from the disk once, and leaves its bytecode behind
        costs = interleaved(works, rounds)
    bare = costs["python -c pass"]
    rows = tuple(
        (
            name,
            1e3 * min(costs[name]),
            1e3 * median_difference(costs[name], bare),
            1e3 * (min(costs[name]) - min(bare)),
            target,
        )
        for name, (_, target) in commands.items()
    )
    method = f"Wall time of a fresh process, {rounds} interleaved rounds; differences to the bare interpreter, in ms."
    columns = ("command", "best", "median difference", "difference of bests", "target")
    return [Table("startup", method, columns, rows)]


def slowest_imports(_quick: bool) -> list[Table]:
    """List the modules that take longest to import, each without what it imports in turn; one process a list."""
    everything = [sys.executable, "-X", "importtime", "-c", EVERYTHING]
    helped = [sys.executable, "-X", "importtime", script(), "--help"]
    return [_imports("importing everything in __all__", everything), _imports("sotopia --help", helped)]


def _imports(title: str, command: Sequence[str]) -> Table:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    found = [(int(m["own"]), int(m["all"]), m["module"]) for m in _IMPORT.finditer(done.stderr)]
    slowest = sorted(found, reverse=True)[:SLOWEST]
    rows = tuple((module, own / 1e3, whole / 1e3) for own, whole, module in slowest)
    total = sum(own for own, _, _ in found) / 1e3
    method = f"python -X importtime, one process: {len(found)} modules in {total:.0f} ms; the {SLOWEST} slowest, in ms."
    return Table(f"imports: {title}", method, ("module", "itself", "with what it imports"), rows)
