"""``sotopia run``: plays what run files ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Run files; the later overwrites the earlier.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Overwrite a key, such as run.trials=3 or agents.0.model=..."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be played, and play nothing.")] = False,
    store: Annotated[str | None, typer.Option(metavar="URL", help="The store to use: sqlite:///path/to.db")] = None,
    modules: Annotated[
        list[Path] | None,
        typer.Option("--load", metavar="FILE.py", help="Run this Python file, and offer the components in it."),
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append what happens to this file, one JSON object a line.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Play what run files ask for, and score it.

    The exit status is 0 when every episode is scored (or nobody was asked to judge), 3 when some are unscored or
    failed, 2 when the input cannot be used.
    """
    from sotopia_core.cli.playing import play

    raise typer.Exit(
        play(
            files,
            overrides or [],
            dry_run=dry_run,
            store=store,
            as_json=as_json,
            modules=modules or [],
            events=events,
        )
    )
