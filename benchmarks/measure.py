"""Clocks, repeats, fresh processes, memory and tables, for all benchmarks."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Cell = str | int | float | list[float]
KIB: Final = 1024
MIB: Final = 1024 * KIB
LIMIT: Final = 120.0
"""Seconds that one command may take."""


@dataclass(frozen=True, slots=True)
class Table:
    """What one benchmark found: how it was measured, and rows of cells under columns that name their units."""

    title: str
    method: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def as_text(self) -> str:
        """Render the table for a terminal: text to the left, numbers to the right."""
        lines = [self.columns, *(tuple(map(_cell, row)) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        numeric = [all(isinstance(row[at], int | float) for row in self.rows) for at in range(len(widths))]
        rendered = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, numeric, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, self.method, "", *rendered])

    def as_json(self) -> dict[str, object]:
        """Return the table as JSON values: each row an object keyed by the columns."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "method": self.method, "rows": rows}


def _cell(value: Cell) -> str:
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def machine() -> dict[str, str]:
    """Return what the numbers depend on besides the code."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "cpus": f"{usable} usable of {os.cpu_count()}",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "sqlite": sqlite3.sqlite_version,
    }


def interleaved(works: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Do each work once a round, so that whatever slows the machine slows all alike; return each one's costs."""
    costs: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            costs[name].append(work())
    return costs


def median_difference(costs: Sequence[float], baseline: Sequence[float]) -> float:
    """Return the median of the differences, each taken within one round."""
    return median(cost - base for cost, base in zip(costs, baseline, strict=True))


def median_ratio(costs: Sequence[float], baseline: Sequence[float]) -> float:
    """Return the median of the ratios, each taken within one round."""
    return median(cost / base for cost, base in zip(costs, baseline, strict=True))


def wall_of(command: Sequence[str], folder: str) -> float:
    """Run a command in a folder, without output, and return how many seconds it took from start to end.

    It meets no store that the environment names. ``CalledProcessError`` unless it ends well, and within ``LIMIT``.
    """
    kept = {key: value for key, value in os.environ.items() if key not in ("SOTOPIA_STORAGE", "REDIS_OM_URL")}
    silent = subprocess.DEVNULL
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=kept, stdin=silent, stdout=silent, stderr=silent) as process:
        watch = Timer(LIMIT, process.kill)
        watch.start()
        # A wait with a timeout looks for the end at ever longer intervals, and so measures those.
        status = process.wait()
        took = time.perf_counter() - began
        watch.cancel()
    if status:
        raise subprocess.CalledProcessError(status, command)
    return took


def in_fresh_process(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a module's function in a new interpreter, so that no earlier work is in its memory or its caches."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def resident() -> int:
    """Return how much memory this process holds now, in bytes; where the system does not say, the peak."""
    return _status("VmRSS") or peak_resident()


def peak_resident() -> int:
    """Return the most memory that this process has held, in bytes."""
    # getrusage counts what the process held before it became this program, so it is the second choice.
    unit = 1 if sys.platform == "darwin" else KIB
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(key: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith(f"{key}:")), 0)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through (x, y) points; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
