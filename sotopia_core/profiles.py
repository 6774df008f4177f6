"""Who meets, and where: characters, scenarios, relationships, and the combos that bring them together."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from sotopia_core.messages import ENVIRONMENT, Value
from sotopia_core.records import Record


class RelationshipType(IntEnum):
    """How well two agents know each other; it decides what they see of each other's profile."""

    stranger = 0
    know_by_name = 1
    acquaintance = 2
    friend = 3
    romantic_relationship = 4
    family_member = 5


def _relationship(value: object) -> object:
    """Accept the forms found in files: 3, "3", 3.0 and "friend"."""
    if isinstance(value, str):
        if value.isdecimal():
            return int(value)
        if value in RelationshipType.__members__:
            return RelationshipType[value]
    return value


Relationship = Annotated[RelationshipType, BeforeValidator(_relationship)]


class AgentProfile(Record):
    """A character. Everything but the name is optional, since published profiles are often partial."""

    first_name: str
    last_name: str = ""
    age: int | None = Field(default=None, description="Years")
    occupation: str = ""
    gender: str = ""
    gender_pronoun: str = ""
    public_info: str = Field(default="", description="What acquaintances know")
    big_five: str = ""
    moral_values: tuple[str, ...] = ()
    schwartz_personal_values: tuple[str, ...] = ()
    personality_and_values: str = Field(default="", description="What friends know")
    decision_making_style: str = ""
    secret: str = Field(default="", description="What nobody else is told")
    model_id: str = ""
    mbti: str = ""
    tag: str = ""

    @property
    def name(self) -> str:
        """First and last name: the public handle by which others address this character."""
        return f"{self.first_name} {self.last_name}".strip()


class EnvironmentProfile(Record):
    """A scenario: a setting that all participants know, and one private goal for each seat.

    The three constraints are kept as they are found (strings such as ``"[(18, 70), (18, 70)]"`` and ``"nan"`` occur in
    published files); samplers that use them interpret them.
    """

    codename: str = ""
    source: str = ""
    scenario: str
    agent_goals: tuple[str, ...]
    relationship: Relationship = RelationshipType.stranger
    age_constraint: str | list[Any] | None = None
    occupation_constraint: str | list[Any] | None = None
    agent_constraint: str | list[Any] | None = None
    game_metadata: dict[str, Any] | None = None
    tag: str = ""

    @property
    def label(self) -> str:
        """The codename, or the pk where there is none."""
        return self.codename or self.pk


class RelationshipProfile(Record):
    """How two characters stand to each other, whatever scenario they meet in."""

    agent_1_id: str
    agent_2_id: str
    relationship: Relationship
    background_story: str | None = None
    tag: str = ""


class EnvAgentComboStorage(Record):
    """A scenario and its cast, by primary key, in the order of the seats."""

    env_id: str
    agent_ids: tuple[str, ...]


class EnvironmentList(Record):
    """A named list of scenarios; ``agent_index`` says for each which seat the agent under test takes."""

    name: str
    environments: tuple[str, ...]
    agent_index: tuple[str, ...] | None = None


class Combo(Value):
    """A scenario with its cast, ready to play: one agent for each goal, all with different names.

    ``relationships`` are the stored ones to use between its agents; between two that have none, the scenario's holds.
    ``pk`` is that of the stored combo it was drawn from, if any. An invalid cast is a ``ValueError``.
    """

    MINIMUM: ClassVar[int] = 2

    environment: EnvironmentProfile
    agents: tuple[AgentProfile, ...]
    relationships: tuple[RelationshipProfile, ...] = ()
    pk: str | None = None

    @model_validator(mode="after")
    def _cast_fits(self) -> Self:
        where = f"scenario {self.environment.label!r}"
        seats, goals = len(self.agents), len(self.environment.agent_goals)
        if seats != goals:
            raise ValueError(f"{where} has {goals} goals and cannot seat {seats} agents; it takes one agent a goal")
        if seats < self.MINIMUM:
            raise ValueError(f"{where} has {seats} agents; an interaction needs at least {self.MINIMUM}")
        check_names(self.names, where)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The agents' names, in the order of their seats."""
        return tuple(agent.name for agent in self.agents)

    def relationship(self, one: int, other: int) -> RelationshipType:
        """Return the relationship between the agents in two seats (0-based); it is symmetric."""
        pair = {self.agents[one].pk, self.agents[other].pk}
        for stored in self.relationships:
            if {stored.agent_1_id, stored.agent_2_id} == pair:
                return stored.relationship
        return self.environment.relationship


def check_names(names: Sequence[str], where: str) -> None:
    """Raise ``ValueError`` unless the names can key an episode: none empty, none twice, none reserved."""
    for name in names:
        if not name:
            raise ValueError(f"{where} has an agent without a name; give it a first_name")
        if name == ENVIRONMENT:
            raise ValueError(f"{where} has an agent called {name!r}; that name is reserved")
        if len(name.splitlines()) > 1:
            raise ValueError(f"{where} has an agent whose name {name!r} spans lines; a name is one line")
        if names.count(name) > 1:
            raise ValueError(f"{where} has two agents called {name!r}; names address messages and must differ")


class Pool(Value):
    """What a sampler draws from. ``combos`` are the stored ones whose references all lie in the pool."""

    environments: tuple[EnvironmentProfile, ...] = ()
    agents: tuple[AgentProfile, ...] = ()
    combos: tuple[EnvAgentComboStorage, ...] = ()
    relationships: tuple[RelationshipProfile, ...] = ()
    stored_relationships: bool = Field(
        default=True, description="Whether two who have a stored relationship meet in it; else all in the scenario's"
    )
    source: str = Field(default="the pool", description="Where the pool came from, for messages")

    def combo(
        self,
        environment: EnvironmentProfile,
        agents: Sequence[AgentProfile],
        pk: str | None = None,
    ) -> Combo:
        """Seat agents in a scenario, with the stored relationships among them if these are to hold."""
        pks = {agent.pk for agent in agents} if self.stored_relationships else set()
        among = tuple(r for r in self.relationships if r.agent_1_id in pks and r.agent_2_id in pks)
        return Combo(environment=environment, agents=tuple(agents), relationships=among, pk=pk)
