"""The information barrier: who may know what. Everything that an agent is sent is made here.

========================================  ============================================================
relationship                              what others see of a profile
========================================  ============================================================
stranger, know_by_name                    the name
acquaintance                              + age, gender, occupation, pronouns, public_info
friend, romantic_relationship,            + personality_and_values
family_member
========================================  ============================================================

The secret, and every field that the table does not name, is for its owner (and the judge) alone. Goals are private,
except in omniscient mode, which shows goals and nothing else besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from sotopia_core.marks import JUDGE, resolve
from sotopia_core.messages import ENVIRONMENT, AgentAction, Background, Event, Participant
from sotopia_core.profiles import AgentProfile, Combo, RelationshipType

Mode = Literal["standard", "omniscient", "lite"]
"""``omniscient``: every agent is told every goal. ``lite``: of the others, every agent is told the name alone."""

ACQUAINTANCES_SEE: Final = ("age", "gender", "occupation", "gender_pronoun", "public_info")
FRIENDS_SEE: Final = (*ACQUAINTANCES_SEE, "personality_and_values")
_NOT_ABOUT_THE_CHARACTER: Final = frozenset({"pk", "tag", "model_id", "first_name", "last_name"})


def visible_fields(relationship: RelationshipType) -> tuple[str, ...]:
    """Return the profile fields that somebody in this relationship is shown."""
    if relationship >= RelationshipType.friend:
        return FRIENDS_SEE
    if relationship >= RelationshipType.acquaintance:
        return ACQUAINTANCES_SEE
    return ()


def background_for(combo: Combo, seat: int, mode: Mode = "standard") -> Background:
    """Return what the agent in a seat (0-based) knows before turn 0."""
    return Background(
        viewer=combo.names[seat],
        scenario=resolve(combo.environment.scenario, seat),
        participants=tuple(_participant(combo, seat, other, mode) for other in range(len(combo.agents))),
    )


def background_for_judge(combo: Combo) -> Background:
    """Return the whole truth: every profile with its secret, every goal, every marked passage."""
    return Background(
        viewer=ENVIRONMENT,
        scenario=resolve(combo.environment.scenario, JUDGE),
        participants=tuple(
            Participant(name=agent.name, profile=_whole(agent), goal=resolve(goal, JUDGE, owner=seat))
            for seat, (agent, goal) in enumerate(zip(combo.agents, combo.environment.agent_goals, strict=True))
        ),
    )


def event_for(event: Event, viewer: str) -> Event | None:
    """Return an event as one agent may know it, or None.

    A private action is known to its sender and its recipients. Departures and inaction cannot be hidden: of a private
    one the others learn that it happened, without its text and its recipients.
    """
    action = event.action
    if not action.to or viewer == event.sender or viewer in action.to:
        return event
    if action.action_type in ("leave", "none"):
        return event.model_copy(update={"action": AgentAction(action_type=action.action_type)})
    return None


def events_for(events: Iterable[Event], viewer: str) -> tuple[Event, ...]:
    """Return the events of one turn as one agent may know them."""
    return tuple([seen for event in events if (seen := event_for(event, viewer)) is not None])


def _participant(combo: Combo, viewer: int, other: int, mode: Mode) -> Participant:
    agent, goal = combo.agents[other], combo.environment.agent_goals[other]
    if viewer == other:
        return Participant(name=agent.name, profile=_whole(agent), goal=resolve(goal, viewer, owner=other))
    seen = () if mode == "lite" else visible_fields(combo.relationship(viewer, other))
    profile = {key: value for key, value in _whole(agent).items() if key in seen}
    shown = resolve(goal, viewer, owner=other) if mode == "omniscient" else None
    return Participant(name=agent.name, profile=profile, goal=shown)


def _whole(agent: AgentProfile) -> dict[str, Any]:
    everything = agent.model_dump(mode="json", exclude=set(_NOT_ABOUT_THE_CHARACTER))
    return {key: value for key, value in everything.items() if value not in (None, "", [])}
