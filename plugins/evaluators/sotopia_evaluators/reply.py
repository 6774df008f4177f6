"""What a judge must answer: for each participant and each dimension, the reasoning and then the score."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from sotopia_core.evaluation import Dimension, DimensionSet, Score, Scored


def _no_truth_value(score: object) -> object:
    """Refuse ``true``, which pydantic would read as a score of 1."""
    if isinstance(score, bool):
        raise ValueError("a score is a number")
    return score


class Answer(BaseModel):
    """A part of a judge's answer. Its schema is closed, as structured output requires; what is added is ignored."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        json_schema_extra={"additionalProperties": False},
        protected_namespaces=(),
    )


# A type takes some 300 KB and is needed once an episode; a few are kept for repetitions of a combo.
@lru_cache(maxsize=32)
def reply_type(names: tuple[str, ...], dimensions: DimensionSet) -> type[Answer]:
    """Return the type of the answer about these participants: a field for each, whose alias is the exact name."""
    participant = _participant_type(dimensions)
    participants: dict[str, Any] = {
        f"agent_{seat}": (participant, Field(alias=name)) for seat, name in enumerate(names)
    }
    return create_model("EpisodeJudgement", __base__=Answer, **participants)


@lru_cache(maxsize=32)
def _participant_type(dimensions: DimensionSet) -> type[Answer]:
    fields: dict[str, Any] = {dimension.name: (_answer_on(dimension), ...) for dimension in dimensions.dimensions}
    return create_model("ParticipantJudgement", __base__=Answer, **fields)


def scores_by_name(answer: Answer) -> dict[str, Scored]:
    """Turn an answer into scores by participant's name; every score is there, since the type asks for all."""
    given: dict[str, dict[str, dict[str, Any]]] = answer.model_dump(by_alias=True)
    return {
        name: Scored(
            scores={
                dimension: Score(value=one["score"], reasoning=one["reasoning"]) for dimension, one in scores.items()
            }
        )
        for name, scores in given.items()
    }


def _answer_on(dimension: Dimension) -> type[Answer]:
    number: Any = int if dimension.integer else float
    bounds = Field(
        ge=_plain(dimension.low),
        le=_plain(dimension.high),
        allow_inf_nan=None if dimension.integer else False,
        description="The score that follows from the reasoning",
    )
    score = Annotated[number, bounds, BeforeValidator(_no_truth_value)]
    reasoning = Annotated[str, Field(description="The evidence, and how it stands to the rubric")]
    return create_model(f"{dimension.name}_judgement", __base__=Answer, reasoning=(reasoning, ...), score=(score, ...))


def _plain(bound: float) -> int | float:
    """Write a whole bound as schemas do: 10, not 10.0."""
    return int(bound) if bound.is_integer() else bound
