"""What passes between the environment and its agents: actions, events, backgrounds and observations, all frozen."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field

ActionType = Literal["none", "speak", "non-verbal communication", "action", "leave"]
ACTION_TYPES: tuple[ActionType, ...] = get_args(ActionType)
ENVIRONMENT = "Environment"
"""The sender and receiver in message logs that is no agent; no agent may have this name."""


class Value(BaseModel):
    """A frozen value: two that hold the same are equal; unknown fields, and numbers that JSON has not, are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """Make a value of what is known to be valid, at less cost in time and memory: all fields, of the right types.

        Nothing is checked. For what a value is made of that was checked already, by the kernel or by pydantic.
        """
        value = object.__new__(cls)
        _set(value, "__dict__", fields)
        _set(value, "__pydantic_fields_set__", _all_fields(cls))
        _set(value, "__pydantic_extra__", None)
        _set(value, "__pydantic_private__", None)
        return value


_set = object.__setattr__


@cache
def _all_fields(kind: type[Value]) -> set[str]:
    """Return the names of the fields: one set for all values that have all of them, since nobody can change it."""
    return set(kind.model_fields)


class AgentAction(Value):
    """What one agent does in one turn.

    ``argument`` is what is said or done, kept exactly. ``to`` names the recipients; empty, the default, is public.
    """

    action_type: ActionType
    argument: str = ""
    to: tuple[str, ...] = ()

    def to_natural_language(self) -> str:
        """Render the action as message logs do: ``said: "..."``, ``[action] ...``, ``did nothing``, and so on."""
        match self.action_type:
            case "none":
                return "did nothing"
            case "speak":
                return f'said: "{self.argument}"'
            case "leave":
                return "left the conversation"
            case kind:
                return f"[{kind}] {self.argument}"


def is_well_formed(action: AgentAction) -> bool:
    """Whether an action is exactly as validation would have made it, however it was made."""
    held = action.__dict__
    return (
        type(action) is AgentAction
        and len(held) == len(AgentAction.model_fields)
        and held.get("action_type") in ACTION_TYPES
        and type(held.get("argument")) is str
        and type(to := held.get("to")) is tuple
        and all(type(name) is str for name in to)
    )


NO_ACTION = AgentAction(action_type="none")


class Event(Value):
    """An action as it happened: ``sender`` did ``action`` upon the observations of turn ``turn`` (from 0)."""

    turn: int = Field(ge=0)
    sender: str
    action: AgentAction

    def to_natural_language(self) -> str:
        """Render the event with its sender, and its recipients when it was not public; both before any words."""
        whom = f" (to {', '.join(self.action.to)})" if self.action.to else ""
        return f"{self.sender}{whom} {self.action.to_natural_language()}"


class Participant(Value):
    """One participant as one viewer may know them. ``profile`` holds only what that viewer may see."""

    name: str
    profile: dict[str, Any] = Field(default_factory=dict)
    goal: str | None = None


class Background(Value):
    """What one viewer knows before anything happens: the scenario and the participants, in the order of their seats.

    ``viewer`` is an agent's name, or ``"Environment"`` for the judge, who sees everything.
    """

    viewer: str
    scenario: str
    participants: tuple[Participant, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The participants' names, in the order of their seats."""
        return tuple(participant.name for participant in self.participants)

    def participant(self, name: str) -> Participant:
        """Return the participant of that name as the viewer may know them; ``KeyError`` if there is none."""
        for participant in self.participants:
            if participant.name == name:
                return participant
        raise KeyError(name)

    @property
    def goal(self) -> str | None:
        """The viewer's own goal; None for the judge."""
        return None if self.viewer == ENVIRONMENT else self.participant(self.viewer).goal


class Observation(Value):
    """All that one agent is sent at one turn.

    Turn 0 carries the ``background``; later turns carry the ``events`` of the turn before that this agent may know,
    its own included. ``available_actions`` is ``("none",)`` for an agent that is not in turn. ``remaining`` names the
    agents that have not left.
    """

    turn: int = Field(ge=0)
    agent: str
    background: Background | None = None
    events: tuple[Event, ...] = ()
    available_actions: tuple[ActionType, ...] = ("none",)
    remaining: tuple[str, ...] = ()

    @property
    def in_turn(self) -> bool:
        """Whether the agent is asked to act upon this observation."""
        return self.available_actions != ("none",)

    def to_natural_language(self) -> str:
        """Render the observation as message logs do."""
        if self.background is not None:
            return describe(self.background)
        said = "\n".join(event.to_natural_language() for event in self.events)
        return f"Turn #{self.turn - 1}: {said}\n"


def describe_profile(profile: dict[str, Any]) -> str:
    """Render the visible part of a profile, one field a line; empty fields are left out."""
    lines = []
    for key, value in profile.items():
        if value in (None, "", [], ()):
            continue
        text = ", ".join(str(item).strip() for item in value) if isinstance(value, list | tuple) else str(value)
        lines.append(f"{key.replace('_', ' ')}: {text}")
    return "\n".join(lines)


def describe(background: Background) -> str:
    """Render a background as plain text for logs, terminals and people."""
    lines = [f"Scenario: {background.scenario}", f"Participants: {', '.join(background.names)}"]
    for participant in background.participants:
        known = describe_profile(participant.profile)
        if known:
            lines.append(f"{participant.name}:")
            lines.extend(f"  {line}" for line in known.split("\n"))
    for participant in background.participants:
        lines.append(f"{participant.name}'s goal: {'Unknown' if participant.goal is None else participant.goal}")
    return "\n".join(lines) + "\n"
