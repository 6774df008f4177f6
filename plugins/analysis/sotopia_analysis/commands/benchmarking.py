"""``sotopia benchmark``: plays a model against a partner, in both seats, and says what its scores come to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sotopia_analysis.commands.options import Form, Json, Level, needing_the_extra


def benchmark(
    target: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A model, an agent component, or a table such as '{use=\"Parrot\"}'."),
    ],
    partner: Annotated[str, typer.Option("--partner", metavar="MODEL", help="Whom it meets, named likewise.")],
    judge: Annotated[
        str | None, typer.Option("--judge", metavar="MODEL", help="The model that scores on SotopiaDimensions.")
    ] = None,
    run_files: Annotated[
        list[Path] | None,
        typer.Option("--run-file", metavar="FILE", help="A run file with whatever else: judges, models, limits."),
    ] = None,
    combos: Annotated[
        list[str] | None,
        typer.Option(
            "--combos",
            metavar="FILE",
            help="A file to take combos from; the store may have their scenarios and characters.",
        ),
    ] = None,
    packs: Annotated[
        list[str] | None, typer.Option("--pack", metavar="NAME", help="A pack to draw combos from; repeatable.")
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=1, help="Draw so many combos; without it, all stored combos.")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Repetitions of each combo, by seat.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Root of every random generator.")] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TAG", help="Names the benchmark; what has it is not played again.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Overwrite a key of the run file.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Show published figures beside, which are not directly comparable.")
    ] = False,
    published_file: Annotated[
        Path | None, typer.Option("--published-file", metavar="FILE", help="Take published figures from this file.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be played and what it may cost, and play nothing.")
    ] = False,
    level: Level = 0.95,
    store: Annotated[str | None, typer.Option("--store", metavar="URL", help="Where episodes are kept.")] = None,
    form: Form = None,
    as_json: Json = False,
) -> None:
    """Play a model against a partner on the same combos in both seats, and say what its scores come to.

    Given the same again, it goes on where it was broken off, and plays nothing twice. The exit status is 0 when every
    episode is scored, 3 when some are unscored or failed, 2 when the input cannot be used.
    """
    with needing_the_extra():
        from sotopia_analysis.benchmarking import Benchmark
        from sotopia_analysis.benchmarking_output import run_benchmark
        from sotopia_analysis.published import INCLUDED
        from sotopia_analysis.tables import read_format

        asked = Benchmark(
            target=target,
            partner=partner,
            judge=judge,
            run_files=tuple(run_files or ()),
            files=tuple(combos or ()),
            packs=tuple(packs or ()),
            size=size,
            trials=trials,
            seed=seed,
            tag=tag,
            settings=tuple(settings or ()),
        )
        beside = published_file if published_file is not None else INCLUDED if published else None
        wanted = read_format(form, as_json=as_json)
        raise typer.Exit(run_benchmark(asked, store=store, form=wanted, level=level, dry_run=dry_run, published=beside))
