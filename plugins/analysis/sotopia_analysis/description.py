"""What scores come to: each dimension's mean for each group, with its interval and with what is missing."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sotopia_analysis.intervals import FEW, Estimate, Numbers, clustered_mean
from sotopia_analysis.scores import FACTORS, NO_MODEL, Scores, column_of
from sotopia_core.errors import InputError, nearest

Groups = list[tuple[dict[str, str], NDArray[np.uint32]]]
"""What groups are called by the factors, and their rows."""


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
    clusters = _clusters(scores.frame, clustered_by)
    groups = _groups(scores.frame, factors)
    found = [_describe(scores, name, groups, clusters, clustered_by, level) for name in names]
    rows = tuple(one for group in zip(*found, strict=True) for one in group if one is not None)
    return Descriptions(factors, rows, tuple(notes_on(scores, [row.estimate for row in rows])), level)


def _describe(
    scores: Scores, name: str, groups: Groups, clusters: NDArray[np.unsignedinteger], clustered_by: str, level: float
) -> list[Description | None]:
    """Describe one dimension in each group; None where it was not asked for."""
    values = _values(scores.frame[column_of(name)])
    asked = scores.frame.select(scores.asked(name).alias("asked")).to_series().to_numpy()
    everywhere = bool(asked.all())  # one value for all, perhaps
    found: list[Description | None] = []
    for group, places in groups:
        meant = places if everywhere else places[asked[places]]
        there = ~np.isnan(values[meant])
        scored, missing = meant[there], meant[~there]
        estimate = clustered_mean(values[scored], clusters[scored].astype(np.int64), level)
        reasons = _reasons(scores.frame["reason"].gather(missing)) if len(missing) else {}
        one = Description(group, name, estimate, len(missing), reasons, clustered_by)
        found.append(one if len(meant) else None)
    return found


def check_factors(by: Sequence[str]) -> tuple[str, ...]:
    """Return what to group by, the model first; ``InputError`` for what is no factor."""
    for factor in by:
        if factor not in FACTORS:
            raise InputError(
                f"scores cannot be told apart by {factor!r}{nearest(factor, FACTORS) or '; by ' + ', '.join(FACTORS)}"
            )
    return tuple(dict.fromkeys(("model", *by)))


def _values(column: pl.Series) -> Numbers:
    """Return scores with NaN for null; part by part, since the whole would be put together first and then copied."""
    values = np.empty(len(column))
    at = 0
    for part in column.get_chunks():
        values[at : at + len(part)] = part.to_numpy()
        at += len(part)
    return values


def _clusters(frame: pl.DataFrame, clustered_by: str) -> NDArray[np.unsignedinteger]:
    """Number the cluster of each row, in the order in which they were met."""
    if clustered_by == "scenario":
        return frame["environment"].to_physical().to_numpy()
    if frame["episode"].is_sorted():  # as a store gives them, which needs no search for those that are alike
        return frame["episode"].rle_id().to_numpy()
    rows = frame.select("episode").with_row_index("row")
    return rows.select(pl.col("row").first().over("episode")).to_series().to_numpy()


def _groups(frame: pl.DataFrame, factors: Sequence[str]) -> Groups:
    """Return the rows of each group, sorted by the texts that name it; polars takes many times what they come to."""
    keys = frame.select(factors)
    sizes = Counter(keys.iter_rows())
    ends = dict(zip(sizes, accumulate(sizes.values()), strict=True))
    begin = {key: end - sizes[key] for key, end in ends.items()}
    after = dict(begin)
    rows = array("I", bytes(4 * frame.height))
    for row, key in enumerate(keys.iter_rows()):
        rows[after[key]] = row
        after[key] += 1
    places = np.asarray(rows, dtype=np.uint32)
    named = {tuple(map(str, key)): places[begin[key] : end] for key, end in ends.items()}
    return [(dict(zip(factors, key, strict=True)), named[key]) for key in sorted(named)]


def _reasons(reasons: pl.Series) -> dict[str, int]:
    counted = reasons.cast(pl.String).value_counts().sort("count", "reason", descending=[True, False])
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
    unnamed = scores.counts("model").get(NO_MODEL, 0)
    if unnamed:
        yield f"{unnamed} seats are those of logs that do not say which model took them"
