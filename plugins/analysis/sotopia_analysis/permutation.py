"""Tests by permutation, and the correction for testing several dimensions at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sotopia_analysis.intervals import Codes, Numbers

EXACT: Final = 14
"""Up to so many clusters, all sign flips are enumerated: 2 ** 14 of them."""

DRAWN: Final = 20_000
"""Sign flips that are drawn where they are too many to enumerate."""

BLOCK: Final = 2_000
"""Sign flips that are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class SignFlip:
    """A two-sided test by sign flips: ``p``, over how many ``flips``, and whether these were all there are."""

    p: float
    flips: int
    exact: bool


def sign_flip_test(differences: Numbers, clusters: Codes, *, seed: int = 0) -> SignFlip:
    """Test whether paired differences centre on 0, by flipping the signs of whole clusters.

    Under the hypothesis that the two sides are exchangeable within a cluster, each cluster's differences could as well
    have had the other sign, all together, however they depend on each other (Good, "Permutation, Parametric and
    Bootstrap Tests of Hypotheses", 3rd edition, Springer 2005, on matched pairs). ``p`` is the share of flips whose
    mean difference is at least as far from 0 as the one observed. With up to ``EXACT`` clusters all flips are
    enumerated; beyond, ``DRAWN`` are drawn, and the observed one counts among them, so that ``p`` is never 0 (Phipson
    and Smyth, "Permutation p-values should never be zero", Statistical Applications in Genetics and Molecular Biology
    9, 2010).

    ``ValueError`` without differences.
    """
    if not len(differences):
        raise ValueError("there are no differences to test")
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.bincount(place, weights=differences)
    observed = abs(float(sums.sum()))
    least = observed - 1e-9 * float(np.abs(sums).sum())  # sums in another order may differ in their last digits
    groups = len(sums)
    if groups <= EXACT:
        signs = 1 - 2 * ((np.arange(2**groups)[:, None] >> np.arange(groups)) & 1)
        return SignFlip(float(np.mean(np.abs(signs @ sums) >= least)), 2**groups, exact=True)
    random = np.random.default_rng(seed)
    beyond = 0
    for _ in range(0, DRAWN, BLOCK):
        signs = random.integers(0, 2, size=(BLOCK, groups)) * 2 - 1
        beyond += int(np.sum(np.abs(signs @ sums) >= least))
    return SignFlip((beyond + 1) / (DRAWN + 1), DRAWN, exact=False)


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p-values of one family so that the chance of any false finding stays below the level, in their order.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, position in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[position]))
        corrected[position] = largest
    return corrected
