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

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from sotopia_core.marks import JUDGE, resolve
from sotopia_core.messages import ENVIRONMENT, AgentAction, Background, Event, Participant
from sotopia_core.profiles import Combo, RelationshipType

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


def backgrounds_for(combo: Combo, mode: Mode = "standard") -> dict[str, Background]:
    """Return what each agent knows before turn 0, by name."""
    abouts = _abouts(combo)
    return {name: _background(combo, seat, mode, abouts) for seat, name in enumerate(combo.names)}


def background_for(combo: Combo, seat: int, mode: Mode = "standard") -> Background:
    """Return what the agent in a seat (0-based) knows before turn 0."""
    return _background(combo, seat, mode, _abouts(combo))


def background_for_judge(combo: Combo) -> Background:
    """Return the whole truth: every profile with its secret, every goal, every marked passage."""
    agents = zip(combo.names, _abouts(combo), combo.environment.agent_goals, strict=True)
    return Background.trusted(
        viewer=ENVIRONMENT,
        scenario=resolve(combo.environment.scenario, JUDGE),
        participants=tuple(
            Participant.trusted(name=name, profile=about, goal=resolve(goal, JUDGE, owner=seat))
            for seat, (name, about, goal) in enumerate(agents)
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


def _background(combo: Combo, seat: int, mode: Mode, abouts: Sequence[Mapping[str, Any]]) -> Background:
    return Background.trusted(
        viewer=combo.names[seat],
        scenario=resolve(combo.environment.scenario, seat),
        participants=tuple([_participant(combo, seat, other, mode, abouts[other]) for other in range(len(abouts))]),
    )


def _participant(combo: Combo, viewer: int, other: int, mode: Mode, about: Mapping[str, Any]) -> Participant:
    own = viewer == other
    seen = () if own or mode == "lite" else visible_fields(combo.relationship(viewer, other))
    goal = combo.environment.agent_goals[other]
    return Participant.trusted(
        name=combo.names[other],
        profile={key: value for key, value in about.items() if own or key in seen},
        goal=resolve(goal, viewer, owner=other) if own or mode == "omniscient" else None,
    )


def _abouts(combo: Combo) -> list[dict[str, Any]]:
    """Return all that there is to know about each agent, in the order of the seats."""
    return [
        {
            key: value
            for key, value in agent.model_dump(mode="json", exclude=set(_NOT_ABOUT_THE_CHARACTER)).items()
            if value not in (None, "", [])
        }
        for agent in combo.agents
    ]
