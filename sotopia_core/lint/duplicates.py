"""Rules for records that are there twice, or that cannot be told apart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from typing import Final, TypeVar

from sotopia_core.database.files import differing_fields
from sotopia_core.lint.finding import Complaint
from sotopia_core.lint.subjects import Entry, Subjects
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, RelationshipProfile
from sotopia_core.records import Record
from sotopia_core.wording import shown

R = TypeVar("R", bound=Record)

_OWN_WORDS: Final = ("public_info", "personality_and_values", "secret")


def same_pk(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of different records of one kind that have one pk."""
    for conflict in subjects.conflicts:
        record, earlier = conflict.entry.record, conflict.earlier
        fields = ", ".join(differing_fields(record, earlier.record))
        yield conflict.entry, f"{shown(record.pk)} is also the pk of {earlier}, which differs in {fields}; keep one"


def same_name(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of characters that share a name."""
    for entry, first in _again(subjects.of(AgentProfile), lambda agent: agent.name):
        yield (
            entry,
            f"{first} has the same name, and two of one name cannot meet; rename one",
        )


def same_scenario(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of scenarios that share codename and setting."""
    for entry, first in _again(subjects.of(EnvironmentProfile), _codename_and_setting):
        yield entry, f"{first} has the same codename and the same scenario; rename one, or delete it"


def same_text(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of scenarios with other codenames and characters with other names that say the same, word for word."""
    for scenario, before in _again(subjects.of(EnvironmentProfile), _setting_and_goals):
        if _codename_and_setting(scenario.record) != _codename_and_setting(before.record):
            yield scenario, f"the scenario and all goals are word for word those of {before}; change or delete one"
    for field in _OWN_WORDS:
        for agent, first in _again(subjects.of(AgentProfile), partial(_said, field=field)):
            if agent.record.name != first.record.name:
                yield agent, f"the {field} is word for word that of {first}; change one"


def same_combo(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of combos with one scenario and one cast in the same seats."""
    for entry, first in _again(subjects.of(EnvAgentComboStorage), lambda combo: (combo.env_id, combo.agent_ids)):
        yield entry, f"{first} seats the same agents in the same scenario, so that it is played twice; delete one"


def same_pair(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of pairs of characters with more than one relationship."""
    for entry, first in _again(
        subjects.of(RelationshipProfile), lambda one: frozenset((one.agent_1_id, one.agent_2_id))
    ):
        types = f"{first.record.relationship.name} there and {entry.record.relationship.name} here"
        also = "the same" if entry.record.relationship == first.record.relationship else types
        yield entry, f"{first} is about the same two characters ({also}); a pair has one relationship, so delete one"


def _codename_and_setting(scenario: EnvironmentProfile) -> Hashable:
    setting = _words(scenario.scenario)
    return (scenario.codename, setting) if scenario.codename and setting else None


def _setting_and_goals(scenario: EnvironmentProfile) -> Hashable:
    setting = _words(scenario.scenario)
    return (setting, *map(_words, scenario.agent_goals)) if setting else None


def _said(agent: AgentProfile, field: str) -> str:
    return _words(getattr(agent, field))


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _again(entries: Iterable[Entry[R]], key: Callable[[R], Hashable]) -> Iterator[tuple[Entry[R], Entry[R]]]:
    """Yield the entries whose key an earlier one has, each with the first; a key that is empty is none."""
    first: dict[Hashable, Entry[R]] = {}
    for entry in entries:
        value = key(entry.record)
        if value and first.setdefault(value, entry) is not entry:
            yield entry, first[value]
