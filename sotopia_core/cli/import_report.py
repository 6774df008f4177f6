"""What ``sotopia import`` does: imports, shows how far it is, and tells what became of each record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.database.importing import (
    FileReport,
    ImportReport,
    MissingReferences,
    OnError,
    Problem,
    Watcher,
    find_record_files,
    import_files,
)
from sotopia_core.database.locate import find_storage
from sotopia_core.database.names import find_kind
from sotopia_core.errors import InputError, RecordError
from sotopia_core.registry import Registry
from sotopia_core.terminal import visible_line

EXIT_ALL: Final = 0
EXIT_SKIPPED: Final = 3
PKS_SHOWN: Final = 3
COUNTS: Final = ("read", "new", "same", "conflicting", "refused")
EVERY: Final = 100
"""Records between two changes of the display."""


def run_import(paths: Sequence[str], *, kind: str | None, on_error: str, store: str | None, as_json: bool) -> int:
    """Import, print the report, and return the exit status; ``InputError`` where nothing was imported."""
    wanted = None if kind is None else find_kind(kind)
    files = find_record_files(paths, Path())
    storage = find_storage(Registry.installed(), store)
    choice = _on_error(on_error)
    opened = storage.open()
    try:
        with _Display(silent=as_json, keep_first=choice == "stop") as display:
            report = import_files(files, opened, kind=wanted, on_error=choice, watcher=display)
    finally:
        opened.abandon()
    if as_json:
        say_json(_document(report, storage.url))
    else:
        _say(report, storage.url)
    if report.left_out and not report.stored:
        raise RecordError(_why_nothing(report))
    return EXIT_SKIPPED if report.left_out else EXIT_ALL


def _on_error(text: str) -> OnError:
    match text:
        case "stop" | "skip":
            return text
        case _:
            raise InputError(f"--on-error {text}: expected stop or skip")


class _Display(Watcher):
    """Tells problems on stderr as they come, unless ``silent``, and on a terminal also how far the import is.

    ``keep_first`` leaves out the first of them, which is for the error at the end to tell.
    """

    def __init__(self, *, silent: bool, keep_first: bool) -> None:
        self._console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
        self._silent = silent
        self._keep = keep_first
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reading(self, path: Path, records: int) -> None:
        if records % EVERY == 0:
            self._show(f"reading {path}: {records:,} records")

    def storing(self, records: int) -> None:
        self._show(f"storing {records:,} new records")

    def problem(self, problem: Problem) -> None:
        if not self._silent and not self._keep:
            self._console.print(visible_line(f"{problem.outcome}: {problem.place}: {problem.reason}"))
        self._keep = False

    def _show(self, text: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=visible_line(text))


def _say(report: ImportReport, url: str) -> None:
    rows = [[str(file.path), *map(str, _counts(file))] for file in report.files]
    if len(rows) > 1:
        rows.append(["all files", *map(str, _counts(report.total))])
    say_table(("file", *COUNTS), rows, numbers_from=1)
    for missing in report.missing:
        say(f"note: {_missing(missing)}", stderr=True)
    if report.stored:
        new = report.total.new
        say(f"{new:,} new {'record is' if new == 1 else 'records are'} in {url}")


def _counts(file: FileReport) -> tuple[int, ...]:
    return tuple(getattr(file, name) for name in COUNTS)


def _missing(missing: MissingReferences) -> str:
    shown = ", ".join(missing.pks[:PKS_SHOWN])
    more = ", …" if missing.count > PKS_SHOWN else ""
    plural = "" if missing.count == 1 else "s"
    return (
        f"{missing.source}.{missing.field} names {missing.count:,} {missing.target}{plural} that the store has not: "
        f"{shown}{more}; the records are kept"
    )


def _why_nothing(report: ImportReport) -> str:
    total = report.total
    parts = [
        f"{count:,} {what}" for count, what in ((total.refused, "refused"), (total.conflicting, "conflicting")) if count
    ]
    first = report.problems[0]
    told = f"{first.place}: {first.reason}"
    more = f" ({' and '.join(parts)} in all)" if report.left_out > 1 else ""
    return f"{told}{more}; nothing was imported, and --on-error skip imports the others"


def _document(report: ImportReport, url: str) -> dict[str, Any]:
    return {
        "store": url,
        "stored": report.stored,
        **dict(zip(COUNTS, _counts(report.total), strict=True)),
        "files": [{"file": str(file.path), **dict(zip(COUNTS, _counts(file), strict=True))} for file in report.files],
        "problems": [
            {
                "file": str(problem.place.path),
                "line": problem.place.line,
                "entry": problem.place.entry,
                "key": problem.place.key,
                "outcome": problem.outcome,
                "reason": problem.reason,
            }
            for problem in report.problems
        ],
        "problems_left_out": report.left_out - len(report.problems),
        "missing_references": [
            {
                "source": missing.source,
                "field": missing.field,
                "target": missing.target,
                "count": missing.count,
                "pks": missing.pks,
            }
            for missing in report.missing
        ],
    }
