"""Dimensions, scores and their aggregation: a score is there with its reasoning, or missing with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import fmean
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ConfigDict, Field, JsonValue, Strict, create_model, field_validator, model_validator
from pydantic.fields import FieldInfo

from sotopia_core.digests import digest
from sotopia_core.errors import unicode_text
from sotopia_core.messages import Value

OVERALL = "overall_score"
MissingRule = Literal["strict", "available"]
"""``strict``: any judge missing leaves the dimension unscored, any dimension missing leaves no overall.
``available``: means are taken over what is there."""


class Dimension(Value):
    """One social dimension: its range, both ends included, and the rubric that a judge applies."""

    name: str = Field(pattern=r"^[^\W\d_]\w*$")
    low: float
    high: float
    rubric: str = Field(default="", description="What the judge is told about the dimension")
    integer: bool = Field(default=True, description="Whether scores are whole numbers")
    weight: float | None = Field(default=None, ge=0, description="Weight in the overall score; None: as all others")

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.name == OVERALL:
            raise ValueError(f"a dimension cannot be called {OVERALL!r}; that is what all of them together give")
        if hasattr(BaseModel, self.name):
            raise ValueError(f"a dimension cannot be called {self.name!r}; pydantic models use that name themselves")
        if self.low >= self.high:
            raise ValueError(f"dimension {self.name!r}: the range [{self.low:g}, {self.high:g}] is empty")
        if self.integer and (self.low != int(self.low) or self.high != int(self.high)):
            raise ValueError(f"dimension {self.name!r}: whole scores need whole bounds, or integer = false")
        return self

    def problem_with(self, score: float) -> str | None:
        """Say why a score is not on this dimension's scale, or return None where it is."""
        if not math.isfinite(score) or not self.low <= score <= self.high:
            return f"{self.name} {score:g} is outside {self.low:g}..{self.high:g}"
        if self.integer and score != int(score):
            return f"{self.name} {score:g} is not a whole number"
        return None


class DimensionSet(Value):
    """A named, frozen set of dimensions; ``digest`` tells two sets apart that share a name."""

    name: str
    dimensions: tuple[Dimension, ...] = Field(min_length=1)

    @field_validator("dimensions")
    @classmethod
    def _distinct(cls, dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        names = [dimension.name for dimension in dimensions]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"dimension {name!r} is there twice")
        if all(dimension.weight == 0 for dimension in dimensions):
            raise ValueError("every dimension has the weight 0, so no overall score can be given")
        return dimensions

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions' names, in order."""
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that depend on everything in the set."""
        return _digest_of(self)

    def __getitem__(self, name: str) -> Dimension:
        for dimension in self.dimensions:
            if dimension.name == name:
                return dimension
        raise KeyError(name)

    @classmethod
    def from_model(cls, model: type[BaseModel]) -> DimensionSet:
        """Read a dimension set off any pydantic model: each field is a dimension.

        A field is an ``int`` or ``float`` with both bounds (``Field(ge=0, le=10, description=rubric)``); its
        description is the rubric, and ``json_schema_extra={"weight": 2.0}`` its weight. A field that is not, raises
        ``ValueError`` naming it.
        """
        dimensions = tuple(_dimension_from_field(model.__name__, name, f) for name, f in model.model_fields.items())
        if not dimensions:
            raise ValueError(f"{model.__name__} has no fields, so it holds no dimensions")
        return cls(name=model.__name__, dimensions=dimensions)

    def as_model(self) -> type[BaseModel]:
        """Return a pydantic model with one bounded field a dimension: the inverse of :meth:`from_model`."""
        fields: dict[str, Any] = {}
        for dimension in self.dimensions:
            extra: dict[str, JsonValue] | None = None if dimension.weight is None else {"weight": dimension.weight}
            info = Field(
                ge=dimension.low, le=dimension.high, description=dimension.rubric or None, json_schema_extra=extra
            )
            fields[dimension.name] = (int if dimension.integer else float, info)
        return create_model(self.name, **fields)


def _dimension_from_field(owner: str, name: str, info: FieldInfo) -> Dimension:
    where = f"{owner}.{name}"
    annotation = info.annotation
    metadata = list(info.metadata)
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata += more
    if annotation not in (int, float):
        raise ValueError(f"{where} is no dimension: it must be an int or a float, with ge= and le=")
    low = [m.ge for m in metadata if isinstance(m, annotated_types.Ge | annotated_types.Interval)]
    high = [m.le for m in metadata if isinstance(m, annotated_types.Le | annotated_types.Interval)]
    lows = [float(bound) for bound in low if isinstance(bound, int | float)]
    highs = [float(bound) for bound in high if isinstance(bound, int | float)]
    if not lows or not highs:
        raise ValueError(f"{where} is no dimension: it has no {'lower' if not lows else 'upper'} bound (ge=, le=)")
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    weight = extra.get("weight")
    if weight is not None and not isinstance(weight, int | float):
        raise ValueError(f"{where} has a weight that is no number")
    return Dimension(
        name=name,
        low=max(lows),
        high=min(highs),
        rubric=info.description or "",
        integer=annotation is int,
        weight=weight,
    )


@lru_cache(maxsize=256)
def _digest_of(dimensions: DimensionSet) -> str:
    return digest(dimensions.model_dump(mode="json"))


class Score(Value):
    """A score on one dimension and the reasoning that was given before it.

    Any number can be given; one that is off the dimension's scale makes its agent unscored.
    """

    model_config = ConfigDict(allow_inf_nan=True, revalidate_instances="always")

    value: Annotated[float, Strict()]
    reasoning: str = ""


class Scored(Value):
    """An evaluator's scores for one agent. ``overall`` is for evaluators that give one of their own."""

    model_config = ConfigDict(revalidate_instances="always")

    kind: Literal["scored"] = "scored"
    scores: dict[str, Score]
    overall: float | None = None
    comments: str = ""


