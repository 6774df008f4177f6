"""Whom a scenario admits to its seats: its age, occupation and agent constraints, read from every form that files have.

A constraint is a list with an entry for each seat, or the text of such a list, in which words need no quotation marks:
``[actor, actor]``. An entry of ages is a pair of years; an entry of occupations, or of agents by name or primary key,
is one of them or a list of which any will do. Case and spacing of words do not matter. ``nan``, ``none``, ``null``, an
empty text, an empty list and JSON's null mean that there is no constraint; in the place of an entry, none for that
seat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sotopia_core.profiles import AgentProfile, EnvironmentProfile
from sotopia_core.wording import shown

T = TypeVar("T")

Constraint = str | list[Any] | None
"""A constraint as it is found."""

_NOTHING: Final = frozenset({"", "nan", "none", "null"})
_CLOSING: Final = {"[": "]", "(": ")"}
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>[\[\](),])
          |(?P<quote>['"])(?P<quoted>(?:(?!(?P=quote))[^\\]|\\.)*)(?P=quote)(?=\s*(?:[\]),]|\Z))
          |(?P<bare>[^\s\[\](),][^\[\](),]*))""",
    re.VERBOSE | re.DOTALL,
)
_YEARS = re.compile(r"(\d{1,3})(?:\.0+)?")


@dataclass(frozen=True, slots=True)
class AgeRange:
    """Ages in years, both ends included."""

    low: int
    high: int

    def __contains__(self, age: int) -> bool:
        return self.low <= age <= self.high


@dataclass(frozen=True, slots=True)
class SeatConstraint:
    """Whom one seat admits; None stands for anybody."""

    ages: AgeRange | None = None
    occupations: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None

    def admits(self, agent: AgentProfile) -> bool:
        """Whether a character may take the seat. One whose age is unknown fits no range of ages."""
        if self.ages is not None and (agent.age is None or agent.age not in self.ages):
            return False
        if self.occupations is not None and not _is_among((agent.occupation,), self.occupations):
            return False
        return self.agents is None or _is_among((agent.name, agent.pk), self.agents)

    def __str__(self) -> str:
        """Say what is asked for: ``age 18 to 25, occupation 'chef' or 'waiter'``; ``anybody`` where nothing is."""
        asked = []
        if self.ages is not None:
            asked.append(f"age {self.ages.low} to {self.ages.high}")
        if self.occupations is not None:
            asked.append(f"occupation {' or '.join(map(shown, self.occupations))}")
        if self.agents is not None:
            asked.append(f"agent {' or '.join(map(shown, self.agents))}")
        return ", ".join(asked) or "anybody"


def parse_constraints(environment: EnvironmentProfile) -> tuple[SeatConstraint, ...]:
    """Return whom each seat of a scenario admits, goal by goal. ``ValueError`` names the field at fault."""
    seats = len(environment.agent_goals)
    ages = _field(parse_ages, environment, "age_constraint", seats)
    occupations = _field(parse_occupations, environment, "occupation_constraint", seats)
    agents = _field(parse_agents, environment, "agent_constraint", seats)
    return tuple(map(SeatConstraint, ages, occupations, agents))


def parse_ages(found: Constraint, seats: int) -> tuple[AgeRange | None, ...]:
    """Read an ``age_constraint`` such as ``"[(18, 70), (18, 70)]"``: a range for each seat, None where there is none.

    ``ValueError`` says why what was found is no such constraint.
    """
    return _by_seat(found, seats, _age_range)


def parse_occupations(found: Constraint, seats: int) -> tuple[tuple[str, ...] | None, ...]:
    """Read an ``occupation_constraint`` such as ``"[actor, [chef, waiter]]"``: for each seat what will do.

    None stands for a seat without one. ``ValueError`` says why what was found is no such constraint.
    """
    return _by_seat(found, seats, lambda entry: _alternatives(entry, "an occupation"))


