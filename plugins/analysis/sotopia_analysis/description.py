"""What scores come to: each dimension's mean for each group, with its interval and with what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sotopia_analysis.intervals import FEW, Estimate, clustered_mean
from sotopia_analysis.scores import FACTORS, Scores, column_of
from sotopia_core.errors import InputError, nearest


@dataclass(frozen=True, slots=True)
class Description:
    """One dimension in one group: ``group`` maps the factors to the group's values.

    ``estimate`` is the mean over the scores that are there; ``missing`` counts those that are not, and ``reasons`` says
    why, with how many. ``clustered_by`` names what the interval is clustered by.
    """

    group: dict[str, str]
    dimension: str
    estimate: Estimate
    missing: int
    reasons: dict[str, int]
    clustered_by: str


@dataclass(frozen=True, slots=True)
class Descriptions:
    """A table of descriptions, what they are grouped by, and what a reader of them should know."""

    by: tuple[str, ...]
    rows: tuple[Description, ...]
    notes: tuple[str, ...]
    level: float


def describe(
    scores: Scores,
    by: Sequence[str] = (),
    *,
    dimensions: Sequence[str] = (),
    level: float = 0.95,
    mix_dimensions: bool = False,
    mix_judges: bool = False,
) -> Descriptions:
    """Describe each model's scores, further apart by any of ``FACTORS``.

    Intervals are clustered by scenario; within one scenario, by episode. No mean is taken over what is missing: it is
    counted. ``InputError`` where nothing is scored, a factor or dimension is unknown, or scores are on different
    dimension sets or by different judges and nobody allowed it.
    """
    factors = check_factors(by)
    names = scores.check_dimensions(dimensions)
    scores.require_scores()
    scores.require_one_scale(mix_dimensions=mix_dimensions, mix_judges=mix_judges or "judge" in factors)
    clustered_by = "episode" if "scenario" in factors else "scenario"
    cluster = "episode" if clustered_by == "episode" else "environment"
    clusters = scores.frame[cluster].to_physical().to_numpy().astype(np.int64)
    values = {name: scores.frame[column_of(name)].to_numpy() for name in names}  # NaN where null
    asked = {name: scores.frame.select(scores.asked(name).alias("asked")).to_series() for name in names}
    masks = {name: _mask(one, scores.frame.height) for name, one in asked.items()}
    rows: list[Description] = []
    for key, places in _groups(scores.frame, factors):
        group = dict(zip(factors, map(str, key), strict=True))
        for name in names:
            meant = places[masks[name][places]]
            if not len(meant):
                continue
            given = values[name][meant]
            there = ~np.isnan(given)
            estimate = clustered_mean(given[there], clusters[meant][there], level)
            missing = meant[~there]
            reasons = _reasons(scores.frame["reason"].gather(missing)) if len(missing) else {}
            rows.append(Description(group, name, estimate, len(missing), reasons, clustered_by))
    return Descriptions(factors, tuple(rows), tuple(notes_on(scores, [row.estimate for row in rows])), level)


def check_factors(by: Sequence[str]) -> tuple[str, ...]:
    """Return what to group by, the model first; ``InputError`` for what is no factor."""
    for factor in by:
        if factor not in FACTORS:
            raise InputError(
                f"scores cannot be told apart by {factor!r}{nearest(factor, FACTORS) or '; by ' + ', '.join(FACTORS)}"
            )
    return tuple(dict.fromkeys(("model", *by)))


def _mask(asked: pl.Series, height: int) -> NDArray[np.bool_]:
    """Return in which rows a dimension was asked for; an expression that holds everywhere gives one value for all."""
    return np.broadcast_to(asked.to_numpy(), (height,))


def _groups(frame: pl.DataFrame, factors: Sequence[str]) -> list[tuple[tuple[object, ...], NDArray[np.int64]]]:
    """Return the rows of each group, by the texts that name it."""
    keys = frame.select(pl.col(name).cast(pl.String) for name in factors).with_row_index("row")
    parts = keys.group_by(factors).agg("row")
    names = parts.drop("row").rows()
    found = [(name, rows.to_numpy().astype(np.int64)) for name, rows in zip(names, parts["row"], strict=True)]
    return sorted(found, key=lambda part: tuple(map(str, part[0])))


def _reasons(reasons: pl.Series) -> dict[str, int]:
    counted = reasons.value_counts().sort("count", "reason", descending=[True, False])
    return {str(reason): int(count) for reason, count in counted.iter_rows()}


def notes_on(scores: Scores, estimates: Sequence[Estimate]) -> Iterator[str]:
    """Say what a reader of estimates from these scores should know."""
    there = [estimate for estimate in estimates if estimate.n]
    least = min((estimate.clusters for estimate in there), default=0)
    if there and least < FEW:
        one = "1 scenario gives no interval at all, and " if least == 1 else ""
        yield (
            f"the fewest scenarios behind a mean are {least}: {one}with fewer than {FEW}, intervals rest on scenarios "
            "being alike, and say little about others"
        )
    offline = int(np.sum(scores.frame["offline"].to_numpy()))
    if offline:
        yield (
            f'{offline} of {scores.frame.height} seats were played or judged with "offline", a rule-based stand-in: '
            "those scores say nothing about any language model"
        )
    unjudged = scores.frame.filter(pl.col("model").cast(pl.String) == "unknown").height
    if unjudged:
        yield f"{unjudged} seats are those of logs that do not say which model took them"
