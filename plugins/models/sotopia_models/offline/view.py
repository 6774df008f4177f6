"""What one agent can tell from its scene: who is there, what was done, what it said itself; and its next move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from sotopia_core.errors import ModelError
from sotopia_core.messages import ActionType, Event
from sotopia_core.models import Scene
from sotopia_models.offline.phrases import Stock
from sotopia_models.offline.reading import SILENCE, Reading, read
from sotopia_models.offline.words import LONGEST

TURNS = 20
"""The usual length of an episode: the stand-in plans to be gone by then, however many take part."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was done: by whom, of which kind, in what words, and how those read if they were spoken."""

    sender: str
    kind: ActionType
    text: str
    reading: Reading

    @classmethod
    def of(cls, event: Event) -> Line:
        """Read one event; only speech is searched for meaning."""
        action = event.action
        spoken = action.action_type == "speak"
        text = action.argument[:LONGEST]
        return cls(event.sender, action.action_type, text, read(text) if spoken else SILENCE)


@dataclass(frozen=True, slots=True)
class Move:
    """What a talk wants to do next: one of a stock of phrases, filled with ``facts``, after one of ``lead`` if any."""

    stock: Stock = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    kind: ActionType = "speak"
    lead: Stock = ()


LEAVE = Move(kind="leave")


@dataclass(frozen=True, slots=True)
class View:
    """The scene as one agent has it. ``others`` are those who have not left; ``lines`` are all acts but "none"."""

    me: str
    names: tuple[str, ...]
    others: tuple[str, ...]
    acquainted: bool
    scenario: str
    goal: str
    secret: str
    lines: tuple[Line, ...]
    said: str

    @classmethod
    def of(cls, scene: Scene) -> View:
        """Gather what the agent that is asked to act can tell; ``ModelError`` where the scene is not an agent's."""
        now = scene.current
        names = scene.background.names
        if now is None or now.agent not in names:
            raise ModelError("the offline stand-in was asked to act in a scene that is no agent's")
        me = now.agent
        own = scene.background.participant(me)
        events = scene.events
        if now.events and (not events or events[-1].turn < now.events[-1].turn):
            events += now.events
        lines = tuple([Line.of(event) for event in events if event.action.action_type != "none"])
        left = {line.sender for line in lines if line.kind == "leave"}
        staying = now.remaining or tuple(name for name in names if name not in left)
        secret = own.profile.get("secret")
        return cls(
            me=me,
            names=names,
            others=tuple(name for name in staying if name != me),
            acquainted=any(person.profile for person in scene.background.participants if person.name != me),
            scenario=scene.background.scenario,
            goal=own.goal or "",
            secret=secret if isinstance(secret, str) else "",
            lines=lines,
            said="\n".join([line.text for line in lines]),
        )

    @property
    def own(self) -> list[Line]:
        """What this agent did so far."""
        return [line for line in self.lines if line.sender == self.me]

    @property
    def news(self) -> list[Line]:
        """What the others did since this agent last acted."""
        start = next((i for i in range(len(self.lines), 0, -1) if self.lines[i - 1].sender == self.me), 0)
        return list(self.lines[start:])

    @property
    def partner(self) -> str:
        """Whom to address: the last of the others to act who is still there, else the next one; first name only."""
        for line in reversed(self.lines):
            if line.sender in self.others:
                return first_name(line.sender)
        return first_name(self.others[0]) if self.others else "everyone"

    @property
    def patience(self) -> int:
        """After how many acts of its own this agent leaves, so that all have left within the usual length."""
        seats = len(self.names)
        return max(2, min(7, (TURNS - seats) // seats))

    @property
    def parted(self) -> bool:
        """Whether this agent has said its farewell."""
        return any(line.reading.parts for line in self.own)

    @property
    def others_parted(self) -> bool:
        """Whether somebody else has said farewell or left."""
        return any((line.reading.parts or line.kind == "leave") and line.sender != self.me for line in self.lines)


def first_name(name: str) -> str:
    """Return the first word of a name."""
    return name.split(maxsplit=1)[0] if name.split() else name


def pick(random: Random, count: int) -> int:
    """Return a number in 0..count-1; the same for the same generator in every version of Python."""
    return int(random.random() * count)
