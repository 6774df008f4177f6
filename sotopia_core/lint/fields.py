"""Rules for what every record must say for itself: names, ages, secrets, scenarios, goals."""

from __future__ import annotations

from collections.abc import Iterator

from sotopia_core.lint.finding import Complaint
from sotopia_core.lint.subjects import Subjects
from sotopia_core.marks import resolve
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, check_names


def unreadable(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of what stands in the place of a record and cannot be read as one."""
    for refusal in subjects.refusals:
        yield refusal, refusal.reason


def no_name(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of characters without a name."""
    for entry in subjects.of(AgentProfile):
        if not entry.record.name:
            yield entry, "the character has no name; give it a first_name"


def unplayable_name(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of names under which nobody can take part."""
    for entry in subjects.of(AgentProfile):
        try:
            check_names([entry.record.name or "no name at all"], "this record")
        except ValueError as error:
            yield entry, str(error)


def no_age(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of characters without an age."""
    for entry in subjects.of(AgentProfile):
        if entry.record.age is None:
            yield (
                entry,
                "the character has no age, which acquaintances are told and an age_constraint asks for; give one",
            )


def no_secret(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of characters without a secret."""
    for entry in subjects.of(AgentProfile):
        if not entry.record.secret.strip():
            yield entry, "the character has no secret, and so nothing to keep from others; write one"


def no_scenario(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of scenarios that tell somebody nothing."""
    for entry in subjects.of(EnvironmentProfile):
        text = entry.record.scenario
        unread = [seat for seat in range(len(entry.record.agent_goals)) if not resolve(text, seat).strip()]
        if not text.strip():
            yield entry, "the scenario is empty; say where the agents meet and why"
        elif unread:
            yield entry, f"the agent in seat {unread[0]} may read no part of the scenario; write something for all"


def no_goal(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of seats without a goal."""
    for entry in subjects.of(EnvironmentProfile):
        for seat, goal in enumerate(entry.record.agent_goals):
            if not resolve(goal, seat, owner=seat).strip():
                yield entry, f"the agent in seat {seat} is given no goal; write one"


def too_few_goals(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of scenarios that seat fewer than an interaction needs."""
    for entry in subjects.of(EnvironmentProfile):
        seats = len(entry.record.agent_goals)
        if seats < Combo.MINIMUM:
            yield entry, f"the scenario has {seats} of at least {Combo.MINIMUM} goals; write one for each seat"
