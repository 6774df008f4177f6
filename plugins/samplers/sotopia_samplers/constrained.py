"""New combos whose casts are whom their scenarios ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Final, Literal

from pydantic import Field

from sotopia_core.constraints import SeatConstraint, parse_constraints
from sotopia_core.errors import InputError
from sotopia_core.interfaces import Sampler
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, Pool, RelationshipType
from sotopia_samplers.casting import Casting, Relation
from sotopia_samplers.objections import objection
from sotopia_samplers.seating import by_pk, scenarios_for, seat

logger = logging.getLogger("sotopia.samplers")

SHOWN: Final = 3
"""How many scenarios that nobody fits are told with their reasons."""

ConstraintName = Literal["age", "occupation", "agent", "relationship"]


class ConstraintBasedSampler(Sampler):
    """Draw a scenario, then a cast that it admits: all scenarios are equally likely, and so are all casts that fit.

    Seats are filled as the scenario's age, occupation and agent constraints say, and every two of a cast have the
    scenario's relationship among the stored ones; strangers are those who have none. Scenarios that nobody fits are
    left out, with a warning that says why.
    """

    size: int = Field(default=1, ge=1, description="How many combos")
    replacement: bool = Field(
        default=True, description="Whether a combo may come twice: the same scenario with the same agents in its seats"
    )
    ignore: tuple[ConstraintName, ...] = Field(
        default=(), description='Which constraints not to heed: "age", "occupation", "agent", "relationship"'
    )

    def sample(self, pool: Pool, seats: int | None, random: Random) -> Iterable[Combo]:
        """Return the combos, drawn one by one. What is drawn does not depend on the order of the pool.

        ``InputError`` where a constraint cannot be read, and where no scenario, or too few combos, can be had.
        """
        found = _Castings(pool, frozenset(self.ignore))
        fitting: list[tuple[EnvironmentProfile, Casting]] = []
        refused: list[EnvironmentProfile] = []
        for environment in scenarios_for(pool, seats):
            casting = found.of(environment)
            if casting.count(1):
                fitting.append((environment, casting))
            else:
                refused.append(environment)
        if not fitting:
            raise InputError(
                f"no scenario in {pool.source} can be cast: {found.why_not(refused)}; add agents or relationships, or "
                "name in ignore which constraints not to heed"
            )
        if not self.replacement:
            self._check_size(pool, fitting)
        if refused:
            logger.warning("left out of %s: %s", pool.source, found.why_not(refused))
        return self._draw(found, fitting, random)

    def _check_size(self, pool: Pool, fitting: Sequence[tuple[EnvironmentProfile, Casting]]) -> None:
        there = 0
        for _, casting in fitting:
            there += casting.count(self.size - there)
            if there >= self.size:
                return
        raise InputError(
            f"{pool.source} makes {there} different combos that meet the constraints, and size = {self.size} asks for "
            "more; ask for fewer, or set replacement = true"
        )

    def _draw(
        self, found: _Castings, fitting: Sequence[tuple[EnvironmentProfile, Casting]], random: Random
    ) -> Iterator[Combo]:
        left = [(environment, casting, casting.in_random_order(random)) for environment, casting in fitting]
        drawn = 0
        while drawn < self.size:
            position = random.randrange(len(left))
            environment, casting, once_each = left[position]
            cast = casting.draw(random) if self.replacement else next(once_each, None)
            if cast is None:
                del left[position]
                continue
            drawn += 1
            yield seat(found.pool_for(environment), environment, cast)


class _Castings:
    """The casts that fit each scenario of a pool; scenarios that ask for the same have theirs in common."""

    def __init__(self, pool: Pool, ignored: frozenset[ConstraintName]) -> None:
        self.pool = pool
        self.ignored = ignored
        self.agents = by_pk(pool.agents)
        self._castings: dict[tuple[object, ...], Casting] = {}
        self._pools: dict[RelationshipType, Pool] = {}
        self._stand: dict[frozenset[str], set[RelationshipType]] = {}
        for stored in pool.relationships:
            pair = frozenset((stored.agent_1_id, stored.agent_2_id))
            self._stand.setdefault(pair, set()).add(stored.relationship)

    def of(self, environment: EnvironmentProfile) -> Casting:
        """Return the casts that fit a scenario; ``InputError`` where its constraints cannot be read."""
        constraints = self._constraints(environment)
        key = (constraints, None if "relationship" in self.ignored else environment.relationship)
        if key not in self._castings:
            admitted: Mapping[SeatConstraint, Sequence[AgentProfile]] = {
                constraint: [agent for agent in self.agents if constraint.admits(agent)]
                for constraint in set(constraints)
            }
            self._castings[key] = Casting([admitted[one] for one in constraints], self._relation(environment))
        return self._castings[key]

    def why_not(self, refused: Sequence[EnvironmentProfile]) -> str:
        """Say of the first few scenarios that nobody fits why that is, and how many more there are."""
        told = [f"scenario {one.label!r}: {self._objection(one)}" for one in refused[:SHOWN]]
        more = len(refused) - SHOWN
        return "; ".join([*told, *([f"and {more} more"] if more > 0 else [])])

    def pool_for(self, environment: EnvironmentProfile) -> Pool:
        """Return the pool in which the relationship that a cast was chosen for is the only one that it has."""
        if "relationship" in self.ignored:
            return self.pool
        asked = environment.relationship
        if asked not in self._pools:
            alone = tuple(one for one in self.pool.relationships if one.relationship == asked)
            self._pools[asked] = self.pool.model_copy(update={"relationships": alone})
        return self._pools[asked]

    def _constraints(self, environment: EnvironmentProfile) -> tuple[SeatConstraint, ...]:
        ignored = {"age_constraint": "age", "occupation_constraint": "occupation", "agent_constraint": "agent"}
        heeded = {key: None for key, name in ignored.items() if name in self.ignored}
        try:
            return parse_constraints(environment.model_copy(update=heeded))
        except ValueError as error:
            raise InputError(f"scenario {environment.label!r} in {self.pool.source}: {error}") from None

    def _relation(self, environment: EnvironmentProfile) -> Relation | None:
        """Return whether two agents stand as a scenario asks; None where all do."""
        asked = environment.relationship
        free = asked == RelationshipType.stranger
        if "relationship" in self.ignored or (free and not self._stand):
            return None
        unknown = {RelationshipType.stranger}

        def stands(one: AgentProfile, other: AgentProfile) -> bool:
            return asked in self._stand.get(frozenset((one.pk, other.pk)), unknown)

        return stands

    def _objection(self, environment: EnvironmentProfile) -> str:
        constraints = self._constraints(environment)
        return objection(constraints, self.agents, self._relation(environment), environment.relationship)
