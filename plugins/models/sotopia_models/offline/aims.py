"""Talk about any other wish: each says what it would like, and they give and take until somebody agrees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from sotopia_models.offline import first_person, manners, phrases
from sotopia_models.offline.reading import SILENCE
from sotopia_models.offline.view import LEAVE, Line, Move, View
from sotopia_models.offline.words import given_away

_EVERYDAY = re.compile(
    r"\b(?:you this week|your day|and yours|busy|been up to|about yourself|a story|nearest)\b", re.IGNORECASE
)
_THEMES = (
    ("giving", re.compile(r"donat|charit|fund|plaque|bills", re.IGNORECASE)),
    ("amends", re.compile(r"apolog|confess|misunderst|mistake|interrupt|hurt|insult|forgive|lost", re.IGNORECASE)),
    ("quiet", re.compile(r"nois|loud|loom|quiet|softly|trimming", re.IGNORECASE)),
    ("choice", re.compile(r"movie|film|music|listen|game|drive|driving|turns|sundays|chore", re.IGNORECASE)),
    ("help", re.compile(r"help|mend|repair|medical|promise to|put (?:your|their) name", re.IGNORECASE)),
    ("closeness", re.compile(r"romantic|\bdate\b|friendship|relationship", re.IGNORECASE)),
)


@lru_cache(maxsize=512)
def theme(scenario: str, aim: str) -> str:
    """Return what kind of compromise fits: a key of ``COMPROMISES``."""
    for name, pattern in _THEMES:
        if pattern.search(aim) or pattern.search(scenario):
            return name
    return "any"


@dataclass(frozen=True, slots=True)
class Pact:
    """The last proposal: who made it, and who has agreed to it since. The proposer counts once somebody else did."""

    proposer: str | None
    voices: frozenset[str]


def pact(lines: Iterable[Line]) -> Pact:
    """Follow proposals, consent and refusals."""
    proposer: str | None = None
    voices: frozenset[str] = frozenset()
    for line in lines:
        read = line.reading
        if read.parts:
            continue
        if read.accepts:
            if proposer is not None and (line.sender != proposer or voices):
                voices |= {line.sender}
        elif read.proposes or read.requests:
            proposer, voices = line.sender, frozenset()
        elif read.declines:
            voices = frozenset()
    return Pact(proposer, voices)


def act(view: View, random: Random) -> Move:
    """Decide the next move of somebody with a wish."""
    stands = pact(view.lines)
    if view.others and not view.parted and len(stands.voices) * 2 >= len(view.names) and len(view.own) > 1:
        return _close(view, stands)
    if (move := manners.nothing_left(view)) is not None:
        return move
    done = len(view.own)
    aim = first_person.aim(view.goal, len(view.names))
    if aim is not None and given_away(view.secret, (aim,)):
        aim = None
    if done == 0 and not manners.hurried(view):
        return manners.greet(view)
    if done >= view.patience - 1:
        return manners.part(view, phrases.PARTING_OPEN)
    if done == (0 if manners.hurried(view) else 1):
        return _open_up(view, aim)
    return _give_and_take(view, stands, aim, random)


def _open_up(view: View, aim: str | None) -> Move:
    lead = manners.greet_all(view) if not view.own else ()
    greetings = 0 if manners.hurried(view) else 1
    heard = [line for line in view.lines if line.kind == "speak" and line.sender != view.me]
    opened = {name for name in view.names if sum(line.sender == name for line in heard) > greetings}
    small = not opened or _EVERYDAY.search(heard[-1].text) is not None
    if aim is None:
        listening = phrases.SMALL_ANSWERS if small else phrases.LISTENS
        return Move(listening if opened else phrases.KEEPS_AIM_TO_ITSELF, lead=lead)
    stock = phrases.STATES_AIM if small else phrases.STATES_AIM_TOO
    return Move(phrases.SHARES_AIM if aim in view.said else stock, {"aim": aim}, lead=lead)


def _give_and_take(view: View, stands: Pact, aim: str | None, random: Random) -> Move:
    heard = [line for line in view.news if line.kind == "speak"]
    last = heard[-1].reading if heard else SILENCE
    chance = random.random()
    offers = [line.reading for line in heard if line.sender == stands.proposer]
    if any(one.proposes or (one.requests and len(view.own) > 2) for one in offers):
        if chance < 0.2 + 0.15 * len(view.own):
            return Move(phrases.ACCEPTS_PLAN)
        return Move(phrases.DECLINES_PLAN) if aim is None else _propose(view, aim, phrases.DECLINES_PLAN)
    if last.asks:
        answers = phrases.SMALL_ANSWERS if _EVERYDAY.search(heard[-1].text) else phrases.ANSWERS
        return Move(answers) if len(view.own) < 3 or chance < 0.3 else _propose(view, aim, answers)
    if view.own[-1].kind == "speak" and chance < 0.15:
        return Move(phrases.GESTURES, kind="non-verbal communication")
    if aim is None:
        return Move(phrases.SMALL_TALK, lead=phrases.NODS if chance > 0.6 else ())
    asked = any(line.reading.asks and not line.reading.proposes for line in view.own)
    if asked or chance > 0.6:
        return _propose(view, aim, phrases.REFLECTIONS if chance > 0.4 else ())
    return Move(phrases.QUESTIONS, lead=phrases.REFLECTIONS if chance > 0.3 else ())


def _propose(view: View, aim: str | None, lead: phrases.Stock) -> Move:
    if aim is None:
        return Move(phrases.SMALL_TALK, lead=lead)
    return Move(phrases.COMPROMISES[theme(view.scenario, aim)], lead=lead)


def _close(view: View, stands: Pact) -> Move:
    if view.me in stands.voices:
        return LEAVE if view.others_parted else Move(phrases.PARTING_SETTLED)
    return Move(phrases.CONFIRMS_PLAN)
