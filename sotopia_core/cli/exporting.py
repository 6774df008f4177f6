"""``sotopia export``: writes records of a store to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="agents, environments, combos, relationships, episodes, runs, environment-lists, annotations, "
            "annotators, sessions, dimensions or dimension-lists.",
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Where to; what it ends in, .jsonl, .json or .csv, says in which form."),
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Only records whose field has the value, or holds it; repeatable."),
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where from, such as sqlite:///my.db.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file where it is there.")] = False,
) -> None:
    """Export records to a JSON, JSONL or CSV file.

    JSON and JSONL hold everything exactly and can be imported again; CSV is for reading, with lists and tables as JSON
    in their cells. The file is there when it is complete, and not before.
    """
    from sotopia_core.cli.conditions import read_conditions
    from sotopia_core.cli.output import say
    from sotopia_core.cli.stores import open_to_read
    from sotopia_core.database.exporting import find_writer
    from sotopia_core.database.names import find_kind
    from sotopia_core.errors import InputError

    found = find_kind(kind)
    write = find_writer(file, found)
    conditions = read_conditions(found, where or ())
    if file.exists() and not force:
        raise InputError(f"{file} is there already; name another file, or overwrite it with --force")
    opened, url = open_to_read(store)
    with opened:
        count = write(opened.iterate(found, conditions), file)
    say(f"{count:,} {kind} of {url} are in {file}")
