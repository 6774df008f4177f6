"""Krippendorff's alpha: how far several raters agree beyond chance, where some ratings may be missing."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from sotopia_analysis.intervals import Numbers
from sotopia_core.errors import InputError, nearest

Metric = Literal["nominal", "ordinal", "interval"]


def read_metric(text: str) -> Metric:
    """Return the metric of that name; ``InputError`` where there is none."""
    for known in get_args(Metric):
        if text == known:
            found: Metric = known
            return found
    there = f"; there are {', '.join(get_args(Metric))}"
    raise InputError(f"--alpha {text}: there is no such metric{nearest(text, get_args(Metric)) or there}")


def krippendorff_alpha(ratings: Numbers, metric: Metric = "interval") -> float | None:
    """Return alpha for ratings with a row for each unit and a column for each rater, NaN where one is missing.

    1 is perfect agreement, 0 what chance would give. None where it is undefined: no unit has two ratings, or all
    ratings that can be paired are equal. Units with fewer than two ratings do not count.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability", University of Pennsylvania 2011, by way of the matrix of
    coincidences. ``ValueError`` unless ``ratings`` has two dimensions.
    """
    if ratings.ndim != 2:
        raise ValueError("ratings have a row for each unit and a column for each rater")
    there = ~np.isnan(ratings)
    paired = ratings[there.sum(axis=1) >= 2]
    present = ~np.isnan(paired)
    if not present.any():
        return None
    levels, codes = np.unique(paired[present], return_inverse=True)
    unit = np.nonzero(present)[0]
    counts = np.zeros((len(paired), len(levels)))
    np.add.at(counts, (unit, codes), 1)
    raters = counts.sum(axis=1)
    scaled = counts / (raters - 1)[:, None]
    coincidences = scaled.T @ counts - np.diag(scaled.sum(axis=0))
    totals = coincidences.sum(axis=1)
    distances = _distances(levels, totals, metric)
    expected = float(totals @ distances @ totals) / (float(totals.sum()) - 1)
    if expected == 0:
        return None
    return 1 - float(np.sum(coincidences * distances)) / expected


def _distances(levels: Numbers, totals: Numbers, metric: Metric) -> Numbers:
    """Return the squared distance between each two levels; ``totals`` says how often each occurs."""
    match metric:
        case "nominal":
            return 1 - np.eye(len(levels))
        case "interval":
            return np.square(levels[:, None] - levels[None, :])
        case "ordinal":  # all ratings between two levels, and half of those on them
            middle = np.cumsum(totals) - totals / 2
            return np.square(middle[:, None] - middle[None, :])
