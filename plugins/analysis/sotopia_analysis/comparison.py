"""Whether one model does better than another: paired differences, with their interval, test, effect and wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from sotopia_analysis.description import notes_on
from sotopia_analysis.intervals import Estimate, Numbers, clustered_mean, clustered_share
from sotopia_analysis.pairing import pair
from sotopia_analysis.permutation import SignFlip, holm, sign_flip_test
from sotopia_analysis.scores import Scores, column_of
from sotopia_core.errors import InputError
from sotopia_core.evaluation import OVERALL


@dataclass(frozen=True, slots=True)
class Difference:
    """How A and B differ on one dimension, A minus B, over the pairs in which both are scored.

    ``effect`` is the mean difference in standard deviations of the scores themselves, ``d_av`` of Lakens ("Calculating
    and reporting effect sizes to facilitate cumulative science", Frontiers in Psychology 4, 2013): unlike the mean over
    the deviation of the differences, it does not grow because pairs go together, so that it can be held against other
    studies. ``wins``, ``ties`` and ``losses`` are A's; ``win_rate`` counts a tie as half, and needs no scale at all.
    ``holm`` is the p-value corrected for all dimensions tested; None for the overall score, which they make up.
    ``missing`` counts the pairs in which a score of A, of B, or of both is missing.
    """

    dimension: str
    mean_a: float | None
    mean_b: float | None
    difference: Estimate
    test: SignFlip | None
    holm: float | None
    effect: float | None
    wins: int
    ties: int
    losses: int
    win_rate: Estimate
    missing: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of two models: ``pairs`` of parts both played, and why other parts of each were left out."""

    a: str
    b: str
    differences: tuple[Difference, ...]
    pairs: int
    unpaired: dict[str, dict[str, int]]
    notes: tuple[str, ...]
    level: float


def compare(
    scores: Scores,
    a: str,
    b: str,
    *,
    dimensions: Sequence[str] = (),
    level: float = 0.95,
    any_partner: bool = False,
    mix_dimensions: bool = False,
    mix_judges: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare two models by the parts that both played: scenario, cast, seat, trial and partner.

    Intervals and tests are clustered by scenario. ``InputError`` where a model or dimension is unknown, nothing can be
    paired or is scored, or scores are on different dimension sets or by different judges and nobody allowed it.
    """
    names = scores.check_dimensions(dimensions)
    both = scores.of_models(a, b) if a != b else scores
    both.require_scores()
    both.require_one_scale(mix_dimensions=mix_dimensions, mix_judges=mix_judges)
    pairs = pair(both, a, b, any_partner=any_partner)
    if not pairs.frame.height:
        raise InputError(f"nothing that {a} and {b} played can be paired: {_why(pairs.unpaired)}")
    found = [_difference(pairs.frame, both, name, level, seed) for name in names]
    tested = [(at, one.test.p) for at, one in enumerate(found) if one.test is not None and one.dimension != OVERALL]
    for (at, _), corrected in zip(tested, holm([p for _, p in tested]), strict=True):
        found[at] = replace(found[at], holm=corrected)
    notes = [*notes_on(both, [one.difference for one in found])]
    if pairs.in_order:
        notes.append(f"{pairs.in_order} pairs had no trial of their own and were paired in the order of their pks")
    return Comparison(a, b, tuple(found), pairs.frame.height, pairs.unpaired, tuple(notes), level)


def _why(unpaired: dict[str, dict[str, int]]) -> str:
    return "; ".join(f"{count} x {reason}" for reasons in unpaired.values() for reason, count in reasons.items())


def _difference(pairs: pl.DataFrame, scores: Scores, name: str, level: float, seed: int) -> Difference:
    column = column_of(name)
    without = [key for key, (_, dimensions) in scores.sets.items() if name != OVERALL and name not in dimensions]
    asked = pairs.filter(
        ~pl.col("digest").cast(pl.String).is_in(without) & ~pl.col("digest_b").cast(pl.String).is_in(without)
    )
    there = asked.drop_nulls([column, f"{column}_b"])
    missing = asked.filter(pl.col(column).is_null() | pl.col(f"{column}_b").is_null())
    one, other = there[column].to_numpy(), there[f"{column}_b"].to_numpy()
    clusters = there["environment"].rank("dense").cast(pl.Int64).to_numpy()
    away = one - other
    wins, losses = int(np.sum(away > 0)), int(np.sum(away < 0))
    return Difference(
        dimension=name,
        mean_a=float(one.mean()) if len(one) else None,
        mean_b=float(other.mean()) if len(other) else None,
        difference=clustered_mean(away, clusters, level),
        test=sign_flip_test(away, clusters, seed=seed) if len(away) else None,
        holm=None,
        effect=effect_size(one, other),
        wins=wins,
        ties=len(away) - wins - losses,
        losses=losses,
        win_rate=clustered_share((np.sign(away) + 1) / 2, clusters, level),
        missing=missing.height,
        reasons=_reasons(missing),
    )


def effect_size(one: Numbers, other: Numbers) -> float | None:
    """Return the mean paired difference over the root of the mean variance of both sides; None where neither varies."""
    if len(one) < 2:
        return None
    spread = math.sqrt((float(one.var(ddof=1)) + float(other.var(ddof=1))) / 2)
    return float((one - other).mean()) / spread if spread > 0 else None


def _reasons(missing: pl.DataFrame) -> dict[str, int]:
    told = pl.concat([missing["reason"].drop_nulls(), missing["reason_b"].drop_nulls()]).cast(pl.String)
    counted = told.value_counts().sort("count", "reason", descending=[True, False])
    return {str(reason): int(count) for reason, count in counted.iter_rows()}
