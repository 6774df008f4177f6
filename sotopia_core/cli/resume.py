"""``sotopia resume``: goes on with a run that was killed, interrupted, stopped, or left something incomplete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's pk, or its name where only one is called so.")],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT", help="Only what is missing, failed or unscored; repeatable. Without it, all."),
    ] = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Go on though versions, prompts, dimensions or options changed.")
    ] = False,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where the run is, such as sqlite:///my.db.")] = None,
    modules: Annotated[
        list[Path] | None,
        typer.Option("--load", metavar="FILE.py", help="Run this Python file, and offer the components in it."),
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append what happens to this file, one JSON object a line.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Go on with a run, as its stored run file says: nothing that is in its journal is asked for again.

    What is missing is played on from where it stopped, what failed is tried again, what is unscored is judged again.
    The exit status is that of sotopia run.
    """
    from sotopia_core.cli.resuming import go_on

    raise typer.Exit(
        go_on(
            run,
            only or [],
            accept_changes=accept_changes,
            store=store,
            as_json=as_json,
            modules=modules or [],
            events=events,
        )
    )
