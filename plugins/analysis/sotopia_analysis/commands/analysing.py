"""The commands that analyse what a store holds: their arguments, and one call each to what does the work."""

from __future__ import annotations

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


def stats(
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="FACTOR",
            help="Tell apart by seat, partner, scenario, relationship, tag, judge, agent_class or run; repeatable.",
        ),
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
    store: Store = None,
    form: Form = None,
    as_json: Json = False,
) -> None:
    """Say what each model's scores come to: mean, interval, how many there are and how many are missing, and why.

    Intervals are clustered by scenario. A missing score is counted and never averaged over.
    """
    with needing_the_extra():
        from sotopia_analysis.asking import read
        from sotopia_analysis.description import check_factors, describe
        from sotopia_analysis.reports import report_descriptions
        from sotopia_analysis.tables import print_report, read_format

        wanted = read_format(form, as_json=as_json)
        factors = check_factors(by or ())
        scores = read(store, tags, where, judge, set_name, apart="judge" in factors)
        found = describe(
            scores.of_models(*models) if models else scores,
            factors,
            dimensions=dimensions or (),
            level=level,
            mix_dimensions=mix_dimensions,
            mix_judges=mix_judges,
        )
        print_report(report_descriptions(found), wanted)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A model, as sotopia stats names it.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The model to compare it with.")],
    dimensions: Dimensions = None,
    any_partner: Annotated[
        bool, typer.Option("--any-partner", help="Pair parts also where the models had different partners.")
    ] = False,
    tags: Tags = None,
    where: Where = None,
    judge: Judge = None,
    set_name: Set = None,
    mix_dimensions: MixDimensions = False,
    mix_judges: MixJudges = False,
    level: Level = 0.95,
    store: Store = None,
    form: Form = None,
    as_json: Json = False,
) -> None:
    """Say whether one model does better than another, by the parts that both played.

    Parts are paired by scenario, cast, seat, trial and partner. Intervals and tests are clustered by scenario; p-values
    are by permutation, and corrected for the number of dimensions after Holm.
    """
    with needing_the_extra():
        from sotopia_analysis.asking import read
        from sotopia_analysis.comparison import compare as compared
        from sotopia_analysis.reports import report_comparison
        from sotopia_analysis.tables import print_report, read_format

        wanted = read_format(form, as_json=as_json)
        found = compared(
            read(store, tags, where, judge, set_name),
            a,
            b,
            dimensions=dimensions or (),
            level=level,
            any_partner=any_partner,
            mix_dimensions=mix_dimensions,
            mix_judges=mix_judges,
        )
        print_report(report_comparison(found), wanted)


def agreement(
    judges: Annotated[
        list[str] | None, typer.Option("--judge", metavar="NAME", help="Only this judge; repeatable.")
    ] = None,
    annotators: Annotated[
        list[str] | None, typer.Option("--annotator", metavar="NAME", help="Only this annotator; repeatable.")
    ] = None,
    dimensions: Dimensions = None,
    metric: Annotated[
        str, typer.Option("--alpha", metavar="METRIC", help="interval, ordinal or nominal: how alpha takes scores.")
    ] = "interval",
    level: Level = 0.95,
    store: Store = None,
    form: Form = None,
    as_json: Json = False,
) -> None:
    """Say how far judges agree with people who annotated the same episodes, and how far people agree with each other.

    Annotations come from sotopia import TABLE.csv and from sotopia annotate.
    """
    with needing_the_extra():
        from sotopia_analysis.agreement import agreement as measured
        from sotopia_analysis.alpha import read_metric
        from sotopia_analysis.asking import read_ratings
        from sotopia_analysis.reports import report_agreements
        from sotopia_analysis.tables import print_report, read_format

        wanted = read_format(form, as_json=as_json)
        how = read_metric(metric)
        ratings = read_ratings(store, annotators, judges)
        found = measured(ratings, dimensions=dimensions or (), metric=how, level=level)
        print_report(report_agreements(found), wanted)
