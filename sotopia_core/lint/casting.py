"""Rules for whom a scenario asks for: its constraints must make sense, and somebody must fulfil them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sotopia_core.constraints import SeatConstraint, parse_agents, parse_ages, parse_constraints, parse_occupations
from sotopia_core.lint.finding import Complaint
from sotopia_core.lint.subjects import Subjects
from sotopia_core.profiles import AgentProfile, EnvironmentProfile, RelationshipProfile, RelationshipType

_PARSERS = {
    "age_constraint": parse_ages,
    "occupation_constraint": parse_occupations,
    "agent_constraint": parse_agents,
}


def malformed_constraint(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of constraints that cannot be understood, or that contradict themselves."""
    for entry in subjects.of(EnvironmentProfile):
        for name, parse in _PARSERS.items():
            try:
                parse(getattr(entry.record, name), len(entry.record.agent_goals))
            except ValueError as error:
                yield entry, f"{name}: {error}"


def unmet_constraint(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of constraints that the characters, where there are any, cannot fulfil."""
    agents = [entry.record for entry in subjects.of(AgentProfile)]
    admitted: dict[SeatConstraint, frozenset[str]] = {}
    for entry in subjects.of(EnvironmentProfile) if agents else ():
        try:
            constraints = parse_constraints(entry.record)
        except ValueError:
            continue  # malformed_constraint says so
        for constraint in constraints:
            if constraint not in admitted:
                admitted[constraint] = frozenset(agent.pk for agent in agents if constraint.admits(agent))
        for constraint, seats in Counter(constraints).items():
            fitting = len(admitted[constraint])
            if constraint != SeatConstraint() and fitting < seats:
                asking = f"{seats} seats ask" if seats > 1 else f"seat {constraints.index(constraint)} asks"
                there = f"{fitting or 'none'} of {len(agents)} characters"
                yield entry, f"{asking} for {constraint}, and {there} will do; add some, or ask for less"


def unmet_relationship(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of scenarios for a relationship that no two characters have, where relationships are kept."""
    agents, relationships = subjects.by_pk(AgentProfile), subjects.of(RelationshipProfile)
    found = {
        entry.record.relationship
        for entry in relationships
        if entry.record.agent_1_id in agents and entry.record.agent_2_id in agents
    }
    for entry in subjects.of(EnvironmentProfile) if agents and relationships else ():
        asked = entry.record.relationship
        if asked not in {RelationshipType.stranger, *found}:
            yield entry, f"no two characters have the relationship {asked.name} that the scenario asks for; add one"
