"""What is kept of an episode and of a run: the turns as they were seen and played, the outcome, the provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sotopia_core.evaluation import OVERALL, Evaluation, Reward
from sotopia_core.messages import ENVIRONMENT, NO_ACTION, AgentAction, Event, Observation, Value
from sotopia_core.models import Usage
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, RelationshipProfile
from sotopia_core.records import Record

EpisodeStatus = Literal["scored", "unscored", "unjudged", "failed"]
"""``scored``: every agent has an overall score. ``unscored``: one has none. ``unjudged``: nobody was asked to judge.
``failed``: the interaction did not reach its end."""

RunStatus = Literal["running", "finished", "interrupted", "stopped", "cancelling", "cancelled"]
"""``interrupted``: by the person who ran it. ``stopped``: by an error that no other episode would have survived.
``cancelling``: somebody asked the process that plays it to stop. ``cancelled``: it did, or there was none."""

SimpleMessage = tuple[str, str, str]
"""(sender, receiver, text)."""

RewardEntry = tuple[float, dict[str, float]] | float | None
"""(overall, scores by dimension, with ``overall_score`` among them), a game's bare outcome, or None where unscored."""


class Turn(Value):
    """One turn: what each agent was sent, and what those in turn then did. The last turn has observations only.

    ``stood_in`` names those for whom doing nothing stands in place of a reply that could not be used, and why it could
    not; without ``on_invalid_action = "none"`` there is nobody.
    """

    number: int = Field(ge=0)
    observations: dict[str, Observation]
    actions: dict[str, AgentAction] = Field(default_factory=dict)
    stood_in: dict[str, str] = Field(default_factory=dict)


class Provenance(Value):
    """Where an episode came from, in enough detail to tell whether two are comparable.

    ``config`` is the resolved run file; ``versions`` maps distributions to versions, ``prompts`` templates to digests,
    ``dimensions`` sets to digests; ``answered`` maps who asked to the names that models answered under.
    ``fingerprint`` depends on
    what determines the content (scenario, profiles, seats, components with their options, prompts, dimensions) and on
    nothing else: not on the run, the seed, URLs, limits or concurrency.
    """

    fingerprint: str
    seed: int
    config: dict[str, Any] = Field(default_factory=dict)
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
    spending: dict[str, dict[str, Usage]] = Field(
        default_factory=dict, description="By model, then what for: agent, judge, re-ask, retry"
    )
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


def cast_of(episode: EpisodeLog) -> tuple[str, ...]:
    """Return the agents' names in the order of their seats, also for imported episodes that give none."""
    if episode.agent_names:
        return episode.agent_names
    named = [end for turn in episode.messages for sender, receiver, _ in turn for end in (receiver, sender)]
    return tuple(dict.fromkeys(name for name in named if name != ENVIRONMENT))


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


class CachedReply(Record):
    """What a model said, for whoever asks it the same again; the pk derives from the question and its place."""

    model: str = Field(description="The model's name in records and tables")
    completion: dict[str, Any]
    kept_at: str = Field(description="ISO 8601, UTC")


class Rescoring(Record):
    """What other judges made of a stored episode, beside the scores that it has.

    Its pk derives from the episode and from the evaluators with their options, prompts and dimensions, so judging again
    with the same ones replaces it. ``run`` and ``tag`` are the episode's. Of ``provenance``, the fingerprint is that of
    the evaluators.
    """

    episode: str
    run: str | None = None
    tag: str = ""
    judge: str = Field(default="", description="The judge's model")
    status: Literal["scored", "unscored"]
    evaluations: tuple[Evaluation, ...]
    outcome: dict[str, Reward]
    rewards: tuple[RewardEntry, ...]
    rewards_prompt: str = ""
    usage: dict[str, Usage] = Field(default_factory=dict, description="By evaluator")
    provenance: Provenance
    judged_at: str = Field(description="ISO 8601, UTC")


class RunOwner(Value):
    """The process that plays a run, under an ``id`` of its own.

    ``machine`` names one start of one machine and one space of process numbers in it, and ``started`` when in it the
    process began: together they tell whether it still lives. Both are empty where the system does not say.
    """

    id: str
    host: str
    process: int
    machine: str = ""
    started: str = ""

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


class RunRecord(Record):
    """A run: what was asked for, and how far it came.

    ``config`` is the resolved run file, and ``origins`` says in which file each of its keys was written. ``versions``,
    ``prompts``, ``dimensions`` and ``components`` tell what it was played with (the latter three by digests), so that a
    run is not resumed with something else unnoticed. ``owner`` is the process that plays it, or played it last.
    """

    name: str
    tag: str = ""
    status: RunStatus = "running"
    cause: str | None = None
    config: dict[str, Any]
    origins: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    prompts: dict[str, str] = Field(default_factory=dict)
    dimensions: dict[str, str] = Field(default_factory=dict)
    components: dict[str, str] = Field(default_factory=dict)
    owner: RunOwner | None = None
    planned: int = Field(default=0, ge=0, description="Episodes in all")
    counts: dict[EpisodeStatus, int] = Field(default_factory=dict)
    usage: dict[str, Usage] = Field(default_factory=dict)
    spending: dict[str, dict[str, Usage]] = Field(
        default_factory=dict, description="By model, then what for: agent, judge, re-ask, retry"
    )
    started_at: str
    finished_at: str | None = None


class DrawnCombo(Value):
    """One combo by the positions of its parts in :class:`DrawnCombos`."""

    environment: int
    agents: tuple[int, ...]
    relationships: tuple[int, ...] = ()
    pk: str | None = None


class DrawnCombos(Record):
    """What a run plays, under the run's own pk: its combos in the order drawn, each profile once.

    It stands beside the run's record, so that the run can be resumed whatever has become of its pool.
    """

    environments: tuple[EnvironmentProfile, ...]
    agents: tuple[AgentProfile, ...]
    relationships: tuple[RelationshipProfile, ...]
    drawn: tuple[DrawnCombo, ...]

    @classmethod
    def of(cls, run: str, combos: Sequence[Combo]) -> Self:
        """Take apart what the run with this pk drew."""
        environments, agents, relationships = _Parts(), _Parts(), _Parts()
        drawn = tuple(
            DrawnCombo(
                environment=environments.place(combo.environment),
                agents=tuple(map(agents.place, combo.agents)),
                relationships=tuple(map(relationships.place, combo.relationships)),
                pk=combo.pk,
            )
            for combo in combos
        )
        return cls.model_validate(
            {
                "pk": run,
                "environments": environments.records,
                "agents": agents.records,
                "relationships": relationships.records,
                "drawn": drawn,
            }
        )

    def combos(self) -> list[Combo]:
        """Put the combos together again."""
        return [
            Combo(
                environment=self.environments[one.environment],
                agents=tuple(self.agents[position] for position in one.agents),
                relationships=tuple(self.relationships[position] for position in one.relationships),
                pk=one.pk,
            )
            for one in self.drawn
        ]


class _Parts:
    """Records of which each stands once, and where each stands."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._by_identity: dict[int, int] = {}
        self._by_content: dict[str, int] = {}

    def place(self, record: Record) -> int:
        """Return the record's position. Equal pks are no proof of equal content: each draw has its own."""
        if id(record) not in self._by_identity:
            place = self._by_content.setdefault(record.model_dump_json(), len(self.records))
            if place == len(self.records):
                self.records.append(record)
            self._by_identity[id(record)] = place
        return self._by_identity[id(record)]
