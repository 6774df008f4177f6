"""What one utterance says, as far as a few visible patterns can tell: sums, offers, consent, refusal, farewell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sotopia_models.offline.words import LONGEST

NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,9})(?:\.[0-9]{1,2})?(?!\.?[0-9A-Za-z%]|,[0-9])"
"""A sum without its currency: up to nine digits, or twelve with commas between thousands; up to two decimals."""
SIGN = r"[$£€]"

_MONEY = re.compile(rf"{SIGN} ?({NUMBER})|(?<![\w.,$£€])({NUMBER}) (?:dollars|bucks|euros|pounds)\b", re.ASCII)
_BARE = re.compile(
    rf"\b(?:for|at|to|offer|take|accept|do|say|pay|about) ({NUMBER})(?=[.,!?;)]|$| (?:for|and|cash|then|instead)\b)",
    re.IGNORECASE | re.ASCII,
)
_SENTENCE = re.compile(r"(?<=[.?!])\s+|\n")
_CLAUSE = re.compile(r"(?<=[.?!;,])\s+|\n|\bbut\b")
_CONDITION = re.compile(r"\b(?:if|unless|until|once)\b", re.IGNORECASE)
_ACCEPTS = re.compile(
    r"\b(?:(?<!good )(?<!great )(?<!big )deal|agreed|accepted|settled|"
    r"i(?:'ll| can| will| do| could| gladly)? (?:agree|accept)\b|count me in|(?:sounds|seems) (?:good|fair|right)|"
    r"fair enough|works for me|suits me|(?:fine|all right) (?:by|with) me|"
    r"i'll take it|you're on|let's do (?:it|that))\b",
    re.IGNORECASE,
)
_DECLINES = re.compile(
    r"\b(?:no deal|not (?:a deal|agreed|settled|for me)|disagree|too (?:high|low|much|little|far)|"
    r"(?:can't|cannot|won't|don't|do not|not|never|couldn't|could not) (?:quite |really |possibly )?"
    r"(?:agree|accept|do (?:it|that)|go along|manage|promise|see my way)|no, thank)\b",
    re.IGNORECASE,
)
_PARTS = re.compile(
    r"\b(?:no deal|walk away|leave it (?:there|at that)|good ?bye|farewell|take care|all the best|good night(?!'s)|"
    r"(?<!to )(?<!how )see you|until next time|safe journey)\b",
    re.IGNORECASE,
)
_PROPOSES = re.compile(
    r"\b(?:suppose|what if|how about|what about|could (?:we|you)|can (?:we|you)|shall we|would you(?! like)|why don't|"
    r"let(?: us|'s)(?! (?:say|leave|simply)))\b",
    re.IGNORECASE,
)
_REQUESTS = re.compile(r"\bi(?:'d| would) like you to\b|\bi want you to\b|\bplease\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """One utterance, understood: ``amount`` is the last sum of money it names without turning it down."""

    amount: float | None
    accepts: bool
    declines: bool
    parts: bool
    proposes: bool
    requests: bool
    asks: bool


SILENCE = Reading(amount=None, accepts=False, declines=False, parts=False, proposes=False, requests=False, asks=False)


def money(text: str) -> list[float]:
    """Return the sums of money that stand in a text with a currency, in order."""
    return [_number(one or other) for one, other in _MONEY.findall(text)]


def _number(digits: str) -> float:
    return float(digits.replace(",", ""))


def read(text: str) -> Reading:
    """Read an utterance, up to its first ``LONGEST`` characters."""
    return _read(text[:LONGEST])


@lru_cache(maxsize=4096)
def _read(text: str) -> Reading:
    plain = text.replace("’", "'")
    offered = "\n".join(clause for clause in _CLAUSE.split(plain) if not _DECLINES.search(clause))
    sums = money(offered) or [_number(digits) for digits in _BARE.findall(offered)]
    sentences = [sentence for sentence in _SENTENCE.split(plain) if sentence]
    return Reading(
        amount=sums[-1] if sums else None,
        accepts=any(_consents(sentence) for sentence in sentences),
        declines=_DECLINES.search(plain) is not None,
        parts=_PARTS.search(plain) is not None,
        proposes=_PROPOSES.search(plain) is not None,
        requests=_REQUESTS.search(plain) is not None,
        asks=bool(sentences) and sentences[-1].rstrip().endswith("?"),
    )


def _consents(sentence: str) -> bool:
    return (
        _ACCEPTS.search(sentence) is not None
        and not sentence.rstrip().endswith("?")
        and _CONDITION.search(sentence) is None
        and _DECLINES.search(sentence) is None
    )