def parse_agents(found: Constraint, seats: int) -> tuple[tuple[str, ...] | None, ...]:
    """Read an ``agent_constraint``: for each seat the names or primary keys of those of whom any will do.

    None stands for a seat without one. ``ValueError`` says why what was found is no such constraint.
    """
    return _by_seat(found, seats, lambda entry: _alternatives(entry, "the name or the pk of an agent"))


def _field(parse: Callable[[Constraint, int], T], environment: EnvironmentProfile, name: str, seats: int) -> T:
    try:
        return parse(getattr(environment, name), seats)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _by_seat(found: Constraint, seats: int, parse: Callable[[object], T]) -> tuple[T | None, ...]:
    """Read the entries of a constraint one by one, each of which may be missing."""
    value = _read(found) if isinstance(found, str) else found
    if _is_nothing(value) or value == []:
        return (None,) * seats
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list with an entry for each seat, found {shown(found)}")
    if len(value) != seats:
        raise ValueError(f"expected an entry for each of the {seats} seats, found {len(value)} in {shown(found)}")
    entries: list[T | None] = []
    for seat, entry in enumerate(value):
        try:
            entries.append(None if _is_nothing(entry) else parse(entry))
        except ValueError as error:
            raise ValueError(f"seat {seat}: {error}") from None
    return tuple(entries)


def _age_range(entry: object) -> AgeRange:
    years = [_years(item) for item in entry] if isinstance(entry, list | tuple) else []
    match years:
        case [int(low), int(high)] if low <= high:
            return AgeRange(low, high)
        case [int(low), int(high)]:
            raise ValueError(f"nobody is from {low} to {high} years old; write the lower age first")
        case _:
            raise ValueError(f"expected two ages in years, such as (18, 70), found {shown(entry)}")


def _years(item: object) -> int | None:
    """Return a number of years; None for what is none. Texts of lists hold them as words."""
    found = _YEARS.fullmatch(str(item)) if isinstance(item, str | int | float) else None
    return int(found[1]) if found else None


def _alternatives(entry: object, what: str) -> tuple[str, ...]:
    words = entry if isinstance(entry, list | tuple) else [entry]
    if not words:
        raise ValueError("an empty list admits nobody; write null where anybody will do")
    if all(isinstance(word, str) and word.strip() for word in words):
        return tuple(words)
    raise ValueError(f"expected {what}, or a list of them, found {shown(entry)}")


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NOTHING)


def _is_among(names: Sequence[str], admitted: Sequence[str]) -> bool:
    return not {_plain(name) for name in names}.isdisjoint(map(_plain, admitted))


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())


def _read(text: str) -> object:
    """Read the text of a list into lists of words; one without brackets around it all will do, if some are in it.

    A text that begins with no bracket is a word.
    """
    if not text.lstrip().startswith(tuple(_CLOSING)):
        return text
    top: list[object] = []
    here, around = top, list[tuple[str, list[object]]]()
    complete = False  # whether an entry has just ended, so that only a comma or a bracket may follow
    for sign, word in _tokens(text):
        if sign in _CLOSING.values():
            if not around or around[-1][0] != sign:
                raise ValueError(f"the brackets do not pair up in {shown(text)}")
            here, complete = around.pop()[1], True
        elif (sign == ",") is not complete:
            raise ValueError(f"a comma {'is missing' if complete else 'has nothing before it'} in {shown(text)}")
        elif sign == ",":
            complete = False
        elif sign:
            inner: list[object] = []
            here.append(inner)
            around.append((_CLOSING[sign], here))
            here = inner
        else:
            here.append(word)
            complete = True
    if around:
        raise ValueError(f"the brackets do not pair up in {shown(text)}")
    return top[0] if len(top) == 1 else top


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the signs (brackets, commas) and the words of a list as ``(sign, word)``, one of the two empty."""
    end = 0
    while end < len(text.rstrip()):
        token = _TOKEN.match(text, end)
        assert token is not None  # whatever is no sign and no quotation is a bare word
        end = token.end()
        if token["quote"]:
            yield "", re.sub(r"\\(.)", r"\1", token["quoted"], flags=re.DOTALL)
        else:
            yield token["sign"] or "", (token["bare"] or "").rstrip()
