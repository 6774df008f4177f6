"""Correlations: of the scores themselves, and of their ranks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from sotopia_analysis.intervals import Codes, Interval, Numbers

Correlation = Callable[[Numbers, Numbers], float | None]


def pearson(one: Numbers, other: Numbers) -> float | None:
    """Return Pearson's correlation; None where it is undefined, with fewer than two pairs or where one side is flat."""
    if len(one) < 2:
        return None
    first, second = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(first @ first) * float(second @ second))
    # Means of equal numbers can miss them by a rounding error, which is not a spread.
    if np.ptp(one) == 0 or np.ptp(other) == 0 or scale == 0:
        return None
    return max(-1.0, min(1.0, float(first @ second) / scale))


def spearman(one: Numbers, other: Numbers) -> float | None:
    """Return Spearman's correlation, which is Pearson's of the ranks; ties share the mean of their ranks."""
    return pearson(ranks(one), ranks(other))


def correlation_interval(
    of: Correlation, one: Numbers, other: Numbers, clusters: Codes, level: float = 0.95
) -> Interval | None:
    """Return an interval for a correlation by leaving out one cluster at a time.

    The jackknife's standard error (Efron and Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993,
    chapter 11) of Fisher's z, with Student's t and one degree of freedom less than there are clusters. With 14 clusters
    it covers what it claims, where the bootstrap falls short (``python -m benchmarks analysis`` measures both). None
    with fewer than three clusters, and where the correlation is undefined or perfect, in all or without one cluster.
    """
    groups = np.unique(clusters)
    found = [of(one, other), *(of(one[clusters != out], other[clusters != out]) for out in groups)]
    defined = [value for value in found if value is not None and abs(value) < 1]
    if len(groups) < 3 or len(defined) < len(found):
        return None
    centre, *left = np.arctanh(defined)
    error = math.sqrt((len(left) - 1) * float(np.var(left)))
    reach = float(stdtrit(len(left) - 1, (1 + level) / 2)) * error
    return Interval(math.tanh(centre - reach), math.tanh(centre + reach))


def ranks(values: Numbers) -> Numbers:
    """Return the rank of each value from 1, ties sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Numbers = (last - (counts - 1) / 2)[place]
    return middle
