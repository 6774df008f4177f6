"""Correlations: of the scores themselves, and of their ranks."""

from __future__ import annotations

import math

import numpy as np

from sotopia_analysis.intervals import Numbers


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


def ranks(values: Numbers) -> Numbers:
    """Return the rank of each value from 1, ties sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Numbers = (last - (counts - 1) / 2)[place]
    return middle
