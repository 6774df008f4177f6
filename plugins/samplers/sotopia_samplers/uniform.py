"""New combos, each as likely as any other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from pydantic import Field

from sotopia_core.errors import InputError
from sotopia_core.interfaces import Sampler
from sotopia_core.profiles import Combo, EnvironmentProfile, Pool
from sotopia_samplers.casts import Casts
from sotopia_samplers.seating import by_pk, numbers, scenarios_for, seat


class UniformSampler(Sampler):
    """Draw a scenario, then a cast for it: all scenarios are equally likely, and so are all casts of a scenario.

    A cast is of different agents with different names. Scenarios for which the pool has too few agents are left out.
    """

    size: int = Field(default=1, ge=1, description="How many combos")
    replacement: bool = Field(
        default=True, description="Whether a combo may come twice: the same scenario with the same agents in its seats"
    )

    def sample(self, pool: Pool, seats: int | None, random: Random) -> Iterable[Combo]:
        """Return the combos, drawn one by one. What is drawn does not depend on the order of the pool."""
        environments = scenarios_for(pool, seats)
        agents = by_pk(pool.agents)
        casts = {n: Casts(agents, n) for n in {len(environment.agent_goals) for environment in environments}}
        castable = [environment for environment in environments if casts[len(environment.agent_goals)].count]
        if not castable:
            names = len({agent.name for agent in agents})
            raise InputError(
                f"{pool.source} has too few agents: its scenarios need {numbers(casts)}, all with different names, "
                f"and there are {names}"
            )
        if not self.replacement:
            there = sum(casts[len(environment.agent_goals)].count for environment in castable)
            if self.size > there:
                raise InputError(
                    f"{pool.source} makes {there} different combos, and size = {self.size} asks for more; "
                    "ask for fewer, or set replacement = true"
                )
        return self._draw(pool, castable, casts, random)

    def _draw(
        self, pool: Pool, environments: Sequence[EnvironmentProfile], casts: Mapping[int, Casts], random: Random
    ) -> Iterator[Combo]:
        left = list(environments)
        drawn: dict[str, set[int]] = {environment.pk: set() for environment in environments}
        for _ in range(self.size):
            position = random.randrange(len(left))
            environment = left[position]
            options = casts[len(environment.agent_goals)]
            number = random.randrange(options.count)
            if not self.replacement:
                taken = drawn[environment.pk]
                while number in taken:
                    number = random.randrange(options.count)
                taken.add(number)
                if len(taken) == options.count:
                    del left[position]
            yield seat(pool, environment, options[number])
