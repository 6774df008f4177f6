"""What is kept of an episode and of a run: the turns as they were seen and played, the outcome, the provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sotopia_core.evaluation import OVERALL, Evaluation, Reward
from sotopia_core.messages import ENVIRONMENT, NO_ACTION, AgentAction, Event, Observation, Value
from sotopia_core.models import Usage
from sotopia_core.profiles import Combo
from sotopia_core.records import Record

EpisodeStatus = Literal["scored", "unscored", "unjudged", "failed"]
"""``scored``: every agent has an overall score. ``unscored``: one has none. ``unjudged``: nobody was asked to judge.
``failed``: the interaction did not reach its end."""

RunStatus = Literal["running", "finished", "interrupted", "stopped"]
"""``interrupted``: by the person who ran it. ``stopped``: by an error that no other episode would have survived."""

SimpleMessage = tuple[str, str, str]
"""(sender, receiver, text)."""

RewardEntry = tuple[float, dict[str, float]] | float | None
"""(overall, scores by dimension, with ``overall_score`` among them), a game's bare outcome, or None where unscored."""


class Turn(Value):
    """One turn: what each agent was sent, and what those in turn then did. The last turn has observations only."""

    number: int = Field(ge=0)
    observations: dict[str, Observation]
    actions: dict[str, AgentAction] = Field(default_factory=dict)


class Provenance(Value):
    """Where an episode came from, in enough detail to tell whether two are comparable.

    ``versions`` maps distributions to versions; ``prompts`` maps templates to digests; ``dimensions`` maps sets to
    digests; ``answered`` maps the models asked for to the names that they answered under. ``fingerprint`` depends on
    what determines the content (scenario, profiles, seats, components with their options, prompts, dimensions) and on
    nothing else: not on the run, the seed, URLs, limits or concurrency.
    """

    fingerprint: str
    seed: int
    config_digest: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    prompts: dict[str, str] = Field(default_factory=dict)
    dimensions: dict[str, str] = Field(default_factory=dict)
    answered: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    offline: bool = Field(default=False, description="Whether the rule-based stand-in took any part")


class EpisodeLog(Record):
    """One episode. ``environment`` and ``agents`` are primary keys, ``agents`` in the order of the seats.

    ``combo`` is the scenario with its cast as they were when it was played, whatever becomes of the stored ones: what a
    judge is told, and who may know what, can be made from it again.

    ``models`` holds the judge's model first and then each seat's, as Sotopia's logs do. Episodes played here have
    ``turns``, and their ``messages`` derive from them; imported ones have ``verbatim_messages`` and no turns.
    """

    environment: str
    agents: tuple[str, ...]
    agent_names: tuple[str, ...] = ()
    tag: str = ""
    models: tuple[str, ...] = ()
    agent_classes: tuple[str, ...] = ()
    run: str | None = Field(default=None, description="Primary key of the run")
    draw: int | None = Field(default=None, ge=0, description="Which of the run's combos, from 0")
    trial: int | None = Field(default=None, ge=0, description="Which repetition of the combo, from 0")
    mode: str = "standard"
    combo: Combo | None = Field(default=None, description="What was played; None for imported episodes")
    status: EpisodeStatus = "unjudged"
    cause: str | None = Field(default=None, description="Why the episode failed")
    ended: str | None = Field(default=None, description="Why the interaction ended")
    turns: tuple[Turn, ...] = ()
    verbatim_messages: tuple[tuple[SimpleMessage, ...], ...] | None = None
    evaluations: tuple[Evaluation, ...] = ()
    outcome: dict[str, Reward] = Field(default_factory=dict)
    rewards: tuple[RewardEntry, ...] = ()
    reasoning: str = ""
    rewards_prompt: str = ""
    usage: dict[str, Usage] = Field(default_factory=dict, description="By role: the agents' names, the evaluators")
    provenance: Provenance | None = None
    started_at: str | None = Field(default=None, description="ISO 8601, UTC")
    seconds: float | None = Field(default=None, ge=0, description="Wall time of the episode")

    @model_validator(mode="after")
    def _failed_has_cause(self) -> Self:
        if (self.status == "failed") != (self.cause is not None):
            raise ValueError("an episode has a cause exactly where its status is 'failed'")
        return self

    @property
    def messages(self) -> tuple[tuple[SimpleMessage, ...], ...]:
        """The episode as Sotopia logs it: turn by turn, observations from and actions to ``"Environment"``."""
        if self.verbatim_messages is not None:
            return self.verbatim_messages
        return tuple(_messages_of(turn, self.agent_names) for turn in self.turns)

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that those in turn did, in order; empty for imported episodes."""
        return tuple(
            Event(turn=turn.number, sender=name, action=action)
            for turn in self.turns
            for name, action in turn.actions.items()
        )


def _messages_of(turn: Turn, names: Sequence[str]) -> tuple[SimpleMessage, ...]:
    seen = [(ENVIRONMENT, name, o.to_natural_language()) for name, o in turn.observations.items()]
    if not turn.actions:
        return tuple(seen)
    done = [(name, ENVIRONMENT, turn.actions.get(name, NO_ACTION).to_natural_language()) for name in names]
    return (*seen, *done)


def reward_entries(names: Sequence[str], outcome: Mapping[str, Reward]) -> tuple[RewardEntry, ...]:
    """Turn rewards by name into the list that logs hold: in seat order, None for an agent without an overall score."""
    entries: list[RewardEntry] = []
    for name in names:
        reward = outcome.get(name)
        if reward is None or reward.overall is None:
            entries.append(None)
        else:
            there = {dimension: value for dimension, value in reward.scores.items() if value is not None}
            entries.append((reward.overall, {**there, OVERALL: reward.overall}))
    return tuple(entries)


class RunRecord(Record):
    """A run: what was asked for, and how far it came. ``config`` is the resolved run file."""

    name: str
    tag: str = ""
    status: RunStatus = "running"
    cause: str | None = None
    config: dict[str, Any]
    versions: dict[str, str] = Field(default_factory=dict)
    planned: int = Field(default=0, ge=0, description="Episodes in all")
    counts: dict[EpisodeStatus, int] = Field(default_factory=dict)
    usage: dict[str, Usage] = Field(default_factory=dict)
    started_at: str
    finished_at: str | None = None
