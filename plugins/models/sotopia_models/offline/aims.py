"""Talk about any other wish: how a goal is put in the first person, and the give and take until somebody agrees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from sotopia_models.offline import manners, phrases
from sotopia_models.offline.reading import SILENCE
from sotopia_models.offline.view import LEAVE, Line, Move, View
from sotopia_models.offline.words import given_away

LONGEST_AIM = 24
"""How many words an aim has at most; what is longer is not put into words."""

_ASIDE = re.compile(r"[(<\[{]|\b(?:extra information|hint) ?:", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_SITUATION = re.compile(
    r"(?:you (?:live|have|had|know|are (?:the|a|an|one|in|at)|were|work|own|just|recently|find)|your)\b", re.IGNORECASE
)
_COVERT = re.compile(
    r"\b(?:secret\w*|anonymous\w*|avoid\w*|hid(?:e|ing)|pretend\w*|lie|lying|cheat\w*|aware|surprise|seduc\w*|flirt\w*|"
    r"injur\w*|harm\w*|kill\w*|steal\w*|revenge|isn't yours|distance from|suspect\w*|affair|"
    r"(?:not|never) (?:let|reveal|tell|show|give away)|without (?:\w+ ){0,3}?"
    r"(?:letting|giving|revealing|telling|asking|knowing|learning))\b",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"(?:your (?:goal|aim|task|objective) is (?:to )?|you(?: are|'re) (?:trying|hoping|looking|here|about) to |"
    r"you (?:should |(?:want|need|wish|hope|intend|plan|would like) to )|(?:try|want|would like) to |to )",
    re.IGNORECASE,
)
_NOT = re.compile(r"(?:you )?(?:don't|do not) (?:want to )?", re.IGNORECASE)
_END = re.compile(
    r"\s*(?:[,;:–—]|\b(?:without (?:\w+ )?\w+ing|while|but|because|although|though|if|since|due to|so that|even|in order|before you)\b)",
    re.IGNORECASE,
)
_NOT_A_VERB = frozenset("the a an your you it there this that these those maximum no some any all one".split())
_NOT_A_GERUND = frozenset("bring sing ring swing cling fling sting string wing".split())
_SOMEBODY = (
    r"(?:friend|partner|room-?mate|neighbou?r(?: above| below)?|acquaintance|colleague|co-actor|"
    r"stranger(?: by the \w+)?|ex-lover|other(?: (?:person|individual|party|one|side|inmate|attendee))?)"
)
_PRONOUNS = re.compile(
    rf"\b(?:(?P<all>both (?:of )?(?:the |your )?(?:friends|others)|everyone else|the others|the other two)|"
    rf"(?P<poss>(?:(?:your|the|their|a) )?(?:current |old |dear |good )?(?<!mutual ){_SOMEBODY}'s)|"
    rf"(?P<other>(?:(?:your|the|their|a) )?(?:current |old |dear |good )?(?<!mutual ){_SOMEBODY})|"
    r"(?P<are>you are|you're)|(?P<were>you were)|(?P<self>yourself)|(?P<mine>yours)|(?P<my>your)|"
    r"(?P<i>you(?= (?:have|had|will|can|could|would|do|did|want|need|must|may|might|know|like|say|drew|think|believe|"
    r"keep|live|own|value|hid)\b))|(?P<me>you)|(?P<their>their)|(?P<them>they|them))\b",
    re.IGNORECASE,
)
_FIRST_PERSON = {"are": "I am", "were": "I was", "self": "myself", "mine": "mine", "my": "my", "i": "I", "me": "me"}
_AGREEMENT = (("you is ", "you are "), ("you has ", "you have "), ("you was ", "you were "), ("you does ", "you do "))
_REQUEST = re.compile(r"(?:get|ask|convince|persuade|encourage) (you(?: all)?) to (.+)", re.IGNORECASE)
_LEFT_OVER = re.compile(
    r"\b(?:friends?|others?|strangers?|he|she|him|his|her|first|second|third|fourth|person|couple)\b|'s you\b",
    re.IGNORECASE,
)

_EVERYDAY = re.compile(
    r"\b(?:this week|your day|and yours|busy|been up to|about yourself|a story|nearest)\b", re.IGNORECASE
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
def find(goal: str, seats: int) -> str | None:
    """Put a goal in the first person: ``"I would like to watch a comedy with you"``, without a full stop.

    The first sentence that says what to do counts, up to its first comma or subordinate clause; what stands in
    brackets is an aside to the player. None where the goal asks for discretion or cannot be put simply.
    """
    aside = _ASIDE.search(goal)
    text = goal[: aside.start()] if aside and aside.start() > 0 else goal
    for sentence in _SENTENCE.split(text[:2000])[:4]:
        sentence = sentence.strip().rstrip(".!")
        if not sentence or _SITUATION.match(sentence) and not _LEAD_IN.match(sentence):
            continue
        return None if _COVERT.search(text) else _first_person(sentence, seats)
    return None


def _first_person(sentence: str, seats: int) -> str | None:
    negated = _NOT.match(sentence)
    lead_in = None if negated else _LEAD_IN.match(sentence)
    start = negated or lead_in
    clause = sentence[start.end() :] if start else sentence
    clause = _END.split(clause, maxsplit=1)[0].strip()
    verb = clause.split(" ", 1)[0].lower()
    if not verb.isascii() or not verb.isalpha() or verb in _NOT_A_VERB:
        return None
    if seats > 2 and _speaks_of_one(clause):
        return None
    kinds = {match.lastgroup for match in _PRONOUNS.finditer(clause)}
    if "them" in kinds and "other" in kinds and re.search(r"\bthem\b", clause, re.IGNORECASE):
        return None
    wish = _PRONOUNS.sub(lambda match: _turned(match, seats), clause[0].lower() + clause[1:])
    for wrong, right in _AGREEMENT:
        wish = wish.replace(wrong, right)
    if not 2 <= len(wish.split()) <= LONGEST_AIM or _LEFT_OVER.search(wish):
        return None
    if negated:
        return f"I would rather not {wish}"
    if verb.endswith("ing") and verb not in _NOT_A_GERUND:
        return f"I have set my mind on {wish}"
    request = _REQUEST.fullmatch(wish)
    return f"I would like {request[1]} to {request[2]}" if request else f"I would like to {wish}"


def _speaks_of_one(clause: str) -> bool:
    return any(match.lastgroup in ("poss", "other", "their", "them") for match in _PRONOUNS.finditer(clause))


def _turned(match: re.Match[str], seats: int) -> str:
    match match.lastgroup:
        case "all":
            return "you all" if seats > 3 else "you both"
        case "poss" | "their":
            return "your" if match.string[match.end() :].strip() else "yours"
        case "other" | "them":
            return "you"
        case kind:
            return _FIRST_PERSON[str(kind)]


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
    aim = find(view.goal, len(view.names))
    if aim is not None and given_away(view.secret, aim):
        aim = None
    if done == 0 and not manners.hurried(view):
        return manners.greet(view)
    if done >= view.patience - 1:
        return manners.part(view, phrases.PARTING_OPEN)
    if done == (0 if manners.hurried(view) else 1):
        return _open_up(view, aim)
    return _give_and_take(view, stands, aim, random)


def _open_up(view: View, aim: str | None) -> Move:
    lead = phrases.GREETING_ALL if not view.own else ()
    greetings = 0 if manners.hurried(view) else 1
    heard = [line.sender for line in view.lines if line.kind == "speak" and line.sender != view.me]
    answering = any(heard.count(name) > greetings for name in view.names)
    if aim is None:
        return Move(phrases.LISTENS if answering else phrases.KEEPS_AIM_TO_ITSELF, lead=lead)
    stock = phrases.STATES_AIM
    if answering:
        stock = phrases.SHARES_AIM if aim in view.said else phrases.STATES_AIM_TOO
    return Move(stock, {"aim": aim, "then_aim": aim}, lead=lead)


def _give_and_take(view: View, stands: Pact, aim: str | None, random: Random) -> Move:
    heard = [line for line in view.news if line.kind == "speak"]
    last = heard[-1].reading if heard else SILENCE
    chance = random.random()
    if (last.proposes or last.requests and len(view.own) > 2) and stands.proposer != view.me:
        if chance < 0.2 + 0.15 * len(view.own):
            return Move(phrases.ACCEPTS_PLAN)
        return _propose(view, aim, phrases.DECLINES_PLAN)
    if last.asks:
        small = aim is None or _EVERYDAY.search(heard[-1].text)
        answers = phrases.SMALL_ANSWERS if small else phrases.ANSWERS
        return Move(answers) if len(view.own) < 3 or chance < 0.3 else _propose(view, aim, answers)
    if view.own[-1].kind == "speak" and chance < 0.15:
        return Move(phrases.GESTURES, kind="non-verbal communication")
    asked = any(line.reading.asks and not line.reading.proposes for line in view.own)
    if asked or aim is None or chance > 0.6:
        return _propose(view, aim, phrases.REFLECTIONS if chance > 0.4 else ())
    return Move(phrases.QUESTIONS, lead=phrases.REFLECTIONS if chance > 0.3 else ())


def _propose(view: View, aim: str | None, lead: phrases.Stock) -> Move:
    if aim is None:
        return Move(phrases.SMALL_TALK, lead=phrases.NODS if lead is phrases.REFLECTIONS else lead)
    return Move(phrases.COMPROMISES[theme(view.scenario, aim)], lead=lead)


def _close(view: View, stands: Pact) -> Move:
    if view.me in stands.voices:
        return LEAVE if view.others_parted else Move(phrases.PARTING_SETTLED)
    return Move(phrases.CONFIRMS_PLAN)
