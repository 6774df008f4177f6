"""Rules for what gives away that which only one of the agents is to know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sotopia_core.lint.finding import Complaint
from sotopia_core.lint.phrases import Echo, Sentence, echo, sentences, sentences_for
from sotopia_core.lint.subjects import Entry, Subjects
from sotopia_core.profiles import AgentProfile, EnvironmentProfile
from sotopia_core.wording import shown


def goal_in_goal(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of goals that tell what another's goal is.

    Sentences that two goals have in common, or that begin alike, are the way in which the scenario puts things. A
    sentence tells the other's goal where that stands further on in it, where it says of a third person what the other's
    goal says to its owner, or where it is the other's first sentence and not the first here.
    """
    for entry in subjects.of(EnvironmentProfile):
        goals = _goals(entry.record)
        for reader, ours in enumerate(goals):
            for owner, theirs in enumerate(goals):
                told = None if reader == owner or ours == theirs else _first(_told(theirs, ours))
                if told is not None:
                    what = f"the goal of seat {reader} gives away that of seat {owner}: {shown(str(told))}"
                    yield entry, f"{what}; leave it out there, or put it in other words"


def goal_in_scenario(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of scenarios that tell others what an agent's goal is, beyond what their own goals say."""
    for entry in subjects.of(EnvironmentProfile):
        goals = _goals(entry.record)
        scenes = [sentences_for(seat, entry.record.scenario) for seat in range(len(goals))]
        for owner, theirs in enumerate(goals):
            told = _first(
                echo(sentence, scene)
                for reader, ours in enumerate(goals)
                for sentence in theirs
                for scene in scenes[reader]
                if reader != owner and sentence not in ours
            )
            if told is not None:
                what = f"the scenario gives away the goal of seat {owner}: {shown(str(told))}"
                yield entry, f'{what}; leave it out there, or mark it <p viewer="agent_{owner}">'


def secret_in_profile(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of secrets that stand in what others are told about a character."""
    for entry in subjects.of(AgentProfile):
        secret = sentences(entry.record.secret)
        for field, text in (
            ("public_info", entry.record.public_info),
            ("personality_and_values", entry.record.personality_and_values),
        ):
            told = _first(echo(sentence, other) for sentence in secret for other in sentences(text))
            if told is not None:
                yield entry, f"{field} gives away the secret: {shown(str(told))}; leave it out there"


def secret_in_scenario(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of scenarios in which a character's secret stands for all to read."""
    secrets: dict[tuple[str, ...], list[tuple[Entry[AgentProfile], Sentence]]] = {}
    for agent in subjects.of(AgentProfile):
        for sentence in sentences(agent.record.secret):
            for triple in sentence.triples:
                secrets.setdefault(triple, []).append((agent, sentence))
    for entry in subjects.of(EnvironmentProfile):
        nobody = len(entry.record.agent_goals)
        told: dict[str, tuple[Entry[AgentProfile], Echo]] = {}
        for public in sentences_for(nobody, entry.record.scenario):
            for agent, secret in (pair for triple in public.triples for pair in secrets.get(triple, ())):
                if agent.record.pk not in told and (found := echo(secret, public)) is not None:
                    told[agent.record.pk] = agent, found
        for agent, found in told.values():
            what = f"the scenario gives away the secret of {shown(agent.record.name)}: {shown(str(found))}"
            yield entry, f"{what}; leave it out there"


def _goals(scenario: EnvironmentProfile) -> list[tuple[Sentence, ...]]:
    """Return the sentences of each goal as its owner reads it."""
    return [sentences_for(seat, goal, owner=seat) for seat, goal in enumerate(scenario.agent_goals)]


def _told(theirs: Sequence[Sentence], ours: Sequence[Sentence]) -> Iterator[Echo | None]:
    """Yield what sentences of one goal tell of another."""
    for position, sentence in enumerate(theirs):
        if sentence in ours:
            if position == 0 and sentence != ours[0]:
                yield echo(sentence, sentence)
            continue
        for other in ours:
            found = echo(sentence, other)
            if found is not None and ((found.whole and found.there > 0) or found.changes_person):
                yield found


def _first(found: Iterable[Echo | None]) -> Echo | None:
    return next((one for one in found if one is not None), None)
