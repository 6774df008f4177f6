"""Descriptions and comparisons as reports to be printed."""

from __future__ import annotations

from typing import Any

from sotopia_analysis.agreement import Agreement, Agreements, Measure
from sotopia_analysis.comparison import Comparison, Difference
from sotopia_analysis.description import Description, Descriptions
from sotopia_analysis.intervals import Estimate
from sotopia_analysis.tables import Column, Report, counted, interval, number, p_value


def report_descriptions(found: Descriptions) -> Report:
    """Lay descriptions out: a row for each group and dimension."""
    per_cent = f"{100 * found.level:g}% interval"
    columns = (
        *(Column(factor.replace("_", " "), factor) for factor in found.by),
        Column("dimension", "dimension"),
        Column("mean", "mean"),
        Column(per_cent, "interval"),
        Column("n", "n"),
        Column("missing", "missing"),
        Column(f"{found.rows[0].clustered_by if found.rows else 'scenario'}s", "clusters"),
    )
    cells = [
        [
            *(row.group[factor] for factor in found.by),
            row.dimension.replace("_", " "),
            number(row.estimate.value),
            interval(row.estimate.low, row.estimate.high),
            str(row.estimate.n),
            str(row.missing),
            str(row.estimate.clusters),
        ]
        for row in found.rows
    ]
    return Report(
        columns=columns,
        cells=cells,
        records=[_description(row) for row in found.rows],
        numbers_from=len(found.by) + 1,
        notes=found.notes,
        asides=_missing(found),
        facts={"level": found.level, "by": list(found.by)},
    )


def _description(row: Description) -> dict[str, Any]:
    return {
        **row.group,
        "dimension": row.dimension,
        "mean": row.estimate.value,
        **_ends(row.estimate),
        "n": row.estimate.n,
        "missing": row.missing,
        "clusters": row.estimate.clusters,
        "clustered_by": row.clustered_by,
        "reasons": row.reasons,
    }


def _ends(estimate: Estimate, prefix: str = "") -> dict[str, float | None]:
    return {
        f"{prefix}low": estimate.low,
        f"{prefix}high": estimate.high,
        f"{prefix}error": estimate.error,
        f"{prefix}freedom": estimate.freedom,
    }


def _missing(found: Descriptions) -> list[str]:
    """List why scores are missing, once for each group, as far as its dimensions share the reasons."""
    lines: dict[str, None] = {}
    for row in found.rows:
        for reason, count in row.reasons.items():
            lines[f"  {', '.join(row.group.values())}: {count} x {reason}"] = None
    return ["missing scores:", *lines] if lines else []


def report_comparison(found: Comparison) -> Report:
    """Lay a comparison out: a row for each dimension, A minus B."""
    columns = (
        Column("dimension", "dimension"),
        Column("A", "mean_a"),
        Column("B", "mean_b"),
        Column("A − B", "difference"),
        Column(f"{100 * found.level:g}% interval", "interval"),
        Column("p", "p"),
        Column("p (Holm)", "holm"),
        Column("d", "effect"),
        Column("A wins", "win_rate"),
        Column(f"{100 * found.level:g}% interval of wins", "win_interval"),
        Column("pairs", "n"),
        Column("missing", "missing"),
        Column("scenarios", "clusters"),
    )
    cells = [
        [
            one.dimension.replace("_", " "),
            number(one.mean_a),
            number(one.mean_b),
            number(one.difference.value),
            interval(one.difference.low, one.difference.high),
            p_value(one.test.p if one.test else None),
            p_value(one.holm),
            number(one.effect),
            number(one.win_rate.value),
            interval(one.win_rate.low, one.win_rate.high),
            str(one.difference.n),
            str(one.missing),
            str(one.difference.clusters),
        ]
        for one in found.differences
    ]
    return Report(
        columns=columns,
        cells=cells,
        records=[_difference(one) for one in found.differences],
        numbers_from=1,
        notes=found.notes,
        asides=_pairs(found),
        facts={
            "a": found.a,
            "b": found.b,
            "level": found.level,
            "pairs": found.pairs,
            "unpaired": found.unpaired,
        },
    )


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "dimension": one.dimension,
        "mean_a": one.mean_a,
        "mean_b": one.mean_b,
        "difference": one.difference.value,
        **_ends(one.difference),
        "p": one.test.p if one.test else None,
        "flips": one.test.flips if one.test else None,
        "exact": one.test.exact if one.test else None,
        "holm": one.holm,
        "effect": one.effect,
        "wins": one.wins,
        "ties": one.ties,
        "losses": one.losses,
        "win_rate": one.win_rate.value,
        **_ends(one.win_rate, "win_rate_"),
        "n": one.difference.n,
        "missing": one.missing,
        "clusters": one.difference.clusters,
        "reasons": one.reasons,
    }


