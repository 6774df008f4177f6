"""``sotopia rescore``: judges stored or imported episodes again, beside the scores that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def rescore(
    episodes: Annotated[
        list[str] | None, typer.Argument(metavar="[EPISODE]...", help="Primary keys of episodes.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="All episodes with this tag.")] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="All episodes of this run, by pk or name.")] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The model that judges: an id, a name of [models], or offline.")
    ] = None,
    dimensions: Annotated[
        str, typer.Option(metavar="NAME", help="The dimension set to judge on.")
    ] = "SotopiaDimensions",
    config: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A run file with [models], [dimensions] or the judges; repeatable."),
    ] = None,
    modules: Annotated[
        list[Path] | None,
        typer.Option("--load", metavar="FILE.py", help="Run this Python file, and offer the components in it."),
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where they are, such as sqlite:///my.db.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Judge stored episodes again, imported ones too; the scores that they have stay as they are.

    What the same judge has scored on the same dimensions already is left alone, so a command that was interrupted is
    simply given again. Without --judge, the terminal evaluators of the run file judge. The exit status is 0 where all
    are scored, 3 where some are not.
    """
    from sotopia_core.cli.rescoring import Chosen, judge_again

    chosen = Chosen(tuple(episodes or ()), tag, run)
    raise typer.Exit(
        judge_again(chosen, judge, dimensions, config or [], modules=modules or [], store=store, as_json=as_json)
    )
