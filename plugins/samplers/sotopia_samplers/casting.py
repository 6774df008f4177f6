"""Who may be cast in one scenario: drawn, counted and searched for exactly, under constraints on seats and on pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import combinations, islice
from random import Random
from typing import Final

from sotopia_core.profiles import AgentProfile
from sotopia_samplers.admitted import AdmittedCasts

Cast = tuple[AgentProfile, ...]
Relation = Callable[[AgentProfile, AgentProfile], bool]
"""Whether two agents stand to each other as the scenario asks; symmetric."""

LISTED: Final = 10_000
"""Up to so many casts that the seats admit, those that also fit in pairs are listed; of more, they are tried."""
TRIES: Final = 100_000
"""After so many casts that do not fit in a row, those that do are few, and are listed."""


class Casting:
    """All casts that fit: each seat holds one whom it admits, names differ, and all pairs stand as ``relation`` asks.

    Without a ``relation`` pairs are free. Where one is given, whether casts fit is found out by a complete search.
    """

    def __init__(self, admitted: Sequence[Sequence[AgentProfile]], relation: Relation | None = None) -> None:
        self._admitted = admitted
        self._relation = relation
        self._by_seat = AdmittedCasts(admitted)

    def count(self, limit: int) -> int:
        """Return how many casts fit, or ``limit`` where they are more."""
        if self._relation is None:
            return min(self._by_seat.count, limit)
        found = self._listed if self._by_seat.count <= LISTED else self._search()
        return sum(1 for _ in islice(found, limit))

    def draw(self, random: Random) -> Cast:
        """Draw one of the casts that fit, each as likely as any other; there must be some."""
        if self._by_seat.count > LISTED:
            for _ in range(TRIES):
                if self._fits(cast := self._by_seat[random.randrange(self._by_seat.count)]):
                    return cast
        return random.choice(self._listed)

    def in_random_order(self, random: Random) -> Iterator[Cast]:
        """Yield each of the casts that fit once, all orders being equally likely."""
        drawn: set[tuple[str, ...]] = set()
        if self._by_seat.count > LISTED:
            tries = 0
            while tries < TRIES:
                tries += 1
                cast = self._by_seat[random.randrange(self._by_seat.count)]
                if _pks(cast) not in drawn and self._fits(cast):
                    drawn.add(_pks(cast))
                    tries = 0
                    yield cast
        rest = [cast for cast in self._listed if _pks(cast) not in drawn]
        random.shuffle(rest)
        yield from rest

    def _fits(self, cast: Cast) -> bool:
        return self._relation is None or all(self._relation(one, other) for one, other in combinations(cast, 2))

    @cached_property
    def _listed(self) -> list[Cast]:
        return list(self._search())

    def _search(self) -> Iterator[Cast]:
        """Yield every cast that fits, in an order that depends on the agents alone."""
        if self._by_seat.count:
            # The seat that fewest can take first, so that dead ends show early.
            order = sorted(range(len(self._admitted)), key=lambda seat: len(self._admitted[seat]))
            for found in self._fill([self._admitted[seat] for seat in order]):
                yield tuple(found[order.index(seat)] for seat in range(len(order)))

    def _fill(self, open_seats: Sequence[Sequence[AgentProfile]]) -> Iterator[Cast]:
        if not open_seats:
            yield ()
            return
        for agent in open_seats[0]:
            left = [[other for other in seat if self._go_together(agent, other)] for seat in open_seats[1:]]
            if all(left):
                for rest in self._fill(left):
                    yield (agent, *rest)

    def _go_together(self, agent: AgentProfile, other: AgentProfile) -> bool:
        return agent.name != other.name and (self._relation is None or self._relation(agent, other))


def _pks(cast: Cast) -> tuple[str, ...]:
    return tuple(agent.pk for agent in cast)
