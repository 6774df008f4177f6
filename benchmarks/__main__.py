"""Runs the benchmarks that are named, or all of them, and prints what they found."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks import (
    broker,
    crowd,
    demo,
    discovery,
    episodes,
    faults,
    importing,
    instructions,
    journal,
    length,
    overhead,
    soak,
    startup,
    storage,
)
from benchmarks.measure import Table, machine

BENCHMARKS: Final[Mapping[str, Callable[[bool], list[Table]]]] = {
    "startup": startup.measure,
    "episodes": episodes.measure,
    "length": length.measure,
    "faults": faults.measure,
    "demo": demo.measure,
    "importing": importing.measure,
    "journal": journal.measure,
    "overhead": overhead.measure,
    "crowd": crowd.measure,
    "soak": soak.measure,
    "discovery": discovery.measure,
    "storage": storage.measure,
    "broker": broker.measure,
}


def _analysis(quick: bool) -> list[Table]:
    from benchmarks import analysis  # needs the extra of that name, which no other benchmark does

    return analysis.measure(quick)


EXTRA: Final[Mapping[str, Callable[[bool], list[Table]]]] = {
    "importing-2GB": importing.measure_huge,
    "analysis": _analysis,
    "instructions": instructions.measure,
}
"""What is measured only where it is named, since it takes long, or more than the project's own tools."""


def main() -> None:
    """Measure, and print tables as they are found, or one JSON object at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed and memory.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one of {', '.join(BENCHMARKS)}; none: all these; or {', '.join(EXTRA)}",
    )
    parser.add_argument("--quick", action="store_true", help="fewer repeats and episodes: under 40 s, and rougher")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--imports", action="store_true", help="also list the modules that are slowest to import")
    asked = parser.parse_args()
    known = {**BENCHMARKS, **EXTRA}
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(known)}")
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    facts = machine()
    if not asked.json:
        print(f"$ {command}", *(f"{key}: {value}" for key, value in facts.items()), sep="\n", flush=True)
    began = time.perf_counter()
    tables: list[Table] = []
    works = [known[name] for name in asked.names or BENCHMARKS]
    for work in [*works, startup.slowest_imports] if asked.imports else works:
        for table in work(asked.quick):
            tables.append(table)
            if not asked.json:
                print(f"\n{table.as_text()}", flush=True)
    seconds = time.perf_counter() - began
    if asked.json:
        found = {"command": command, "machine": facts, "seconds": seconds, "tables": [t.as_json() for t in tables]}
        print(json.dumps(found, indent=2))
    else:
        print(f"\nmeasured in {seconds:.0f} s")


if __name__ == "__main__":
    main()
