"""``sotopia annotate`` and ``sotopia position-bias``: asking people, and asking judges twice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sotopia_analysis.commands.options import Form, Json, Level, Set, Store, Tags, Where, needing_the_extra
from sotopia_core.errors import InputError


def annotate(
    annotator: Annotated[str, typer.Argument(metavar="NAME", help="Who annotates; a pseudonym will do.")],
    tags: Tags = None,
    where: Where = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many episodes at a sitting.")] = None,
    set_name: Set = None,
    reasons: Annotated[bool, typer.Option("--reasons/--no-reasons", help="Ask for reasons too.")] = True,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Annotate episodes in the terminal, without being told who played or how it was judged.

    Each agent is scored along the dimensions that the episode was judged on. Every answer is kept at once: the same
    command goes on where it was left. The exit status is 0 when nothing is left to annotate, 3 when something is.
    """
    if not annotator.strip():
        raise InputError("an annotator needs a name; a pseudonym will do")
    with needing_the_extra():
        from sotopia_analysis.annotating_output import run_annotation

        raise typer.Exit(
            run_annotation(
                annotator,
                tags=tags or [],
                where=where or [],
                limit=limit,
                set_name=set_name,
                reasons=reasons,
                store=store,
                as_json=as_json,
            )
        )


def position_bias(
    judge: Annotated[
        str | None, typer.Option("--judge", metavar="MODEL", help="The model that judges, on SotopiaDimensions.")
    ] = None,
    run_files: Annotated[
        list[Path] | None,
        typer.Option("--run-file", metavar="FILE", help="A run file; its first terminal evaluator is asked."),
    ] = None,
    tags: Tags = None,
    where: Where = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many episodes.")] = None,
    level: Level = 0.95,
    store: Store = None,
    form: Form = None,
    as_json: Json = False,
) -> None:
    """Have a judge score stored episodes twice, with the agents named in either order, and say whether that mattered.

    Each episode costs two judgements; what the judge replied is kept, and the same command asks for nothing twice. The
    episodes' own scores stay as they are.
    """
    with needing_the_extra():
        from sotopia_analysis.position_output import run_probe
        from sotopia_analysis.tables import read_format

        wanted = read_format(form, as_json=as_json)
        raise typer.Exit(
            run_probe(
                judge,
                tuple(run_files or ()),
                tags=tags or (),
                where=where or (),
                limit=limit,
                level=level,
                store=store,
                form=wanted,
            )
        )
