"""The work of ``sotopia store copy``: opening both stores, showing how far it is, and the report."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Final

from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.cli.stores import open_to_read
from sotopia_core.database.copying import CopyReport, KindCopy, copy_store
from sotopia_core.database.locate import storage_from_url
from sotopia_core.database.names import STORED
from sotopia_core.errors import InputError
from sotopia_core.registry import Registry

EXIT_INCOMPLETE: Final = 3
SECONDS_BETWEEN_LINES: Final = 5.0


def run_copy(source: str, target: str, *, overwrite: bool, as_json: bool) -> int:
    """Copy a store and say what became of it; return the exit status. ``StorageError`` where a store fails."""
    storage = storage_from_url(Registry.installed(), target)
    if storage_from_url(Registry.installed(), source).url == storage.url:
        raise InputError(f"{storage.url} cannot be copied into itself; name another store")
    opened, url = open_to_read(source)
    with opened, storage.open() as into:
        report = copy_store(opened, into, STORED, overwrite=overwrite, watcher=_Progress())
    if as_json:
        kinds = [asdict(one) for one in report.kinds]
        parts = {"kinds": kinds, "journal": asdict(report.journal), "left": report.left}
        say_json({"from": url, "to": storage.url, **parts, "complete": report.complete})
    else:
        _say_report(report, url, storage.url)
    return 0 if report.complete else EXIT_INCOMPLETE


class _Progress:
    """Says on stderr, every few seconds, how far a copy is."""

    def __init__(self) -> None:
        self._spoke = time.monotonic()

    def __call__(self, doing: str, kind: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._spoke >= SECONDS_BETWEEN_LINES:
            self._spoke = now
            print(f"{doing} {kind}: {done:,} of {total:,}", file=sys.stderr, flush=True)


def _say_report(report: CopyReport, source: str, target: str) -> None:
    rows = [_row(one) for one in report.kinds]
    if report.journal.found:
        rows.append(_row(report.journal))
    if rows:
        say_table(
            ("kind", "found", "copied", "there already", "conflicting", "verified", "digest"), rows, numbers_from=1
        )
        say()
    for one in (*report.kinds, report.journal):
        if one.conflicting:
            more = f" and {one.conflicting - len(one.conflicts):,} more" if one.conflicting > len(one.conflicts) else ""
            say(f"{one.kind}: {', '.join(one.conflicts)}{more}: other values in {target}; see --overwrite")
        elif not one.verified:
            say(f"{one.kind}: {target} does not give back what was copied; was either store written meanwhile?")
    for kind, count in report.left.items():
        say(f"{kind}: {count:,} left behind, since nothing that is installed knows this class")
    found = sum(one.found for one in report.kinds)
    if report.complete:
        say(f"{target} has all {found:,} records of {source}")
    else:
        say(f"{target} does not have all of {source}")


def _row(one: KindCopy) -> tuple[str, ...]:
    numbers = (one.found, one.copied, one.same, one.conflicting)
    return (one.kind, *(f"{number:,}" for number in numbers), "yes" if one.verified else "no", one.digest[:12])
