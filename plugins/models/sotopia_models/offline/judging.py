"""Judging by rules that anybody can check: each score comes with the rule that gave it and what was seen."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from sotopia_core.errors import ModelError
from sotopia_core.messages import Background, Participant
from sotopia_core.models import Scene
from sotopia_models.offline import price, shares, times
from sotopia_models.offline.view import Line
from sotopia_models.offline.words import content_words, given_away, tells

_POLITE = re.compile(r"\b(?:thank(?:s| you)|please|sorry|glad|pleasure|welcome|appreciate)\b", re.IGNORECASE)
_INSULT = re.compile(
    r"\b(?:idiot|stupid|moron|fool|liar|loser|shut up|hate you|kill you|hurt you|damn you|pathetic|disgusting)\b",
    re.IGNORECASE,
)
_SHOUT = re.compile(r"\b[A-Z]{4,}\b[^a-z]{1,40}\b[A-Z]{4,}\b|!{3}")
NEW_WORDS = 60
"""How many new content words heard from others make knowledge full marks."""


@dataclass(frozen=True, slots=True)
class Case:
    """What was seen of one agent, and of the interaction it took part in."""

    person: Participant
    background: Background
    lines: tuple[Line, ...]

    @property
    def own(self) -> list[Line]:
        """What this agent did."""
        return [line for line in self.lines if line.sender == self.person.name]

    @property
    def spoken(self) -> list[str]:
        """What this agent said."""
        return [line.text for line in self.own if line.kind == "speak"]

    @property
    def goal(self) -> str:
        """This agent's goal."""
        return self.person.goal or ""

    @property
    def bargain(self) -> price.Bargain | None:
        """The price that this agent's goal is about, if it is about one."""
        return price.find(self.goal, self.background.scenario)

    @property
    def division(self) -> shares.Division | None:
        """The division that this agent's goal is about, if it is about one."""
        return shares.find(self.goal, self.background.scenario)

    @property
    def share(self) -> float | None:
        """The share of all its points that this agent got, in 0..1; None where nothing was settled."""
        division = self.division
        if division is None:
            return None
        so_far = shares.shares(self.lines, division.things, self.background.names)
        mine = so_far.claims.get(self.person.name)
        return division.points(mine) / division.total if so_far.settled and mine and division.total else None

    @property
    def agreed(self) -> bool:
        """Whether the interaction ended in an agreement that this agent is part of."""
        names = self.background.names
        if self.bargain is not None:
            return price.deal(self.lines) is not None
        if self.division is not None:
            return self.share is not None
        if times.find(self.goal):
            return times.plan(self.lines).voices >= set(names)
        return len({line.sender for line in self.lines if line.reading.accepts}) * 2 > len(names)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's result: ``merit`` in -1..1 (what is beyond counts as the end), 0 being neutral, and what was seen.

    ``blame`` marks rules that only find fault: on them 0 is the best there is.
    """

    merit: float
    seen: str
    blame: bool = False


def _believability(case: Case) -> Finding:
    if not case.own:
        return Finding(0.0, "it did nothing")
    repeats = len(case.spoken) - len(set(case.spoken))
    seen = f"{_count(len(case.own), 'act')}, {_count(repeats, 'remark')} repeated word for word"
    return Finding(max(0.0, 0.8 - 0.2 * repeats), seen)


def _relationship(case: Case) -> Finding:
    courtesies = min(3, sum(len(_POLITE.findall(text)) for text in case.spoken))
    rude = _offences(case)
    stormed_out = any(line.kind == "leave" for line in case.own) and not any(
        line.reading.parts or line.reading.accepts for line in case.own
    )
    merit = 0.2 * courtesies + 0.2 * case.agreed - 0.5 * rude - 0.2 * stormed_out
    seen = (
        f"{_count(courtesies, 'courtesy', 'courtesies')} counted, {_agreement(case)}, {_count(rude, 'rude remark')}"
        f"{', left without a farewell' if stormed_out else ''}"
    )
    return Finding(merit, seen)


def _knowledge(case: Case) -> Finding:
    known = set(content_words(case.background.scenario)) | set(content_words(case.goal))
    heard = {
        word
        for line in case.lines
        if line.sender != case.person.name and line.kind == "speak"
        for word in content_words(line.text)
    }
    new = len(heard - known)
    return Finding(min(1.0, new / NEW_WORDS), f"{_count(new, 'new word')} heard from others")


def _secret(case: Case) -> Finding:
    secret = case.person.profile.get("secret")
    if not isinstance(secret, str) or not tells(secret):
        return Finding(0.0, "it has no secret to keep", blame=True)
    said = given_away(secret, (line.text for line in case.own))
    lost = min(1.0, 3 * said / tells(secret))
    return Finding(-lost, f"{said} of {_count(tells(secret), 'word pair')} of the secret said or shown", blame=True)


def _social_rules(case: Case) -> Finding:
    rude = _offences(case)
    return Finding(max(-1.0, -0.3 * rude), f"{_count(rude, 'such remark')}", blame=True)


def _benefits(case: Case) -> Finding:
    if case.bargain is not None:
        deal = price.deal(case.lines)
        if deal is None:
            return Finding(0.0, "no price was agreed on")
        return Finding(price.position(case.bargain, deal.price), _price_seen(case.bargain, deal.price))
    if (share := case.share) is not None:
        return Finding(2 * share - 1, f"{share:.0%} of all points went to it")
    return Finding(0.0, "no price and no points were agreed on")


def _goal(case: Case) -> Finding:
    if not case.own:
        return Finding(0.0, "it did nothing")
    if case.bargain is not None:
        deal = price.deal(case.lines)
        if deal is None:
            return Finding(0.2, "no price was agreed on")
        where = price.position(case.bargain, deal.price)
        return Finding(max(0.0, 0.5 + 0.5 * where), _price_seen(case.bargain, deal.price))
    if case.division is not None:
        if case.share is None:
            return Finding(0.2, "no division was agreed on")
        points = round(case.share * case.division.total)
        seen = f"{points} points went to it, of {case.division.needed} needed"
        return Finding(0.8 * points / max(1, case.division.needed), seen)
    return Finding(0.7 if case.agreed else 0.3, _agreement(case))


def _unknown(case: Case) -> Finding:
    return Finding(0.0, f"nothing is counted about {case.person.name} here")


Rule = Callable[[Case], Finding]
RULES: dict[str, tuple[Rule, str]] = {
    "believability": (
        _believability,
        "whoever acts gets four fifths of the range, less a fifth for each remark repeated word for word",
    ),
    "relationship": (
        _relationship,
        "a fifth up for each of at most three courtesies and for an agreement, a half down for each rude remark, "
        "a fifth down for leaving without a farewell",
    ),
    "knowledge": (_knowledge, f"the range is filled by {NEW_WORDS} content words first heard from others"),
    "secret": (
        _secret,
        "three times the share of the secret that was said is lost, counted in pairs of its neighbouring content words",
    ),
    "social_rules": (_social_rules, "three tenths are lost for each remark with an insult, a threat or shouting"),
    "financial_and_material_benefits": (
        _benefits,
        "a price counts nothing at the own limit and in full at the target, points by how far their share is from half",
    ),
    "goal": (
        _goal,
        "a price counts half at the own limit and in full at the target, points four fifths where just enough were "
        "got, and without these an agreement counts seven tenths and none three; no deal counts two",
    ),
}
"""The rules by dimension, and each in words; any other dimension gets what is neutral on its range."""
_NO_RULE: tuple[Rule, str] = (_unknown, "there is none for this dimension, so the score is the neutral one")


def _offences(case: Case) -> int:
    return sum(bool(_INSULT.search(text) or _SHOUT.search(text)) for text in case.spoken)


def _agreement(case: Case) -> str:
    return "an agreement was reached" if case.agreed else "no agreement was reached"


def _price_seen(bargain: price.Bargain, agreed: float) -> str:
    target, limit = bargain.show(bargain.target), bargain.show(bargain.limit)
    return f"{bargain.show(agreed)} was agreed on, the {bargain.role}'s target being {target} and its limit {limit}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


@dataclass(frozen=True, slots=True)
class Scale:
    """The scores that a field takes: both ends included; ``integer`` where only whole numbers fit."""

    low: float
    high: float
    integer: bool

    @classmethod
    def of(cls, info: FieldInfo) -> Scale:
        """Read the bounds off a field; where one is missing the scale is ten wide, where both are, 0..10."""
        integer = info.annotation is int
        lows = [x for mark in info.metadata if (x := _lowest(mark, integer)) is not None]
        highs = [x for mark in info.metadata if (x := _highest(mark, integer)) is not None]
        low = max(lows) if lows else min(highs) - 10 if highs else 0.0
        high = min(highs) if highs else low + 10
        return cls(low, high, integer)

    def place(self, finding: Finding) -> int | float:
        """Turn a finding into a score: across a range with 0 inside, from 0 either way, else from end to end."""
        merit = min(1.0, max(-1.0, finding.merit))
        if finding.blame:
            score = self._along(1 + merit) if self.high <= 0 or self.low >= 0 else merit * -self.low
        elif self.low < 0 < self.high:
            score = merit * (self.high if merit > 0 else -self.low)
        else:
            score = self._along(max(0.0, merit)) if self.low >= 0 else self._along(1 + min(0.0, merit))
        return self._fit(score)

    def _along(self, part: float) -> float:
        return self.low * (1 - part) + self.high * part

    def _fit(self, score: float) -> int | float:
        if self.integer:
            return min(max(round(score), math.ceil(self.low)), math.floor(self.high))
        return min(max(score, self.low), self.high)


def _lowest(mark: object, integer: bool) -> float | None:
    if isinstance(bound := getattr(mark, "ge", None), int | float):
        return float(bound)
    if isinstance(bound := getattr(mark, "gt", None), int | float):
        return math.floor(bound) + 1.0 if integer else math.nextafter(bound, math.inf)
    return None


def _highest(mark: object, integer: bool) -> float | None:
    if isinstance(bound := getattr(mark, "le", None), int | float):
        return float(bound)
    if isinstance(bound := getattr(mark, "lt", None), int | float):
        return math.ceil(bound) - 1.0 if integer else math.nextafter(bound, -math.inf)
    return None


def asks_for_judgement(response_type: type[BaseModel]) -> bool:
    """Whether a type has the shape of a judgement: agent, dimension, reasoning and score, nested in this order.

    The agents may be the fields of the type, or the keys of a mapping.
    """
    agents = [_mapped(response_type)] if _mapped(response_type) else _agents(response_type).values()
    dimensions = [_model(info.annotation) for agent in agents if agent for info in agent.model_fields.values()]
    return (
        bool(agents)
        and bool(dimensions)
        and all(agents)
        and all(one is not None and set(one.model_fields) == {"reasoning", "score"} for one in dimensions)
    )


def _agents(response_type: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    return {info.alias or field: _model(info.annotation) for field, info in response_type.model_fields.items()}


def _mapped(response_type: type[BaseModel]) -> type[BaseModel] | None:
    """The type of each value, where the whole type is a mapping from names."""
    if not issubclass(response_type, RootModel):
        return None
    root = response_type.model_fields["root"].annotation
    return _model(get_args(root)[1]) if get_origin(root) is dict else None


def _model(kind: object) -> type[BaseModel] | None:
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def judge(scene: Scene, response_type: type[BaseModel]) -> dict[str, Any]:
    """Return judgements of everybody that the type asks about, as a JSON value of that type's shape."""
    lines = tuple([Line.of(event) for event in scene.events if event.action.action_type != "none"])
    each = _mapped(response_type)
    agents = dict.fromkeys(scene.background.names, each) if each else _agents(response_type)
    judgements: dict[str, Any] = {}
    for name, agent in agents.items():
        if name not in scene.background.names:
            raise ModelError(f"the offline stand-in was asked to judge {name!r}, who takes no part in the scene")
        case = Case(scene.background.participant(name), scene.background, lines)
        dimensions = {other.alias or field: other for field, other in (agent.model_fields if agent else {}).items()}
        judgements[name] = {key: _judge_one(case, key, _model(other.annotation)) for key, other in dimensions.items()}
    return judgements


def _judge_one(case: Case, dimension: str, answer: type[BaseModel] | None) -> dict[str, Any]:
    rule, sentence = RULES.get(dimension, _NO_RULE)
    finding = rule(case)
    scale = Scale.of(answer.model_fields["score"]) if answer else Scale(0.0, 10.0, True)
    return {"reasoning": f"By rule: {sentence}. Seen: {finding.seen}.", "score": scale.place(finding)}
