"""Talk in search of a time at which all are free: who is free when, what was offered, what all agreed on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from sotopia_models.offline import manners, phrases
from sotopia_models.offline.view import LEAVE, Line, Move, View, pick

_FREE = re.compile(r"\byou are free (?:only )?on ([^.;\n]{5,400})", re.IGNORECASE)
_TIME = re.compile(
    r"\b((?:mon|tues|wednes|thurs|fri|satur|sun)day)(?: (morning|afternoon|evening|night))?\b", re.IGNORECASE
)


@lru_cache(maxsize=512)
def find(goal: str) -> tuple[str, ...]:
    """Read off a goal when one is free: the days named after "you are free on", two at least."""
    found = _FREE.search(goal)
    times = named(found[1]) if found else ()
    return times if len(times) > 1 else ()


@lru_cache(maxsize=4096)
def named(text: str) -> tuple[str, ...]:
    """Return the times that a text names, in order: ``("Tuesday evening", "Friday")``."""
    return tuple(dict.fromkeys(f"{day.capitalize()} {part.lower()}".strip() for day, part in _TIME.findall(text)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What was said about times: the one on the table, who agreed to it, and those that somebody cannot make."""

    table: str | None
    voices: frozenset[str]
    refused: frozenset[str]


def plan(lines: Iterable[Line]) -> Plan:
    """Follow the talk: the last time named is on the table, one named before another is turned down by its speaker."""
    table: str | None = None
    voices: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    for line in lines:
        if line.kind != "speak":
            continue
        times = named(line.text)
        if times and times[-1] != table:
            table, voices = times[-1], frozenset()
        if len(times) > 1:
            refused |= set(times[:-1])
        if table is not None and (times or line.reading.accepts):
            voices |= {line.sender}
    return Plan(table, voices, refused)


def act(view: View, free: tuple[str, ...], random: Random) -> Move:
    """Decide the next move of somebody who has to find a time with the others."""
    so_far = plan(view.lines)
    if view.others and so_far.table in free and so_far.voices >= set(view.names):
        confirmed = any(line.reading.accepts and so_far.table in named(line.text) for line in view.own)
        return LEAVE if confirmed else Move(phrases.CONFIRMS_TIME, {"time": so_far.table})
    if (move := manners.nothing_left(view)) is not None:
        return move
    if not view.own and not manners.hurried(view):
        return manners.greet(view)
    if so_far.table in free and view.me not in so_far.voices:
        return Move(phrases.ACCEPTS_TIME, {"time": so_far.table})
    open_times = [time for time in free if time not in so_far.refused and time not in view.said]
    if so_far.table is None and open_times:
        return Move(phrases.OFFERS_TIME, {"time": open_times[pick(random, len(open_times))]})
    if so_far.table is not None and so_far.table not in free:
        if open_times:
            facts = {"time": open_times[pick(random, len(open_times))], "theirs": so_far.table}
            return Move(phrases.OFFERS_OTHER_TIME, facts)
        return manners.part(view, phrases.NO_TIME)
    return manners.part(view, phrases.PARTING_OPEN) if len(view.own) >= view.patience - 1 else Move(phrases.QUESTIONS)
