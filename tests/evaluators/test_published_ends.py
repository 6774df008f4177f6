"""Published episodes, ended again by the rules: each ends in the round in which it ended, for the reason it gives.

Sotopia's logs count otherwise than episodes played here, in two things that the rules are fed with: the first actions
have turn 0, so that a maximum of 20 makes 21 rounds; and every agent does something in every round, if only nothing,
so that those out of turn count towards staleness.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sotopia_core.database import jsonl_to_episodes
from sotopia_core.episodes import EpisodeLog, cast_of
from sotopia_core.interfaces import EvaluationContext, Transcript, Verdict
from sotopia_core.messages import ENVIRONMENT, NO_ACTION, AgentAction, Background, Event, Participant
from sotopia_evaluators.rules import RuleBasedTerminatedEvaluator

SHARED = Path(__file__).parents[3] / "shared" / "data" / "episodes"
FILES = ("episode_logs.jsonl", "exported_episodes.jsonl")
REASONS = {
    "The conversation is too long": "reached the maximum of 20",
    "The conversation stales for too long": "'none', and at most 2 may be",
    "Agent 1 is leaving": "left, and fewer than two agents remain",
    "Agent 2 is leaving": "left, and fewer than two agents remain",
}
LEFT = AgentAction(action_type="leave").to_natural_language()
NOTHING = NO_ACTION.to_natural_language()

ABSENT = pytest.param(None, marks=pytest.mark.skip(reason="needs ../shared/data"), id="none")
EPISODES = (
    [pytest.param(log, id=log.pk) for name in FILES for log in jsonl_to_episodes(str(SHARED / name))]
    if SHARED.is_dir()
    else [ABSENT]
)


def action_of(text: str) -> AgentAction:
    """Return the action as far as the rules look at it."""
    kind = {LEFT: "leave", NOTHING: "none"}.get(text, "speak")
    return AgentAction(action_type=kind, argument="" if kind != "speak" else text)


def verdicts(episode: EpisodeLog, rules: RuleBasedTerminatedEvaluator) -> list[Verdict]:
    """Return what the rules say after each round of a log, with its own numbering, all actions counted."""
    names = cast_of(episode)
    background = Background(viewer=ENVIRONMENT, scenario="", participants=tuple(Participant(name=n) for n in names))
    events: list[Event] = []
    said: list[Verdict] = []
    for turn, messages in enumerate(episode.messages):
        done = [
            Event(turn=turn, sender=sender, action=action_of(text))
            for sender, _, text in messages
            if sender != ENVIRONMENT
        ]
        if done:
            events += done
            left = frozenset(event.sender for event in events if event.action.action_type == "leave")
            transcript = Transcript(background=background, turn=turn, events=tuple(events), left=left)
            said.append(asyncio.run(rules.evaluate(transcript, EvaluationContext())))
    return said


def given_reason(episode: EpisodeLog) -> str:
    first = episode.reasoning.split("\n", 1)[0]
    return first.removeprefix("Environment comments: terminated: ").strip("; ")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_there_are_ten_published_episodes_that_ended_in_every_way():
    assert len(EPISODES) == 10
    assert {given_reason(param.values[0]) for param in EPISODES} == set(REASONS)


@pytest.mark.parametrize("episode", EPISODES)
def test_a_published_episode_ends_where_it_ended_and_no_sooner(episode: EpisodeLog):
    said = verdicts(episode, RuleBasedTerminatedEvaluator(max_turn_number=20, max_stale_turn=2))
    assert [verdict.terminated for verdict in said] == [False] * (len(said) - 1) + [True]
    assert REASONS[given_reason(episode)] in said[-1].comments


@pytest.mark.parametrize("episode", EPISODES)
def test_with_other_limits_it_would_have_ended_elsewhere(episode: EpisodeLog):
    """The comparison can fail: no episode ends in its own round under rules that it was not played by."""
    rules = RuleBasedTerminatedEvaluator(max_turn_number=len(episode.messages) - 3, max_stale_turn=2)
    assert [verdict.terminated for verdict in verdicts(episode, rules)].index(True) < len(episode.messages) - 2
