"""Talk about dividing things: what each is worth to whom, who claims what, and when the claims fit together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from random import Random

from sotopia_models.offline import manners, phrases
from sotopia_models.offline.view import LEAVE, Line, Move, View, pick
from sotopia_models.offline.words import LONGEST

CLAIMS = 4
"""How many claims one agent makes at most before it gives up."""
MOST_BUNDLES = 2000
"""How many ways of taking some of the things are looked at; larger divisions are left to general talk."""

_AMBITION = (0.35, 0.15, 0.0)
"""What is wished for beyond what is needed, as a share of the room above it, by how many claims were made before."""
_NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ONE_TO_TWELVE = "|".join(_NUMERALS[1:])
_COUNTED = re.compile(
    rf"\b([0-9]{{1,2}}|{_ONE_TO_TWELVE}) ((?:[a-z][a-z'-]{{1,20}} ){{0,3}}?[a-z][a-z'-]{{1,20}})"
    r"(?=[,.;]|$| and | to | left\b| in total\b| they\b| for\b)",
    re.IGNORECASE,
)
_POINTS = re.compile(r"\b([0-9]{1,3}) points?\b", re.IGNORECASE)
_NEEDED = re.compile(r"\bat least ([0-9]{1,3}) points?\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(r"\b(?:I|mine|me)\b([^.;?!\n]*)")
_SECOND_PERSON = re.compile(
    r"\b(?:you|yours?|the (?:rest|others)|leav(?:e|ing)|everything|that is all)\b", re.IGNORECASE
)

Bundle = tuple[int, ...]
"""How many of each kind of thing, in the order of ``Division.things``."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One kind of thing to divide: its name in singular, the word that tells it apart, how many there are."""

    name: str
    key: str
    count: int

    def show(self, number: int) -> str:
        """Write some of these in words."""
        if number == self.count == 1:
            return f"the {self.name}"
        if number == self.count == 2:
            return f"both {_plural(self.name)}"
        if number == self.count:
            return f"all {_numeral(number)} {_plural(self.name)}"
        return f"{_numeral(number)} {self.name if number == 1 else _plural(self.name)}"


@dataclass(frozen=True, slots=True)
class Division:
    """A goal about dividing things, from one side: ``values`` in points for one of each, ``needed`` in all."""

    things: tuple[Thing, ...]
    values: Bundle
    needed: int

    @property
    def counts(self) -> Bundle:
        """How many there are of each."""
        return tuple(thing.count for thing in self.things)

    @property
    def total(self) -> int:
        """What everything together is worth to this side."""
        return self.points(self.counts)

    def points(self, bundle: Bundle) -> int:
        """What a bundle is worth to this side."""
        return sum(number * value for number, value in zip(bundle, self.values, strict=True))

    def show(self, bundle: Bundle) -> str:
        """Write a bundle in words; "nothing" for an empty one."""
        parts = [thing.show(number) for thing, number in zip(self.things, bundle, strict=True) if number]
        return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0] if parts else "nothing"


