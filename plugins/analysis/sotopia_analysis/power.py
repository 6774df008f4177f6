"""How many episodes it takes: from a pilot's variance between and within scenarios to the size of a study."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import nctdtr, stdtrit

from sotopia_analysis.intervals import Codes, Numbers
from sotopia_analysis.pairing import pair
from sotopia_analysis.scores import Scores, column_of
from sotopia_core.errors import InputError

MOST: Final = 1_000_000
"""Scenarios beyond which nobody will go."""


@dataclass(frozen=True, slots=True)
class Components:
    """The variance ``between`` scenarios and ``within`` them, from ``n`` values in ``clusters`` scenarios."""

    between: float
    within: float
    n: int
    clusters: int

    def error(self, scenarios: int, each: int) -> float:
        """Return the standard error of a mean over so many scenarios with so many values each."""
        return math.sqrt(self.between / scenarios + self.within / (scenarios * each))


def variance_components(values: Numbers, clusters: Codes) -> Components:
    """Split a variance by scenario, by the analysis of variance for groups of any size.

    Searle, Casella and McCulloch, "Variance Components", Wiley 1992, section 3.6. A variance between scenarios that
    comes out negative is 0. ``InputError`` with fewer than two scenarios, or where no scenario has two values.
    """
    _, place = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(place).astype(np.float64)
    groups, n = len(sizes), len(values)
    if groups < 2:
        raise InputError(f"a pilot of {groups} scenario{'' if groups == 1 else 's'} does not tell how scenarios differ")
    if n == groups:
        raise InputError("no scenario of the pilot was played twice, so nothing tells how its episodes differ")
    means = np.bincount(place, weights=values) / sizes
    within = float(np.sum((values - means[place]) ** 2)) / (n - groups)
    among = float(np.sum(sizes * (means - values.mean()) ** 2)) / (groups - 1)
    typical = (n - float(np.sum(sizes**2)) / n) / (groups - 1)
    return Components(max(0.0, (among - within) / typical), within, n, groups)


def pilot(scores: Scores, a: str, b: str | None, dimension: str, *, any_partner: bool = False) -> Components:
    """Return the variance components of the paired differences of two models on a dimension.

    With one model, those of two models that vary as it does and have nothing in common: twice its own, which
    overstates what pairing by scenario will leave. ``InputError`` where the pilot does not tell, or mixes judges or
    dimension sets.
    """
    chosen = scores.of_models(*((a,) if b is None else (a, b)))
    chosen.require_one_scale()
    (name,) = chosen.check_dimensions([dimension])
    column = column_of(name)
    if b is None:
        frame = chosen.frame.drop_nulls(column)
        values, factor = frame[column].to_numpy(), 2
    else:
        frame = pair(chosen, a, b, any_partner=any_partner).frame.drop_nulls([column, f"{column}_b"])
        values, factor = (frame[column] - frame[f"{column}_b"]).to_numpy(), 1
    scenarios = frame["environment"].rank("dense").to_numpy().astype(np.int64)
    found = variance_components(values, scenarios)
    return Components(factor * found.between, factor * found.within, found.n, found.clusters)


def achieved_power(
    components: Components, difference: float, scenarios: int, each: int, *, level: float = 0.95
) -> float:
    """Return the chance that the interval of a study excludes 0 on the right side, if the true difference is this.

    Student's t over the scenarios' means, with one degree of freedom less than scenarios, against the noncentral t.
    """
    error = components.error(scenarios, each)
    if error == 0:
        return 1.0
    freedom = scenarios - 1
    return 1 - float(nctdtr(freedom, abs(difference) / error, stdtrit(freedom, (1 + level) / 2)))


def scenarios_needed(
    components: Components, difference: float, each: int, *, power: float = 0.8, level: float = 0.95
) -> int | None:
    """Return how many scenarios, with so many pairs each, find a difference with this power; None beyond ``MOST``."""
    high = 2
    while achieved_power(components, difference, high, each, level=level) < power:
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if middle >= 2 and achieved_power(components, difference, middle, each, level=level) >= power:
            high = middle
        else:
            low = middle
    return high


def detectable(components: Components, scenarios: int, each: int, *, power: float = 0.8, level: float = 0.95) -> float:
    """Return the smallest difference that so many scenarios, with so many pairs each, find with this power."""
    high = components.error(scenarios, each)
    while achieved_power(components, high, scenarios, each, level=level) < power:
        high *= 2
    low = 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (
            (low, middle)
            if achieved_power(components, middle, scenarios, each, level=level) >= power
            else (middle, high)
        )
    return high
