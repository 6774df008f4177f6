"""``sotopia import``: records from files into a store, and a report of what became of each."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sotopia_core.cli.kinds import KIND_NAMES, find_kind
from sotopia_core.errors import InputError

EXIT_SKIPPED = 3


def import_(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, patterns, or folders with all .json, .jsonl and .csv in them."),
    ],
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help=f"What all records are, instead of asking each: {KIND_NAMES}.")
    ] = None,
    on_error: Annotated[
        str, typer.Option(help="stop: one record that cannot be imported, and nothing is; skip: all others are.")
    ] = "stop",
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where to, such as sqlite:///my.db.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Bring records from JSON, JSONL and CSV files into the store.

    The kind of each record is told from its fields, which may have the names that Sotopia or its exporter gives them.
    What the store has already is left as it is; another record under the same pk is a conflict and is not imported.
    The exit status is 0 when all is well, 2 when nothing was imported, 3 when records were skipped.
    """
    from pathlib import Path

    from sotopia_core.cli.import_progress import ImportProgress
    from sotopia_core.database.importing import find_record_files, import_files
    from sotopia_core.database.locate import find_storage
    from sotopia_core.registry import Registry

    if on_error not in ("stop", "skip"):
        raise InputError(f"--on-error {on_error}: expected stop or skip")
    wanted = None if kind is None else find_kind(kind)
    files = find_record_files(paths, Path())
    storage = find_storage(Registry.installed(), store)
    with storage.open() as opened, ImportProgress() as progress:
        report = import_files(
            files, opened, kind=wanted, on_error="stop" if on_error == "stop" else "skip", watcher=progress
        )
    _say_report(report, storage.url, as_json=as_json)
    if report.left_out and not report.stored:
        raise InputError(_why_nothing(report))
    if report.left_out:
        raise typer.Exit(EXIT_SKIPPED)