@lru_cache(maxsize=512)
def find(goal: str, scenario: str) -> Division | None:
    """Read a division off a goal: things counted in the scenario that the goal says the points of.

    Without "at least N points", half of all points, rounded up, are needed.
    """
    counted = [_thing(number, phrase) for number, phrase in _COUNTED.findall(scenario)]
    patterns = [(thing, re.compile(rf"\b{re.escape(thing.key)}(?:e?s)?\b", re.IGNORECASE)) for thing in counted]
    worth: dict[Thing, int] = {}
    start = 0
    for match in _POINTS.finditer(goal):
        before = goal[start : match.start()]
        start = match.end()
        named = [(found[-1].start(), thing) for thing, one in patterns if (found := list(one.finditer(before)))]
        if named:
            worth.setdefault(max(named, key=lambda pair: pair[0])[1], int(match[1]))
    things = tuple(thing for thing in dict.fromkeys(counted) if thing in worth)
    ways = 1
    for thing in things:
        ways *= thing.count + 1
    if len(things) < 2 or ways > MOST_BUNDLES:
        return None
    values = tuple(worth[thing] for thing in things)
    total = sum(thing.count * value for thing, value in zip(things, values, strict=True))
    stated = _NEEDED.search(goal)
    return Division(things=things, values=values, needed=int(stated[1]) if stated else (total + 1) // 2)


def _thing(number: str, phrase: str) -> Thing:
    head, of, stuff = phrase.lower().partition(" of ")
    name = _singular(head) + (of + stuff.rsplit(" ", 1)[-1] if of else "")
    count = int(number) if number.isdecimal() else _NUMERALS.index(number.lower())
    return Thing(name=name, key=_singular(head).rsplit(" ", 1)[-1], count=count)


def _singular(noun: str) -> str:
    if noun.endswith(("xes", "ches", "shes", "sses")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def _plural(noun: str) -> str:
    head, of, stuff = noun.partition(" of ")
    return head + ("es" if head.endswith(("x", "ch", "sh", "ss")) else "s") + of + stuff


def _numeral(number: int) -> str:
    return _NUMERALS[number] if number < len(_NUMERALS) else str(number)


def claim(text: str, things: tuple[Thing, ...]) -> Bundle | None:
    """Read what a speaker claims: the things named after "I", up to "you" or the end of the sentence."""
    return _claim(text[:LONGEST], things)


@lru_cache(maxsize=4096)
def _claim(text: str, things: tuple[Thing, ...]) -> Bundle | None:
    for part in _FIRST_PERSON.findall(text):
        wanted = _SECOND_PERSON.split(part, maxsplit=1)[0]
        bundle = tuple(_how_many(wanted, thing) for thing in things)
        if any(bundle):
            return bundle
    return None


@lru_cache(maxsize=256)
def _amounts(key: str) -> re.Pattern[str]:
    words = r"(?:(?!and\b)[a-z'-]{1,20} ){0,2}?"
    return re.compile(
        rf"\b(?:(?:the |all (?:the )?)?([0-9]{{1,2}}|{_ONE_TO_TWELVE})|(all(?: of)?(?: the)?|both(?: the)?)|(the|an?)) "
        rf"{words}{re.escape(key)}(e?s)?\b",
        re.IGNORECASE,
    )


def _how_many(text: str, thing: Thing) -> int:
    found = _amounts(thing.key).search(text)
    if found is None:
        return 0
    number, all_of, article, plural = found.groups()
    if number is not None:
        count = int(number) if number.isdecimal() else _NUMERALS.index(number.lower())
    else:
        count = thing.count if all_of or (plural and article) else 1
    return min(count, thing.count)


@dataclass(frozen=True, slots=True)
class Shares:
    """Who claims what now, who claimed what before, and the ``voices`` that agreed to claims that fit together."""

    claims: dict[str, Bundle]
    history: tuple[tuple[str, Bundle], ...]
    voices: frozenset[str]

    @property
    def settled(self) -> bool:
        """Whether the claims fit together and somebody has agreed to them."""
        return bool(self.voices)

    def unclaimed(self, name: str, counts: Bundle) -> Bundle:
        """Return what the others' claims leave for one; below 0 where they claim more than there is."""
        others = [bundle for other, bundle in self.claims.items() if other != name]
        return tuple(count - sum(bundle[place] for bundle in others) for place, count in enumerate(counts))


def shares(lines: Iterable[Line], things: tuple[Thing, ...], names: tuple[str, ...]) -> Shares:
    """Follow the claims. Of two, one who agrees without a claim takes what the other's claim leaves."""
    counts = tuple(thing.count for thing in things)
    claims: dict[str, Bundle] = {}
    history: list[tuple[str, Bundle]] = []
    voices: frozenset[str] = frozenset()
    for line in lines:
        if line.kind != "speak":
            continue
        own = claim(line.text, things)
        accepts = line.reading.accepts
        if own is None and accepts and len(names) == 2 and claims:
            other = next(name for name in names if name != line.sender) if line.sender in names else None
            if other in claims:
                own = _minus(counts, claims[other])
        if own is not None and own != claims.get(line.sender):
            claims[line.sender] = own
            history.append((line.sender, own))
            voices = frozenset()
        if accepts and _fits(claims, counts) and len(claims) == len(names):
            voices |= {line.sender}
    return Shares(claims, tuple(history), voices)


def _fits(claims: dict[str, Bundle], counts: Bundle) -> bool:
    return all(sum(bundle[place] for bundle in claims.values()) <= count for place, count in enumerate(counts))


def act(view: View, division: Division, random: Random) -> Move:
    """Decide the next move of somebody who divides things with others."""
    so_far = shares(view.lines, division.things, view.names)
    if so_far.settled and view.others:
        return _close(view, division, so_far, random)
    if (move := manners.nothing_left(view)) is not None:
        return move
    if not view.own and not manners.hurried(view):
        return manners.greet(view)
    made = sum(claim(line.text, division.things) is not None for line in view.own)
    wish = division.needed + (division.total - division.needed) * _AMBITION[min(made, len(_AMBITION) - 1)]
    left = so_far.unclaimed(view.me, division.counts)
    everybody = all(name in so_far.claims for name in view.names if name != view.me)
    if everybody and min(left) >= 0:
        enough = division.points(left) >= (wish if made < 2 else division.needed)
        if enough and len(view.names) > 2 and made and _covers(left, so_far.claims[view.me]):
            left = so_far.claims[view.me]
        if enough:
            return _say(division, left, len(view.names), phrases.ACCEPTS_SHARES)
    if made >= CLAIMS or len(view.own) >= view.patience - 1:
        return manners.part(view, phrases.PARTING_NO_DEAL)
    bundle = _wanted(division, wish, so_far, view.me, random)
    return _say(division, bundle, len(view.names), phrases.CLAIMS_ANEW if made else phrases.CLAIMS)


def _covers(left: Bundle, bundle: Bundle) -> bool:
    return all(number <= room for number, room in zip(bundle, left, strict=True))


def _wanted(division: Division, wish: float, so_far: Shares, me: str, random: Random) -> Bundle:
    """Choose a bundle that is worth the wish, takes little of what others claim, and is small.

    With one other, all that it ever claimed counts: what it was content with before, it may take again.
    """
    good = [b for b in _bundles(division.counts) if division.points(b) >= wish and b != so_far.claims.get(me)]
    rooms = [so_far.unclaimed(me, division.counts)]
    if len(so_far.claims.keys() - {me}) == 1:
        rooms = [_minus(division.counts, bundle) for name, bundle in so_far.history if name != me]

    def cost(bundle: Bundle) -> tuple[int, int, int]:
        return (min(_excess(bundle, room) for room in rooms), sum(bundle), division.points(bundle))

    best = min(map(cost, good), default=None)
    fitting = [bundle for bundle in good if cost(bundle) == best]
    return fitting[pick(random, len(fitting))] if fitting else division.counts


def _excess(bundle: Bundle, room: Bundle) -> int:
    return sum(max(0, number - max(0, free)) for number, free in zip(bundle, room, strict=True))


def _minus(counts: Bundle, bundle: Bundle) -> Bundle:
    return tuple(count - number for count, number in zip(counts, bundle, strict=True))


@lru_cache(maxsize=64)
def _bundles(counts: Bundle) -> tuple[Bundle, ...]:
    return tuple(product(*(range(count + 1) for count in counts)))


def _say(division: Division, mine: Bundle, seats: int, stock: phrases.Stock) -> Move:
    rest = _minus(division.counts, mine)
    if not any(rest):
        theirs = phrases.REST_IS_NOTHING
    elif seats == 2:
        theirs = phrases.REST_IS_YOURS.format(rest=division.show(rest))
    else:
        theirs = phrases.REST_IS_SHARED
    return Move(stock, {"mine": division.show(mine), "rest": theirs})


def _close(view: View, division: Division, so_far: Shares, random: Random) -> Move:
    if view.me not in so_far.voices:
        if division.points(so_far.claims[view.me]) * 2 < division.needed:
            return manners.part(view, phrases.PARTING_NO_DEAL)
        return Move(phrases.CONFIRMS_SHARES)
    done = view.own[-1].kind == "action" or len(so_far.voices) < len(view.names) or len(view.own) >= view.patience
    if done or random.random() < 0.4:
        return LEAVE
    return Move(phrases.TAKES_SHARE, {"mine": division.show(so_far.claims[view.me])}, kind="action")
