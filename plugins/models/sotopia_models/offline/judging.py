"""Judging by rules that anybody can check: each score comes with the rule that gave it and what was seen."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
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
    """A rule's result: ``merit`` in -1..1, from the worst through neutral to the best, and what was seen.

    ``blame`` marks rules that only find fault: on them 0 is the best there is.
    """

    merit: float
    seen: str
    blame: bool = False


def _believability(case: Case) -> Finding:
    """Loses a fifth for each remark repeated word for word; nothing for an agent that did nothing."""
    if not case.own:
        return Finding(0.0, "it did nothing")
    repeats = len(case.spoken) - len(set(case.spoken))
    seen = f"{_count(len(case.own), 'act')}, {_count(repeats, 'remark')} repeated word for word"
    return Finding(max(0.0, 0.8 - 0.2 * repeats), seen)


def _relationship(case: Case) -> Finding:
    """Gains a fifth for each courtesy, up to three, and for an agreement; loses half for rudeness."""
    courtesies = min(3, sum(len(_POLITE.findall(text)) for text in case.spoken))
    rude = _offences(case)
    merit = 0.2 * courtesies + 0.2 * case.agreed - 0.5 * rude
    seen = f"{_count(courtesies, 'courtesy', 'courtesies')} counted, {_agreement(case)}, {_count(rude, 'rude remark')}"
    return Finding(merit, seen)


def _knowledge(case: Case) -> Finding:
    """Grows with the content words first heard from others, up to ``NEW_WORDS`` of them."""
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
    """Loses with each pair of neighbouring words of the own secret that was said, a third of them losing all."""
    secret = case.person.profile.get("secret")
    if not isinstance(secret, str) or not tells(secret):
        return Finding(0.0, "it has no secret to keep", blame=True)
    said = given_away(secret, "\n".join(line.text for line in case.own))
    lost = min(1.0, 3 * said / tells(secret))
    return Finding(-lost, f"{_count(said, 'phrase')} of the secret found in what it said or did", blame=True)


def _social_rules(case: Case) -> Finding:
    """Loses three tenths for each remark with an insult, a threat or shouting."""
    rude = _offences(case)
    return Finding(max(-1.0, -0.3 * rude), f"{_count(rude, 'remark')} with insults, threats or shouting", blame=True)


def _benefits(case: Case) -> Finding:
    """A price counts by where it lies between the own limit (0) and target (1); points by their share, half being 0."""
    if case.bargain is not None:
        deal = price.deal(case.lines)
        if deal is None:
            return Finding(0.0, "no price was agreed on")
        where = price.position(case.bargain, deal.price)
        return Finding(max(-1.0, where), _price_seen(case.bargain, deal.price))
    if (share := case.share) is not None:
        return Finding(2 * share - 1, f"{share:.0%} of all points went to it")
    return Finding(0.0, "no price and no points were agreed on")


def _goal(case: Case) -> Finding:
    """A price by where it lies between limit and target, points by what was needed, else whether there is agreement."""
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
        return Finding(
            min(1.0, 0.8 * points / max(1, case.division.needed)),
            f"{points} points went to it, of {case.division.needed} needed",
        )
    return Finding(0.7 if case.agreed else 0.3, _agreement(case))


def _unknown(case: Case) -> Finding:
    """A dimension that there is no rule for: neutral."""
    return Finding(0.0, "there is no rule for this dimension, so it is neutral")


Rule = Callable[[Case], Finding]
RULES: dict[str, tuple[Rule, str]] = {
    "believability": (_believability, "acting in character is acting, and not repeating oneself"),
    "relationship": (_relationship, "courtesy and agreement bring people closer, rudeness drives them apart"),
    "knowledge": (_knowledge, "one learns by hearing words that one did not bring along"),
    "secret": (_secret, "a secret is out where its own words are said"),
    "social_rules": (_social_rules, "insults, threats and shouting break social rules"),
    "financial_and_material_benefits": (
        _benefits,
        "a gain is what was agreed, measured against the goal's numbers",
    ),
    "goal": (_goal, "a goal is reached by what was agreed, measured against the goal's numbers where it has any"),
}
"""The rules by dimension, and each in a sentence; any other dimension is neutral."""


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

    def place(self, finding: Finding) -> float:
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

    def _fit(self, score: float) -> float:
        if self.integer:
            return min(max(round(score), math.ceil(self.low)), math.floor(self.high))
        return min(max(score, self.low), self.high)


def _lowest(mark: object, integer: bool) -> float | None:
    if isinstance(bound := getattr(mark, "ge", None), int | float):
        return bound
    if isinstance(bound := getattr(mark, "gt", None), int | float):
        return math.floor(bound) + 1 if integer else math.nextafter(bound, math.inf)
    return None


def _highest(mark: object, integer: bool) -> float | None:
    if isinstance(bound := getattr(mark, "le", None), int | float):
        return bound
    if isinstance(bound := getattr(mark, "lt", None), int | float):
        return math.ceil(bound) - 1 if integer else math.nextafter(bound, -math.inf)
    return None


def asks_for_judgement(response_type: type[BaseModel]) -> bool:
    """Whether a type has the shape of a judgement: agent, dimension, reasoning and score, nested in this order."""
    agents = [_model(info) for info in response_type.model_fields.values()]
    dimensions = [_model(info) for agent in agents if agent for info in agent.model_fields.values()]
    return (
        bool(agents)
        and bool(dimensions)
        and all(agents)
        and all(one is not None and set(one.model_fields) == {"reasoning", "score"} for one in dimensions)
    )


def _model(info: FieldInfo) -> type[BaseModel] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def judge(scene: Scene, response_type: type[BaseModel]) -> dict[str, Any]:
    """Return judgements of everybody that the type asks about, as a JSON value of that type's shape."""
    lines = tuple([Line.of(event) for event in scene.events if event.action.action_type != "none"])
    judgements: dict[str, Any] = {}
    for field, info in response_type.model_fields.items():
        name = info.alias or field
        if name not in scene.background.names:
            raise ModelError(f"the offline stand-in was asked to judge {name!r}, who takes no part in the scene")
        case = Case(scene.background.participant(name), scene.background, lines)
        agent = _model(info)
        judgements[name] = {
            other.alias or dimension: _judge_one(case, dimension, _model(other))
            for dimension, other in (agent.model_fields if agent else {}).items()
        }
    return judgements


def _judge_one(case: Case, dimension: str, answer: type[BaseModel] | None) -> dict[str, Any]:
    rule, sentence = RULES.get(dimension, (_unknown, "nothing is counted here"))
    finding = rule(case)
    scale = Scale.of(answer.model_fields["score"]) if answer else Scale(0, 10, True)
    return {"reasoning": f"By rule: {sentence}. Seen: {finding.seen}.", "score": scale.place(finding)}