class Unscored(Value):
    """No scores for one agent, and why. ``raw`` keeps an unusable judgement as it was given."""

    model_config = ConfigDict(revalidate_instances="always")

    kind: Literal["unscored"] = "unscored"
    reason: str = Field(min_length=1)
    raw: str | None = None


Judgement = Annotated[Scored | Unscored, Field(discriminator="kind")]


class Evaluation(Value):
    """What one terminal evaluator made of one episode, for each agent by name.

    ``dimensions`` maps each dimension of the set to its weight, None where it has none; ``digest`` is the set's.
    """

    evaluator: str
    dimension_set: str
    digest: str
    dimensions: dict[str, float | None]
    model: str | None = Field(default=None, description="The judge, as it named itself")
    judgements: dict[str, Judgement]


class Reward(Value):
    """What an episode came to for one agent. What is missing is None, and ``reasons`` says why."""

    overall: float | None
    scores: dict[str, float | None]
    reasons: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether an overall score is there."""
        return self.overall is not None


def check_judgements(
    dimensions: DimensionSet, names: Sequence[str], judgements: Mapping[str, Scored | Unscored]
) -> dict[str, Scored | Unscored]:
    """Hold an evaluator's answer against its dimensions: whoever is missing or off the scale becomes unscored.

    Names that are not in the cast raise ``ValueError``: an answer about somebody else cannot be trusted at all.
    """
    strangers = [name for name in judgements if name not in names]
    if strangers:
        raise ValueError(f"it judged {strangers[0]!r}, who takes no part; the cast is {', '.join(names)}")
    checked: dict[str, Scored | Unscored] = {}
    for name in names:
        judgement = judgements.get(name)
        if judgement is None:
            checked[name] = Unscored(reason="the evaluator gave no judgement for this agent")
        elif isinstance(judgement, Scored) and (problem := _problem(dimensions, judgement)):
            checked[name] = Unscored(reason=problem, raw=unicode_text(str(judgement.model_dump())))
        elif isinstance(judgement, Unscored):
            raw = None if judgement.raw is None else unicode_text(judgement.raw)
            checked[name] = Unscored(reason=unicode_text(judgement.reason), raw=raw)
        else:
            checked[name] = judgement
    return checked


def _problem(dimensions: DimensionSet, scored: Scored) -> str | None:
    texts = [scored.comments, *(score.reasoning for score in scored.scores.values())]
    if any(unicode_text(text) != text for text in texts):
        return "its reasoning holds half a surrogate pair, which is no Unicode text"
    for name, score in scored.scores.items():
        if name not in dimensions.names:
            return f"{name!r} is not a dimension of {dimensions.name}"
        if problem := dimensions[name].problem_with(score.value):
            return problem
    if scored.overall is not None and not math.isfinite(scored.overall):
        return f"the overall score is {scored.overall}"
    return None


def check_compatible(sets: Sequence[DimensionSet]) -> None:
    """Raise ``ValueError`` where two sets define one dimension differently: their scores cannot be averaged."""
    seen: dict[str, tuple[Dimension, DimensionSet]] = {}
    for one in sets:
        for dimension in one.dimensions:
            other, owner = seen.setdefault(dimension.name, (dimension, one))
            if other != dimension:
                raise ValueError(
                    f"dimension {dimension.name!r} is not the same in {owner.name} and {one.name}, "
                    "so their scores cannot be averaged; rename one of them"
                )


def aggregate(
    evaluations: Sequence[Evaluation], names: Sequence[str], missing: MissingRule = "strict"
) -> dict[str, Reward]:
    """Put several evaluators' judgements together, for each agent by name.

    A dimension's value is the mean over the evaluators whose set has it. The overall score is the mean of the
    dimensions (weighted where any has a weight; the others then weigh 1), or the mean of the overall scores that
    evaluators gave themselves. What is missing follows ``missing``. No evaluation at all gives no rewards.
    """
    if not evaluations:
        return {}
    return {name: _aggregate_one(evaluations, name, missing) for name in names}


def _aggregate_one(evaluations: Sequence[Evaluation], name: str, missing: MissingRule) -> Reward:
    values: dict[str, list[float | None]] = {}
    weights: dict[str, float | None] = {}
    reasons: list[str] = []
    overalls: list[float] = []
    for evaluation in evaluations:
        judgement = evaluation.judgements.get(name) or Unscored(reason="no judgement")
        if isinstance(judgement, Unscored):
            reasons.append(f"{evaluation.evaluator}: {judgement.reason}")
        elif judgement.overall is not None:
            overalls.append(judgement.overall)
        for dimension, weight in evaluation.dimensions.items():
            weights[dimension] = weight
            score = judgement.scores.get(dimension) if isinstance(judgement, Scored) else None
            if score is None and isinstance(judgement, Scored):
                reasons.append(f"{evaluation.evaluator}: no score for {dimension}")
            values.setdefault(dimension, []).append(None if score is None else score.value)
    scores = {dimension: _mean(given, missing) for dimension, given in values.items()}
    overall = _overall(scores, weights, overalls, missing) if missing == "available" or not reasons else None
    if overall is None and not reasons:
        reasons.append("no dimension that has a weight is scored")
    return Reward(overall=overall, scores=scores, reasons=tuple(reasons))


def _mean(given: Sequence[float | None], missing: MissingRule) -> float | None:
    there = [value for value in given if value is not None]
    return fmean(there) if there and (missing == "available" or len(there) == len(given)) else None


def _overall(
    scores: Mapping[str, float | None],
    weights: Mapping[str, float | None],
    given: Sequence[float],
    missing: MissingRule,
) -> float | None:
    if given:
        return fmean(given)
    there = {name: value for name, value in scores.items() if value is not None}
    if not there or (missing == "strict" and len(there) < len(scores)):
        return None
    if all(weights[name] is None for name in there):
        return fmean(there.values())
    by_name = {name: 1.0 if (weight := weights[name]) is None else weight for name in there}
    total = math.fsum(by_name.values())
    return math.fsum(value * by_name[name] for name, value in there.items()) / total if total else None
