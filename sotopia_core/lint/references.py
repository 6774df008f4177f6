"""Rules for records that refer to others: they must be there, and fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
from sotopia_core.wording import SHOWN_ENTRIES, listed, shown


def dangling(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of references to characters and scenarios that are not there, where any of their kind are."""
    for kind, noun in ((EnvironmentProfile, "scenario"), (AgentProfile, "character")):
        there = subjects.by_pk(kind)
        for entry in subjects.entries if subjects.knows(kind) else ():
            missing = [pk for pk in dict.fromkeys(_references(entry.record).get(kind, ())) if pk not in there]
            if missing:
                count = f" ({len(missing)} in all)" if len(missing) > SHOWN_ENTRIES else ""
                verb = "is" if len(missing) == 1 else "are"
                yield entry, f"it refers to {listed(missing, noun)}{count}, which {verb} not here; add what is missing"


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


def _references(record: Record) -> Mapping[type[Record], Sequence[str]]:
    """Return the pks that a record refers to, by kind."""
    match record:
        case EnvAgentComboStorage():
            return {EnvironmentProfile: [record.env_id], AgentProfile: record.agent_ids}
        case RelationshipProfile():
            return {AgentProfile: [record.agent_1_id, record.agent_2_id]}
        case EnvironmentList():
            return {EnvironmentProfile: record.environments}
        case _:
            return {}
