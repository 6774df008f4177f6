"""Rules for records that refer to others: they must be there, and fit together."""

from __future__ import annotations

from collections.abc import Iterator

from sotopia_core.lint.finding import Complaint
from sotopia_core.lint.subjects import Subjects
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
)
from sotopia_core.records import Record
from sotopia_core.wording import shown


def dangling(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of references to characters and scenarios that are not there, where any of their kind are."""
    there = {kind: subjects.by_pk(kind) for kind in (AgentProfile, EnvironmentProfile) if subjects.knows(kind)}
    for entry in subjects.entries:
        for kind, what, pk in _references(entry.record):
            if kind in there and pk not in there[kind]:
                yield entry, f"there is no {what} {shown(pk)}; add it, or delete what refers to it"


def misfit_cast(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of combos whose cast cannot be seated in their scenario."""
    scenarios, agents = subjects.by_pk(EnvironmentProfile), subjects.by_pk(AgentProfile)
    for entry in subjects.of(EnvAgentComboStorage):
        cast = entry.record.agent_ids
        if entry.record.env_id in scenarios:
            scenario = scenarios[entry.record.env_id].record
            goals = len(scenario.agent_goals)
            if goals != len(cast):
                both = f"scenario {shown(scenario.label)} has {goals} goals, and the combo seats {len(cast)} agents"
                yield entry, f"{both}; it takes one agent a goal"
        names = [agents[pk].record.name for pk in cast if pk in agents]
        twice = [pk for pk in cast if cast.count(pk) > 1] or [name for name in names if names.count(name) > 1]
        if twice:
            yield entry, f"the combo seats {shown(twice[0])} twice; nobody can meet somebody of their own name"


def _references(record: Record) -> Iterator[tuple[type[Record], str, str]]:
    """Yield what a record refers to: the kind, its word, the pk; each once."""
    match record:
        case EnvAgentComboStorage():
            scenarios, agents = [record.env_id], [*record.agent_ids]
        case RelationshipProfile():
            scenarios, agents = [], [record.agent_1_id, record.agent_2_id]
        case EnvironmentList():
            scenarios, agents = [*record.environments], []
        case _:
            return
    yield from ((EnvironmentProfile, "scenario", pk) for pk in dict.fromkeys(scenarios))
    yield from ((AgentProfile, "character", pk) for pk in dict.fromkeys(agents))
