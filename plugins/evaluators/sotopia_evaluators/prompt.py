"""What a judge is sent: how to judge, and the whole episode, where nobody's words can pass for anything else."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from sotopia_core.evaluation import DimensionSet
from sotopia_core.interfaces import Transcript
from sotopia_core.messages import ActionType, Event, describe_profile
from sotopia_core.models import ChatMessage
from sotopia_core.quotation import quoted

SYSTEM = "judge_system"
EPISODE = "judge_episode"
_DID: dict[ActionType, str] = {
    "none": "did nothing",
    "speak": "said",
    "non-verbal communication": "communicated without words",
    "action": "acted",
    "leave": "left the conversation",
}


def judge_messages(transcript: Transcript, dimensions: DimensionSet) -> tuple[ChatMessage, ChatMessage]:
    """Return the system message, which says how to judge on what dimensions, and the user message, the episode.

    The first is the same for all episodes, so that providers can cache it.
    """
    return (_system(dimensions), ChatMessage(role="user", content=_episode(transcript)))


def template_texts() -> dict[str, str]:
    """Return the texts of the judge's templates, by name."""
    return {name: _template_text(name) for name in (SYSTEM, EPISODE)}


def describe_event(event: Event) -> str:
    """Render one entry of the record: turn, sender, recipients, and the words, quoted so that they forge nothing."""
    action = event.action
    whom = f" (to {', '.join(action.to)})" if action.to else ""
    entry = f"[turn {event.turn}] {event.sender} {_DID[action.action_type]}{whom}"
    if not action.argument and action.action_type in ("none", "leave"):
        return entry
    return f"{entry}:{quoted(action.argument)}"


@lru_cache(maxsize=64)
def _system(dimensions: DimensionSet) -> ChatMessage:
    return ChatMessage(role="system", content=_template(SYSTEM).render(dimensions=dimensions.dimensions))


def _episode(transcript: Transcript) -> str:
    background = transcript.background
    return _template(EPISODE).render(
        scenario=background.scenario,
        names=transcript.names,
        participants=[
            {"name": one.name, "profile": describe_profile(one.profile), "goal": one.goal or "none"}
            for one in background.participants
        ],
        entries=[describe_event(event) for event in transcript.events],
        turn=transcript.turn,
        left=[name for name in transcript.names if name in transcript.left],
    )


@cache
def _template_text(name: str) -> str:
    return (Path(__file__).with_name("prompts") / f"{name}.jinja").read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    # No escaping: the text goes to a model, which reads it as it stands, and not to a browser.
    plain = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
    return plain.from_string(_template_text(name))
