"""The combos that are stored, played as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from pydantic import Field

from sotopia_core.errors import InputError
from sotopia_core.interfaces import Sampler
from sotopia_core.profiles import AgentProfile, Combo, EnvAgentComboStorage, EnvironmentProfile, Pool
from sotopia_samplers.seating import numbers, seat


class CombosSampler(Sampler):
    """Take the pool's stored combos, in their order or by lot, each once."""

    size: int | None = Field(default=None, ge=1, description="How many stored combos; all where it is left out")
    shuffle: bool = Field(default=False, description="Whether to take them in random order")
    swap: bool = Field(
        default=False,
        description="Whether to play each combo once for every rotation of its cast, so that all sit in each seat",
    )

    def sample(self, pool: Pool, seats: int | None, random: Random) -> Iterable[Combo]:
        """Return the combos; one that refers to something outside the pool is an ``InputError`` that names both."""
        stored = self._chosen(pool, seats, random)
        environments = {environment.pk: environment for environment in pool.environments}
        agents = {agent.pk: agent for agent in pool.agents}
        return [combo for one in stored for combo in self._combos(one, pool, environments, agents)]

    def _chosen(self, pool: Pool, seats: int | None, random: Random) -> list[EnvAgentComboStorage]:
        if not pool.combos:
            raise InputError(f"{pool.source} has no stored combos")
        stored = [combo for combo in pool.combos if seats is None or len(combo.agent_ids) == seats]
        if not stored:
            there = numbers(len(combo.agent_ids) for combo in pool.combos)
            raise InputError(f"no stored combo in {pool.source} has {seats} agents; they have {there}")
        if self.size is not None and self.size > len(stored):
            raise InputError(
                f"{pool.source} has {len(stored)} stored combos to choose from, and size = {self.size} asks for more; "
                "leave size out to take all"
            )
        if self.shuffle:
            stored.sort(key=lambda combo: combo.pk)
            random.shuffle(stored)
        return stored[: self.size]

    def _combos(
        self,
        stored: EnvAgentComboStorage,
        pool: Pool,
        environments: Mapping[str, EnvironmentProfile],
        agents: Mapping[str, AgentProfile],
    ) -> Iterator[Combo]:
        if stored.env_id not in environments:
            raise InputError(f"combo {stored.pk} names the scenario {stored.env_id}, which is not in {pool.source}")
        for pk in stored.agent_ids:
            if pk not in agents:
                raise InputError(f"combo {stored.pk} names the agent {pk}, which is not in {pool.source}")
        cast = [agents[pk] for pk in stored.agent_ids]
        for shift in range(len(cast) if self.swap else 1):
            yield seat(pool, environments[stored.env_id], [*cast[shift:], *cast[:shift]], stored.pk)
