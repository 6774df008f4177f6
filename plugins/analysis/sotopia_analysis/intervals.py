"""Means with intervals that respect clusters: what was observed in one scenario is not independent.

The standard error is the cluster-robust CR2 of Bell and McCaffrey ("Bias reduction in standard errors for linear
regression with multi-stage samples", Survey Methodology 28, 2002), which for a mean has a closed form; the interval
uses Student's t with their degrees of freedom (Imbens and Kolesár, "Robust standard errors in small samples", Review of
Economics and Statistics 98, 2016; Pustejovsky and Tipton, "Small-sample methods for cluster-robust variance
estimation", Journal of Business & Economic Statistics 36, 2018). With clusters of equal size that is the t interval
over the clusters' means, and with one observation a cluster the ordinary t interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

FEW: Final = 10
"""Fewer clusters than this call for a warning: the interval rests on the scenarios being alike."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The two ends of an interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``n`` observations in ``clusters`` clusters, with its interval.

    ``value`` is None without observations. ``low``, ``high``, ``error`` (the standard error) and ``freedom`` (its
    degrees of freedom) are None with fewer than two clusters, since nothing then tells how much scenarios differ, and
    where the clusters do not differ at all, since an interval of no width would claim certainty.
    """

    value: float | None
    low: float | None
    high: float | None
    error: float | None
    freedom: float | None
    n: int
    clusters: int


def clustered_mean(values: Numbers, clusters: Codes, level: float = 0.95) -> Estimate:
    """Estimate the mean of values, none of them missing, that were drawn in clusters.

    ``clusters`` holds any whole number for each value, the same for those of one cluster. ``ValueError`` where the two
    differ in length, a value is not finite, or ``level`` is not between 0 and 1.
    """
    if values.shape != clusters.shape or values.ndim != 1:
        raise ValueError(f"{values.shape} values cannot lie in {clusters.shape} clusters; one cluster a value")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite; leave missing scores out, and count them")
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not at {level:g}")
    n = len(values)
    if n == 0:
        return Estimate(None, None, None, None, None, 0, 0)
    mean = float(values.mean())
    place = _counted_from_0(clusters)
    counts = np.bincount(place)
    met = counts > 0
    sizes = counts[met].astype(np.float64)
    groups = len(sizes)
    if groups < 2:
        return Estimate(mean, None, None, None, None, n, groups)
    residuals = np.bincount(place, weights=values - mean)[met]
    share = sizes / n
    error = math.sqrt(float(np.sum(residuals**2 / (1 - share)))) / n
    if error <= 1e-12 * max(1.0, abs(mean)):
        return Estimate(mean, None, None, None, None, n, groups)
    freedom = satterthwaite(sizes)
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    return Estimate(mean, mean - reach, mean + reach, error, freedom, n, groups)


def _counted_from_0(clusters: Codes) -> Codes:
    """Number clusters by numbers no larger than there are values, in the same order; most are so already."""
    if clusters.min() >= 0 and clusters.max() <= len(clusters):
        return clusters
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64)


def clustered_share(values: Numbers, clusters: Codes, level: float = 0.95) -> Estimate:
    """Estimate the mean of values from 0 to 1, as :func:`clustered_mean` does; the interval ends there too."""
    found = clustered_mean(values, clusters, level)
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def satterthwaite(sizes: Numbers) -> float:
    """Return the degrees of freedom of the CR2 variance of a mean over at least two clusters of these sizes.

    Bell and McCaffrey's approximation under independent observations; for clusters of equal size it is their number
    less one.
    """
    n = float(sizes.sum())
    share = sizes / n
    weight = 1 / (1 - share)  # the square of each cluster's CR2 adjustment
    own = weight * sizes * (1 - share)
    # The matrix of inner products is weight_g weight_h (n_g [g = h] - n_g n_h / n)^2 off and on the diagonal.
    cross = float(np.sum(weight * sizes**2)) ** 2 / n**2
    diagonal = float(np.sum((weight * sizes * share) ** 2))
    return float(own.sum()) ** 2 / (float(np.sum(own**2)) + cross - diagonal)
