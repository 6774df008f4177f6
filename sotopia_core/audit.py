"""Did anybody see what they should not have? The information barrier, checked on episodes as they are kept.

What an agent was sent is held against what scenario, cast, mode and actions let it know: part by part where the
observations are kept, and by looking for private texts in all that it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Literal, cast, get_args

from sotopia_core.episodes import EpisodeLog, cast_of
from sotopia_core.marks import JUDGE, apart, resolve
from sotopia_core.messages import ENVIRONMENT, NO_ACTION, AgentAction, Background, Event
from sotopia_core.profiles import Combo
from sotopia_core.visibility import Mode, background_for, background_for_judge, events_for

SHORT: Final = 16
"""Characters that a text needs at least to be recognised where it turns up."""

Reason = Literal["too short", "public too", "told aloud", "unknown cast"]
"""Why it cannot be decided whether a text leaked: it is too short to be recognised; it also stands in what the agent
may know; somebody told it to the agent before; or nobody knows any more who was cast with what profile and goal."""

_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that ``agent`` was sent at ``turn`` and may not know: ``what`` that is, and the ``text`` found."""

    agent: str
    turn: int
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A private text that ``agent`` was sent at ``turn``, but that it may have from elsewhere; ``detail`` says whence.

    Where the cast is unknown there is no agent, no turn and no text.
    """

    agent: str
    turn: int
    what: str
    text: str
    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class Audit:
    """What was found in one episode. ``texts`` counts the private texts that were looked for, agent by agent."""

    episode: str
    agents: tuple[str, ...]
    texts: int = 0
    leaks: tuple[Leak, ...] = ()
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class _Private:
    """A text that somebody may not know, and its parts, by which it is recognised: itself, its lines, its sentences."""

    what: str
    parts: tuple[str, ...]


@dataclass
class _Found:
    leaks: dict[tuple[str, str], Leak] = field(default_factory=dict)
    doubts: dict[tuple[str, str], Doubt] = field(default_factory=dict)

    def leak(self, leak: Leak) -> None:
        """Remember the first leak of a thing to an agent; it settles what was in doubt."""
        self.leaks.setdefault((leak.agent, leak.what), leak)

    def doubt(self, doubt: Doubt) -> None:
        """Remember the first doubt about a thing."""
        self.doubts.setdefault((doubt.agent, doubt.what), doubt)


def audit(episode: EpisodeLog, combo: Combo | None = None) -> Audit:
    """Look through all that each agent of an episode was sent.

    ``combo`` is the cast to go by where the episode keeps none, as imported ones do. Without any, or with one of other
    names, only messages to others can be looked for, and the rest is in doubt.
    """
    played = episode.combo or combo
    names = cast_of(episode)
    known = played if played is not None and played.names == names else None
    found = _Found()
    if known is None:
        found.doubt(Doubt("", 0, "all profiles and goals", "", "unknown cast"))
    deeds = tuple(_deeds(episode))
    mode = cast(Mode, episode.mode) if episode.mode in get_args(Mode) else "standard"
    texts = 0
    for seat, name in enumerate(names):
        may = None if known is None else background_for(known, seat, mode)
        _compare_parts(episode, name, may, deeds, found)
        private = [*(() if known is None or may is None else _of_cast(known, seat, may)), *_of_deeds(deeds, name)]
        texts += len(private)
        _look_for(private, episode, name, may, deeds, found)
    doubts = tuple(doubt for key, doubt in found.doubts.items() if key not in found.leaks)
    return Audit(episode.pk, names, texts, tuple(found.leaks.values()), doubts)


def _deeds(episode: EpisodeLog) -> Iterator[Event]:
    """Yield what was done; what imported logs tell of it are texts, private where they name a receiver."""
    if episode.verbatim_messages is None:
        yield from episode.events
        return
    nothing = NO_ACTION.to_natural_language()
    for turn, messages in enumerate(episode.verbatim_messages):
        for sender, receiver, text in messages:
            if sender != ENVIRONMENT and text != nothing:
                to = () if receiver == ENVIRONMENT else (receiver,)
                action = AgentAction(action_type="speak", argument=text, to=to)
                yield Event(turn=turn, sender=sender, action=action)


# Part by part: a field, a goal or an event that stands in an observation, and may not.


def _compare_parts(
    episode: EpisodeLog, name: str, may: Background | None, deeds: Sequence[Event], found: _Found
) -> None:
    for turn in episode.turns:
        observation = turn.observations.get(name)
        if observation is None:
            continue
        if observation.background is not None and may is not None:
            for what, text in _beyond(observation.background, may):
                found.leak(Leak(name, turn.number, what, text))
        known = events_for((event for event in deeds if event.turn == turn.number - 1), name)
        for event in observation.events:
            if event not in known and _is_private_to_others(event, name):
                found.leak(Leak(name, turn.number, _message(event), event.action.argument))


def _beyond(sent: Background, may: Background) -> Iterator[tuple[str, str]]:
    """Yield what a background tells of others beyond what it may: the name of the part, and its text."""
    for other in sent.participants:
        if other.name == sent.viewer or other.name not in may.names:
            continue
        known = may.participant(other.name)
        for key, value in other.profile.items():
            if key not in known.profile:
                yield _of(other.name, key), _as_text(value)
        if other.goal is not None and known.goal is None:
            yield _of(other.name, "goal"), other.goal


# By text: whatever way it went, a private text that stands in something that was sent.


def _of_cast(combo: Combo, seat: int, may: Background) -> Iterator[_Private]:
    """Yield the texts of profiles, goals and scenario that the agent in a seat may not know."""
    everything = background_for_judge(combo)
    for other, owner in enumerate(combo.names):
        known = may.participant(owner)
        for key, value in everything.participant(owner).profile.items():
            if key not in known.profile:
                yield _private(_of(owner, key), _as_text(value))
        goal = apart(combo.environment.agent_goals[other])
        shown = "" if known.goal is None else resolve(goal, seat, owner=other)
        yield from _passages(_of(owner, "goal"), resolve(goal, JUDGE, owner=other), shown)
    scenario = apart(combo.environment.scenario)
    yield from _passages("passages of the scenario for others", resolve(scenario, JUDGE), resolve(scenario, seat))


def _of_deeds(deeds: Sequence[Event], name: str) -> Iterator[_Private]:
    """Yield the words of what was done that an agent may not know."""
    for event in deeds:
        if event.action.argument and _is_private_to_others(event, name):
            yield _private(_message(event), event.action.argument)


def _passages(what: str, whole: str, shown: str) -> Iterator[_Private]:
    """Yield what stands in a text beyond what is shown of it, if anything does."""
    hidden = [line for line in whole.split("\n") if _plain(line) and _plain(line) not in _plain(shown)]
    if hidden:
        yield _private(what, "\n".join(hidden))


def _private(what: str, text: str) -> _Private:
    lines = [line for line in text.split("\n") if line.strip()]
    parts = [text, *lines, *(part for line in lines for part in _SENTENCE.split(line))]
    plain = dict.fromkeys(map(_plain, parts))
    long = tuple(part for part in plain if len(part) >= SHORT)
    return _Private(what, long or (_plain(text),))


def _look_for(
    private: Sequence[_Private],
    episode: EpisodeLog,
    name: str,
    may: Background | None,
    deeds: Sequence[Event],
    found: _Found,
) -> None:
    allowed = "" if may is None else _plain("\n".join(_strings(may.model_dump(mode="json"))))
    told = [
        (event.turn, event.sender, _plain(event.action.argument))
        for event in deeds
        if not _is_private_to_others(event, name)
    ]
    for turn, sent in _sent_to(episode, name):
        for one in private:
            for part in one.parts:
                if not _stands_in(part, sent):
                    continue
                teller = next(
                    ((who, when) for when, who, words in told if when < turn and _stands_in(part, words)), None
                )
                if _stands_in(part, allowed):
                    if len(part) >= SHORT:  # a short one says nothing where it may stand anyway
                        found.doubt(Doubt(name, turn, one.what, part, "public too"))
                elif teller is not None:
                    detail = f"by {teller[0]} at turn {teller[1]}"
                    found.doubt(Doubt(name, turn, one.what, part, "told aloud", detail))
                elif len(part) < SHORT:
                    found.doubt(Doubt(name, turn, one.what, part, "too short"))
                else:
                    found.leak(Leak(name, turn, one.what, part))


def _sent_to(episode: EpisodeLog, name: str) -> Iterator[tuple[int, str]]:
    """Yield turn and text, plain, of everything that an agent was sent: as logs tell it, and as it was kept."""
    for position, messages in enumerate(episode.messages):
        yield from ((position, _plain(text)) for _, receiver, text in messages if receiver == name)
    for turn in episode.turns:
        if name in turn.observations:
            yield turn.number, _plain("\n".join(_strings(turn.observations[name].model_dump(mode="json"))))


def _is_private_to_others(event: Event, name: str) -> bool:
    return bool(event.action.to) and name not in {event.sender, *event.action.to}


def _message(event: Event) -> str:
    return f"what {event.sender} did at turn {event.turn}, to {', '.join(event.action.to)} alone"


def _of(owner: str, part: str) -> str:
    return f"the {part.replace('_', ' ')} of {owner}"


def _as_text(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _strings(value: Any) -> Iterator[str]:
    """Yield every text, and every number as text, that stands anywhere in a JSON value."""
    if isinstance(value, Mapping):
        yield from chain.from_iterable(map(_strings, value.values()))
    elif isinstance(value, list | tuple):
        yield from chain.from_iterable(map(_strings, value))
    elif value is not None:
        yield str(value)


def _plain(text: str) -> str:
    """Return a text without regard to case and to how it is spaced."""
    return " ".join(text.casefold().split())


def _stands_in(part: str, text: str) -> bool:
    """Whether a plain text occurs in another; a short one must be words of its own there."""
    if len(part) >= SHORT or part not in text:
        return bool(part) and part in text
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None