def _pairs(found: Comparison) -> list[str]:
    lines = [f"A is {found.a}, B is {found.b}: {counted(found.pairs, 'pair')}"]
    for model, reasons in found.unpaired.items():
        lines += [f"  not paired: {counted(count, 'seat')} of {model}: {reason}" for reason, count in reasons.items()]
    missing: dict[str, None] = {}
    for one in found.differences:
        for reason, count in one.reasons.items():
            missing[f"  missing: {count} x {reason}"] = None
    return [*lines, *missing]


def report_agreements(found: Agreements) -> Report:
    """Lay agreement out: a row for each dimension and each two sides."""
    per_cent = f"{100 * found.level:g}% interval"
    columns = (
        Column("dimension", "dimension"),
        Column("between", "between"),
        Column("pairs", "pairs"),
        Column("missing", "missing"),
        Column("Pearson", "pearson"),
        Column(per_cent, "pearson_interval"),
        Column("Spearman", "spearman"),
        Column("alpha", "alpha"),
        Column(f"{per_cent} of alpha", "alpha_interval"),
        Column("squared error", "squared_error"),
        Column("exact", "exact"),
        Column("within 1", "within_one"),
    )
    cells = [
        [
            one.dimension.replace("_", " "),
            one.between if one.judge is None else one.between.replace("judge", one.judge),
            str(one.pairs),
            str(one.missing),
            number(one.pearson.value),
            _between(one.pearson),
            number(one.spearman.value),
            number(one.alpha.value),
            _between(one.alpha),
            number(one.squared_error.value),
            number(one.exact.value),
            number(one.within_one.value),
        ]
        for one in found.rows
    ]
    asides = [
        f"{counted(found.annotators, 'annotator')}, {counted(found.episodes, 'episode')}; "
        f"intervals are clustered by {found.clustered_by}"
    ]
    for judge, reasons in found.reasons.items():
        asides += [f"  missing: {judge}: {count} x {reason}" for reason, count in reasons.items()]
    return Report(
        columns=columns,
        cells=cells,
        records=[_agreement(one) for one in found.rows],
        numbers_from=2,
        notes=found.notes,
        asides=asides,
        facts={
            "level": found.level,
            "annotators": found.annotators,
            "episodes": found.episodes,
            "clustered_by": found.clustered_by,
            "reasons": {judge: dict(reasons) for judge, reasons in found.reasons.items()},
        },
    )


def _between(measure: Measure) -> str:
    ends = measure.interval
    return interval(ends.low if ends else None, ends.high if ends else None)


def _agreement(one: Agreement) -> dict[str, Any]:
    record: dict[str, Any] = {
        "dimension": one.dimension,
        "between": one.between,
        "judge": one.judge,
        "pairs": one.pairs,
        "units": one.units,
        "missing": one.missing,
    }
    for name, measure in (("pearson", one.pearson), ("spearman", one.spearman), ("alpha", one.alpha)):
        ends = measure.interval
        record |= {name: measure.value, f"{name}_low": ends.low if ends else None}
        record |= {f"{name}_high": ends.high if ends else None}
    shares = (("squared_error", one.squared_error), ("exact", one.exact), ("within_one", one.within_one))
    for name, estimate in shares:
        record |= {name: estimate.value, **_ends(estimate, f"{name}_")}
    return record
