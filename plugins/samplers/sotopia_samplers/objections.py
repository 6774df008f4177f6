"""Why nobody can be cast in a scenario: which seats, and which of their constraints leaves whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from sotopia_core.constraints import SeatConstraint
from sotopia_core.profiles import AgentProfile, RelationshipType
from sotopia_samplers.casting import Casting, Relation

NAMED: Final = 4
"""How many agents are named before the rest is counted."""
UNCONSTRAINED: Final = SeatConstraint()


def objection(
    constraints: Sequence[SeatConstraint],
    agents: Sequence[AgentProfile],
    relation: Relation | None,
    relationship: RelationshipType,
) -> str:
    """Say why no cast fits, by the fewest seats that cannot be filled together."""
    admitted = [[agent for agent in agents if constraint.admits(agent)] for constraint in constraints]
    for seats in _by_size(len(constraints)):
        names = {agent.name for seat in seats for agent in admitted[seat]}
        if len(names) < len(seats):
            return _too_few(seats, constraints, agents, sorted(names))
    for seats in _by_size(len(constraints)):
        if len(seats) > 1 and not Casting([admitted[seat] for seat in seats], relation).count(1):
            return _no_relation(seats, [admitted[seat] for seat in seats], relationship)
    raise ValueError("there is a cast that fits")


def _by_size(seats: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, seats + 1):
        yield from combinations(range(seats), size)


def _too_few(
    seats: Sequence[int], constraints: Sequence[SeatConstraint], agents: Sequence[AgentProfile], names: Sequence[str]
) -> str:
    if len(seats) > 1:
        asked = [str(constraints[seat]) for seat in seats]
        each = asked[0] if len(set(asked)) == 1 else "; ".join(asked)
        left = f"only {listed(names)}" if names else "nobody"
        return f"{_seats(seats)} ask for {each}, and {left} will do, where {len(seats)} names are needed"
    constraint = constraints[seats[0]]
    parts = list(_parts(constraint))
    if len(parts) < 2:
        return f"{_seats(seats)} asks for {constraint}, and none of {len(agents)} agents will do"
    fitting = [f"{sum(map(part.admits, agents))} with {part}" for part in parts]
    return (
        f"{_seats(seats)} asks for {constraint}: of {len(agents)} agents there are {', '.join(fitting)}, none with all"
    )


def _parts(constraint: SeatConstraint) -> Iterator[SeatConstraint]:
    """Yield what is asked for, each on its own."""
    for part in (
        replace(UNCONSTRAINED, ages=constraint.ages),
        replace(UNCONSTRAINED, occupations=constraint.occupations),
        replace(UNCONSTRAINED, agents=constraint.agents),
    ):
        if part != UNCONSTRAINED:
            yield part


def _no_relation(
    seats: Sequence[int], admitted: Sequence[Sequence[AgentProfile]], relationship: RelationshipType
) -> str:
    names = sorted({agent.name for seat in admitted for agent in seat})
    who = listed(names) if len(names) <= NAMED else f"the {len(names)} agents who fit otherwise"
    every = "no two" if len(seats) == 2 else f"no {len(seats)}"
    return f"{_seats(seats)} ask for the relationship {relationship.name}, and {every} of {who} have it to one another"


def _seats(seats: Sequence[int]) -> str:
    if len(seats) == 1:
        return f"seat {seats[0]}"
    return f"seats {', '.join(map(str, seats[:-1]))} and {seats[-1]}"


def listed(names: Sequence[str]) -> str:
    """Name the first few, and say how many more there are."""
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    *others, last = [*names[:NAMED], *more]
    return f"{', '.join(others)} and {last}" if others else last
