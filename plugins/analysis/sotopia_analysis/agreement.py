"""How far judges agree with people, beside how far people agree among themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from sotopia_analysis.alpha import Metric, krippendorff_alpha
from sotopia_analysis.bootstrap import Rows, cluster_bootstrap
from sotopia_analysis.correlation import Correlation, correlation_interval, pearson, spearman
from sotopia_analysis.intervals import FEW, Codes, Estimate, Interval, Numbers, clustered_mean, clustered_share
from sotopia_analysis.ratings import Ratings
from sotopia_core.errors import InputError, nearest

Between = Literal["people", "judge and each person", "judge and mean of people"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A coefficient with its interval; each is None where it is undefined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two sides agree on one dimension.

    ``between`` says which: ``people`` among themselves, two at a time; a ``judge and each person``, which can be held
    against that; or a ``judge and mean of people``, as papers report it, which is higher since a mean is less noisy.
    ``squared_error`` is the mean squared difference, ``exact`` and ``within_one`` the shares of pairs that differ by
    nothing and by at most 1. ``alpha`` is Krippendorff's, among people, or among people and the judge. ``missing``
    counts what people rated and the judge did not.
    """

    dimension: str
    between: Between
    judge: str | None
    pairs: int
    units: int
    pearson: Measure
    spearman: Measure
    squared_error: Estimate
    exact: Estimate
    within_one: Estimate
    alpha: Measure
    missing: int


@dataclass(frozen=True, slots=True)
class Agreements:
    """Agreement on all dimensions, and what a reader should know about it."""

    rows: tuple[Agreement, ...]
    annotators: int
    episodes: int
    clustered_by: str
    reasons: Mapping[str, Mapping[str, int]]
    notes: tuple[str, ...]
    level: float


def agreement(
    ratings: Ratings,
    *,
    dimensions: Sequence[str] = (),
    metric: Metric = "interval",
    level: float = 0.95,
    seed: int = 0,
) -> Agreements:
    """Measure agreement on each dimension: of people among themselves, and of each judge with them.

    Intervals are clustered by scenario, or by episode where scenarios are not known: of means as in
    :func:`~sotopia_analysis.clustered_mean`, of correlations by leaving out clusters, of alpha by drawing them anew.
    ``InputError`` for a dimension that nobody rated.
    """
    for name in dimensions:
        if name not in ratings.dimensions:
            there = f"; there are {', '.join(ratings.dimensions)}"
            raise InputError(f"nobody rated {name!r}{nearest(name, ratings.dimensions) or there}")
    rows: list[Agreement] = []
    for name in ratings.dimensions:
        if dimensions and name not in dimensions:
            continue
        rater = _Rater(name, ratings, metric, level, seed)
        rows.append(rater.people())
        for judge in ratings.judges:
            rows += [rater.with_each(judge), rater.with_mean(judge)]
    return Agreements(
        rows=tuple(rows),
        annotators=len(ratings.annotators),
        episodes=len({episode for episode, _ in ratings.units}),
        clustered_by=ratings.clustered_by,
        reasons=ratings.reasons,
        notes=tuple(_notes(ratings)),
        level=level,
    )


def _notes(ratings: Ratings) -> list[str]:
    notes = []
    if ratings.unplaced:
        notes.append(
            f"{ratings.unplaced} annotated episodes are not in the store: no judge can be held against their "
            "annotators, and intervals are clustered by episode"
        )
    clusters = len(np.unique(ratings.clusters))
    if clusters < FEW:
        notes.append(
            f"there are {clusters} {ratings.clustered_by}s: with fewer than {FEW}, intervals say little about others"
        )
    alone = int(np.sum(np.sum(~np.isnan(next(iter(ratings.people.values()))), axis=1) < 2))
    if alone:
        notes.append(f"{alone} of {len(ratings.units)} rated seats have one annotator, who agrees with nobody")
    return notes


@dataclass(frozen=True)
class _Rater:
    name: str
    ratings: Ratings
    metric: Metric
    level: float
    seed: int

    def people(self) -> Agreement:
        scores = self.ratings.people[self.name]
        unit, one, other = _among(scores)
        both = (np.concatenate([unit, unit]), np.concatenate([one, other]), np.concatenate([other, one]))
        return self._agreement("people", None, (unit, one, other), both, scores, 0)

    def with_each(self, judge: str) -> Agreement:
        scores, own = self.ratings.people[self.name], self.ratings.judges[judge][self.name]
        unit, person = np.nonzero(~np.isnan(scores) & ~np.isnan(own)[:, None])
        pairs = (unit, own[unit], scores[unit, person])
        raters = np.column_stack([scores, own])[~np.isnan(own)]
        return self._agreement("judge and each person", judge, pairs, pairs, raters, self._missing(own), own)

    def with_mean(self, judge: str) -> Agreement:
        scores, own = self.ratings.people[self.name], self.ratings.judges[judge][self.name]
        counts = np.sum(~np.isnan(scores), axis=1)
        (unit,) = np.nonzero((counts > 0) & ~np.isnan(own))
        pairs = (unit, own[unit], np.nansum(scores[unit], axis=1) / counts[unit])
        return self._agreement("judge and mean of people", judge, pairs, pairs, None, self._missing(own))

    def _missing(self, own: Numbers) -> int:
        rated = ~np.isnan(self.ratings.people[self.name]).all(axis=1)
        return int(np.sum(rated & np.isnan(own)))

    def _agreement(
        self,
        between: Between,
        judge: str | None,
        pairs: tuple[Rows, Numbers, Numbers],
        correlated: tuple[Rows, Numbers, Numbers],
        raters: Numbers | None,
        missing: int,
        own: Numbers | None = None,
    ) -> Agreement:
        unit, one, other = pairs
        clusters = self.ratings.clusters
        away = np.abs(one - other)
        judged = clusters if own is None else clusters[~np.isnan(own)]
        return Agreement(
            dimension=self.name,
            between=between,
            judge=judge,
            pairs=len(unit),
            units=len(np.unique(unit)),
            pearson=self._correlation(pearson, correlated),
            spearman=self._correlation(spearman, correlated),
            squared_error=clustered_mean(away**2, clusters[unit], self.level),
            exact=clustered_share((away == 0).astype(np.float64), clusters[unit], self.level),
            within_one=clustered_share((away <= 1).astype(np.float64), clusters[unit], self.level),
            alpha=self._alpha(raters, judged),
            missing=missing,
        )

    def _correlation(self, of: Correlation, pairs: tuple[Rows, Numbers, Numbers]) -> Measure:
        unit, one, other = pairs
        return Measure(of(one, other), correlation_interval(of, one, other, self.ratings.clusters[unit], self.level))

    def _alpha(self, raters: Numbers | None, clusters: Codes) -> Measure:
        value = None if raters is None else krippendorff_alpha(raters, self.metric)
        if raters is None or value is None:
            return Measure(None, None)
        drawn = cluster_bootstrap(
            lambda rows: krippendorff_alpha(raters[rows], self.metric), clusters, level=self.level, seed=self.seed
        )
        return Measure(value, drawn)


def _among(scores: Numbers) -> tuple[Rows, Numbers, Numbers]:
    """Return each two people's scores of one unit, and which unit that is."""
    there = ~np.isnan(scores)
    found = [(unit, a, b) for unit, row in enumerate(there) for a, b in combinations(np.nonzero(row)[0], 2)]
    unit, a, b = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return unit, scores[unit, a], scores[unit, b]
