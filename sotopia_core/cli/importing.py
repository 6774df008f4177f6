"""``sotopia import``: brings records from files into a store."""

from __future__ import annotations

from typing import Annotated

import typer


def import_(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Files, patterns, and folders: all .json, .jsonl and .csv files in them."
        ),
    ],
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="What all records are: agents, episodes and so on, as in export.")
    ] = None,
    on_error: Annotated[
        str,
        typer.Option(metavar="stop|skip", help="At a record that cannot be imported: import nothing, or the others."),
    ] = "stop",
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where to, such as sqlite:///my.db.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Import records from JSON, JSONL and CSV files.

    Each record's kind is told from its fields, under the names that Sotopia or its exporter gives them. What the store
    has already stays as it is; another record under the same pk is a conflict and is not imported. All is stored
    together or not at all. The exit status is 0 when all is well, 2 when nothing was imported, 3 when some was skipped.
    """
    from sotopia_core.cli.import_report import run_import

    raise typer.Exit(run_import(paths, kind=kind, on_error=on_error, store=store, as_json=as_json))
