"""How far several judges of the same episode agree, dimension by dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sotopia_core.evaluation import Evaluation, Scored


@dataclass(frozen=True, slots=True)
class Agreement:
    """Pairs of scores that two judges gave the same agent on one dimension; adds up with ``+``.

    ``apart`` is the sum of their distances, in points of the dimension; ``alike`` counts the pairs with no distance.
    """

    pairs: int = 0
    apart: float = 0.0
    alike: int = 0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.pairs + other.pairs, self.apart + other.apart, self.alike + other.alike)

    @property
    def distance(self) -> float | None:
        """How far apart two judges are on average, in points; None where no two judged the same."""
        return self.apart / self.pairs if self.pairs else None

    def __str__(self) -> str:
        if self.distance is None:
            return "no two scores to compare"
        pairs = "1 pair" if self.pairs == 1 else f"{self.pairs} pairs"
        return f"{self.distance:.2f} apart on average over {pairs} of scores, {self.alike} alike"


def agreements(evaluations: Sequence[Evaluation]) -> dict[str, Agreement]:
    """Compare every two evaluations of an episode; dimensions that only one judge scores on are left out.

    An agent whom a judge left unscored makes no pair: what is missing neither agrees nor disagrees.
    """
    found: dict[str, Agreement] = {}
    for one, other in combinations(evaluations, 2):
        for dimension in one.dimensions:
            if dimension in other.dimensions:
                found[dimension] = found.get(dimension, Agreement()) + _compare(one, other, dimension)
    return found


def _compare(one: Evaluation, other: Evaluation, dimension: str) -> Agreement:
    total = Agreement()
    for name, first in one.judgements.items():
        second = other.judgements.get(name)
        if not isinstance(first, Scored) or not isinstance(second, Scored):
            continue
        if dimension in first.scores and dimension in second.scores:
            distance = abs(first.scores[dimension].value - second.scores[dimension].value)
            total += Agreement(1, distance, int(distance == 0))
    return total
