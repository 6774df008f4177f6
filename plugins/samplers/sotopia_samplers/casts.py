"""The casts that agents can form, counted and numbered without listing them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import factorial
from operator import neg

from sotopia_core.profiles import AgentProfile


class Casts:
    """All ways to fill ``seats`` seats with agents that have different names, numbered from 0 to ``count - 1``.

    The order of the seats matters. Making one takes time and memory in proportion to agents times seats; finding a cast
    by its number takes only the logarithm of the number of agents for each seat.
    """

    def __init__(self, agents: Iterable[AgentProfile], seats: int) -> None:
        by_name: dict[str, list[AgentProfile]] = {}
        for agent in agents:
            by_name.setdefault(agent.name, []).append(agent)
        self._namesakes = list(by_name.values())
        self._orders = factorial(seats)
        # ways[n][i] is the number of ways to choose n agents, all with different names, from namesakes[i:].
        self._ways = [[1] * (len(self._namesakes) + 1)]
        for _ in range(seats):
            self._ways.append(self._one_more(self._ways[-1]))
        self.count = self._ways[-1][0] * self._orders

    def _one_more(self, fewer: list[int]) -> list[int]:
        ways = [0] * len(fewer)
        for i in range(len(self._namesakes) - 1, -1, -1):
            ways[i] = ways[i + 1] + len(self._namesakes[i]) * fewer[i + 1]
        return ways

    def __getitem__(self, number: int) -> tuple[AgentProfile, ...]:
        """Return the cast of that number, in the order of the seats; ``IndexError`` if there is none."""
        if not 0 <= number < self.count:
            raise IndexError(f"there are {self.count} casts, numbered from 0; {number} is none of them")
        choice, order = divmod(number, self._orders)
        chosen = self._choose(choice)
        seated = []
        for left in range(len(chosen), 0, -1):
            order, position = divmod(order, left)
            seated.append(chosen.pop(position))
        return tuple(seated)

    def _choose(self, choice: int) -> list[AgentProfile]:
        chosen = []
        start = 0
        for n in range(len(self._ways) - 1, 0, -1):
            ways = self._ways[n]
            # Choices are numbered by their first namesakes, so those that begin before i are the first
            # ways[start] - ways[i]; we want the last i at which these are no more than the number sought.
            first = bisect_right(ways, choice - ways[start], lo=start, key=neg) - 1
            which, choice = divmod(choice - (ways[start] - ways[first]), self._ways[n - 1][first + 1])
            chosen.append(self._namesakes[first][which])
            start = first + 1
        return chosen
