"""New combos, each as likely as any other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import TypeVar

from pydantic import Field

from sotopia_core.errors import InputError
from sotopia_core.interfaces import Sampler
from sotopia_core.profiles import Combo, EnvironmentProfile, Pool
from sotopia_core.records import Record
from sotopia_samplers.casts import Casts
from sotopia_samplers.seating import numbers, seat

R = TypeVar("R", bound=Record)


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
        environments = _that_seat(seats, pool)
        agents = _by_pk(pool.agents)
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


def _that_seat(seats: int | None, pool: Pool) -> list[EnvironmentProfile]:
    if not pool.environments:
        raise InputError(f"{pool.source} has no scenarios")
    environments = _by_pk(pool.environments)
    if seats is None:
        fitting = [environment for environment in environments if len(environment.agent_goals) >= Combo.MINIMUM]
        wanted = f"{Combo.MINIMUM} goals or more"
    else:
        fitting = [environment for environment in environments if len(environment.agent_goals) == seats]
        wanted = f"{seats} goals"
    if not fitting:
        there = numbers(len(environment.agent_goals) for environment in environments)
        raise InputError(f"no scenario in {pool.source} has {wanted}; they have {there}")
    return fitting


def _by_pk(records: Sequence[R]) -> list[R]:
    unique = {record.pk: record for record in records}
    return [unique[pk] for pk in sorted(unique)]
