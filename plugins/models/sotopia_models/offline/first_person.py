"""How a goal, which addresses the player as "you", is put in the first person."""

from __future__ import annotations

import re
from functools import lru_cache

from sotopia_models.offline.words import LONGEST

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
    r"\s*(?:[,;:–—]|\b(?:without (?:\w+ )?\w+ing|while|but|because|although|though|if|since|"
    r"due to|so that|even|in order|before you)\b)",
    re.IGNORECASE,
)
_NOT_A_VERB = (
    "the",
    "a",
    "an",
    "your",
    "you",
    "it",
    "there",
    "this",
    "that",
    "these",
    "those",
    "no",
    "some",
    "any",
    "all",
    "one",
)
_NOT_A_GERUND = ("bring", "sing", "ring", "swing", "cling", "fling", "sting", "wing")
_SOMEBODY = (
    r"(?:friend|partner|room-?mate|neighbou?r(?: above| below)?|acquaintance|colleague|co-actor|"
    r"stranger(?: by the \w+)?|ex-lover|other(?: (?:person|individual|party|one|side|inmate|attendee))?)"
)
_PRONOUNS = re.compile(
    rf"\b(?:(?P<all>(?:(?:both|all) )?(?:of )?(?:the |your )?(?:friends|others)|everyone else|the other two)|"
    rf"(?P<poss>(?:(?:your|the|their|a) )?(?:current |old |dear |good )?(?<!mutual ){_SOMEBODY}'s)|"
    rf"(?P<other>(?:(?:your|the|their|a) )?(?:current |old |dear |good )?(?<!mutual ){_SOMEBODY})|"
    r"(?P<are>you are|you're)|(?P<were>you were)|(?P<self>yourself)|(?P<mine>yours)|(?P<my>your)|"
    r"(?P<i>you(?= (?:have|had|will|can|could|would|do|did|want|need|must|may|might|know|like|say|drew|think|believe|"
    r"keep|live|own|value|hid)\b))|(?P<me>you)|(?P<their>their)|(?P<them>they|them))\b",
    re.IGNORECASE,
)
_FIRST_PERSON = {"are": "I am", "were": "I was", "self": "myself", "mine": "mine", "my": "my", "i": "I", "me": "me"}
_THIRD_PERSON = re.compile(r"\byou (is|has|was|does)\b")
_SECOND_PERSON = {"is": "you are", "has": "you have", "was": "you were", "does": "you do"}
_REQUEST = re.compile(r"(?:get|ask|convince|persuade|encourage) (you(?: all| both)?) to (.+)", re.IGNORECASE)
_LEFT_OVER = re.compile(
    r"\b(?:friends?|others?|strangers?|he|she|him|his|her|first|second|third|fourth|person|couple)\b|'s you\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=512)
def aim(goal: str, seats: int) -> str | None:
    """Put a goal in the first person: ``"I would like to watch a comedy with you"``, without a full stop.

    The first sentence that says what to do counts, up to its first comma or subordinate clause; what stands in
    brackets is an aside to the player. None where the goal asks for discretion or cannot be put simply.
    """
    aside = _ASIDE.search(goal)
    text = goal[: aside.start()] if aside and aside.start() > 0 else goal
    for part in _SENTENCE.split(text[:LONGEST])[:4]:
        sentence = part.strip().rstrip(".!")
        if not sentence or (_SITUATION.match(sentence) and not _LEAD_IN.match(sentence)):
            continue
        return None if _COVERT.search(sentence) else _first_person(sentence, seats)
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
    if _unclear(clause, seats):
        return None
    wish = _PRONOUNS.sub(lambda match: _turned(match, seats), clause[0].lower() + clause[1:])
    wish = _THIRD_PERSON.sub(lambda match: _SECOND_PERSON[match[1]], wish)
    if not 2 <= len(wish.split()) <= LONGEST_AIM or _LEFT_OVER.search(wish):
        return None
    if negated:
        return f"I would rather not {wish}"
    if verb.endswith("ing") and verb not in _NOT_A_GERUND:
        return f"I have set my mind on {wish}"
    request = _REQUEST.fullmatch(wish)
    return f"I would like {request[1]} to {request[2]}" if request else f"I would like to {wish}"


def _unclear(clause: str, seats: int) -> bool:
    """Whether it is open who is meant: one of several, several of two, or a "them" that may be things."""
    kinds = {match.lastgroup for match in _PRONOUNS.finditer(clause)}
    if seats == 2:
        return "all" in kinds or ("other" in kinds and re.search(r"\bthem\b", clause, re.IGNORECASE) is not None)
    return bool(kinds & {"poss", "other"}) or (bool(kinds & {"their", "them"}) and "all" not in kinds)


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
