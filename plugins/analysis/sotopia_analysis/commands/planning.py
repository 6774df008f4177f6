"""``sotopia power`` and ``sotopia plot``: how large a study must be, and pictures of what one found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sotopia_analysis.commands.options import (
    Dimensions,
    Form,
    Json,
    Judge,
    Level,
    MixDimensions,
    MixJudges,
    Set,
    Store,
    Tags,
    Where,
    needing_the_extra,
)


def power(
    a: Annotated[str, typer.Argument(metavar="A", help="A model of the pilot.")],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another; without it, one that varies as A does.")
    ] = None,
    difference: Annotated[
        float, typer.Option("--difference", min=0.001, help="The difference that must not be missed.")
    ] = 0.5,
    dimension: Annotated[str, typer.Option("--dimension", metavar="NAME", help="The dimension it is on.")] = "goal",
    each: Annotated[
        list[int] | None,
        typer.Option("--each", min=1, help="Pairs in each scenario; repeatable. Otherwise 1, 2, 5, 10."),
    ] = None,
    chance: Annotated[
        float, typer.Option("--power", min=0.5, max=0.99, help="The chance of finding the difference.")
    ] = 0.8,
    tags: Tags = None,
    where: Where = None,
    judge: Judge = None,
    set_name: Set = None,
    level: Level = 0.95,
    store: Store = None,
    form: Form = None,
    as_json: Json = False,
) -> None:
    """Say how many scenarios and episodes it takes to find a difference, from a pilot in the store.

    The pilot tells how much differences vary between scenarios and within them, so some scenarios must have been played
    more than once.
    """
    with needing_the_extra():
        from sotopia_analysis.asking import read
        from sotopia_analysis.power import pilot
        from sotopia_analysis.power_report import report_power
        from sotopia_analysis.tables import print_report, read_format

        wanted = read_format(form, as_json=as_json)
        found = pilot(read(store, tags, where, judge, set_name), a, b, dimension)
        report = report_power(
            found, difference, tuple(each or (1, 2, 5, 10)), power=chance, level=level, paired=b is not None
        )
        print_report(report, wanted)


def plot(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="means, distributions, partners or agreement.")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to: a name that ends in .png or .svg.")],
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="FACTOR", help="For means: tell apart by this too; repeatable.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="Only this model; repeatable.")
    ] = None,
    dimensions: Dimensions = None,
    tags: Tags = None,
    where: Where = None,
    judge: Judge = None,
    set_name: Set = None,
    mix_dimensions: MixDimensions = False,
    mix_judges: MixJudges = False,
    level: Level = 0.95,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file where it is there.")] = False,
    store: Store = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was written as one JSON object.")] = False,
) -> None:
    """Draw a picture of scores: means with intervals, distributions, models by partner, or a judge against people."""
    with needing_the_extra():
        from sotopia_analysis.plotting import Asked, draw
        from sotopia_core.cli.output import say, say_json

        asked = Asked(
            by=tuple(by or ()),
            models=tuple(models or ()),
            dimensions=tuple(dimensions or ()),
            tags=tags,
            where=where,
            judge=judge,
            set_name=set_name,
            mix_dimensions=mix_dimensions,
            mix_judges=mix_judges,
            level=level,
        )
        draw(kind, path, asked, store, force=force)
        if as_json:
            say_json({"kind": kind, "file": str(path)})
        else:
            say(f"wrote {path}")
