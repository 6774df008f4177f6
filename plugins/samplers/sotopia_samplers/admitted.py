"""The casts that a scenario's seats admit, counted and numbered without listing them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import neg

from sotopia_core.profiles import AgentProfile


class AdmittedCasts:
    """All ways to fill seats, each with one of those it admits, all with different names.

    They are numbered from 0 to ``count - 1``. Making one takes time and memory in proportion to the number of agents
    times ``2 ** seats``; finding a cast by its number, the logarithm of the number of agents for each seat.
    """

    def __init__(self, admitted: Sequence[Sequence[AgentProfile]]) -> None:
        seats = range(len(admitted))
        self._full = (1 << len(admitted)) - 1
        by_name: dict[str, list[list[AgentProfile]]] = {}
        for seat in seats:
            for agent in admitted[seat]:
                by_name.setdefault(agent.name, [[] for _ in seats])[seat].append(agent)
        # By name in order, whom of that name each seat admits.
        self._namesakes = [by_name[name] for name in sorted(by_name)]
        # ways[filled][i] is the number of ways to fill exactly these seats (a bit each) with namesakes[i:].
        self._ways = [[0] * (len(self._namesakes) + 1) for _ in range(self._full + 1)]
        self._ways[0] = [1] * (len(self._namesakes) + 1)
        for filled in range(1, self._full + 1):
            self._count(filled, [seat for seat in seats if filled >> seat & 1])
        self.count = self._ways[self._full][0]

    def _count(self, filled: int, seats: Sequence[int]) -> None:
        ways = self._ways[filled]
        for i in range(len(self._namesakes) - 1, -1, -1):
            ways[i] = ways[i + 1] + sum(
                len(self._namesakes[i][seat]) * self._ways[filled ^ 1 << seat][i + 1] for seat in seats
            )

    def __getitem__(self, number: int) -> tuple[AgentProfile, ...]:
        """Return the cast of that number, in the order of the seats; ``IndexError`` if there is none."""
        if not 0 <= number < self.count:
            raise IndexError(f"there are {self.count} casts, numbered from 0; {number} is none of them")
        cast: dict[int, AgentProfile] = {}
        to_fill, start = self._full, 0
        while to_fill:
            # Casts without any of the first names come first; we want the first name that this one cannot do without.
            ways = self._ways[to_fill]
            following = bisect_left(ways, -number, lo=start + 1, key=neg)
            seat, agent, number = self._seat_one(following, to_fill, number - ways[following])
            cast[seat] = agent
            to_fill, start = to_fill ^ 1 << seat, following
        return tuple(cast[seat] for seat in range(len(cast)))

    def _seat_one(self, following: int, to_fill: int, number: int) -> tuple[int, AgentProfile, int]:
        """Return which seat one of the names before ``following`` takes, who it is, and the number of the rest."""
        for seat, agents in enumerate(self._namesakes[following - 1]):
            if not to_fill >> seat & 1:
                continue
            rest = self._ways[to_fill ^ 1 << seat][following]
            if number < len(agents) * rest:
                which, number = divmod(number, rest)
                return seat, agents[which], number
            number -= len(agents) * rest
        raise AssertionError("a number below the count is in one of the blocks")
