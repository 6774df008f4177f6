"""What a judge must answer: for each participant and each dimension, the reasoning and then the score."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, create_model, model_validator

from sotopia_core.evaluation import Dimension, DimensionSet, Score, Scored
from sotopia_core.structured import json_schema_for


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


class EpisodeJudgement(RootModel[dict[str, Any]]):
    """What is judged of everybody. The validation context is the tuple of the participants' exact names.

    Each of them must be there; who is added takes no part, and is ignored.
    """

    participant: ClassVar[type[Answer]] = Answer

    @model_validator(mode="before")
    @classmethod
    def _those_who_took_part(cls, answer: object, info: Any) -> object:  # beartype cannot check ValidationInfo
        if not isinstance(answer, dict) or info.context is None:
            return answer
        for name in info.context:
            if name not in answer:
                raise ValueError(f"{name!r} is not judged")
        return {name: answer[name] for name in info.context}

    @classmethod
    def schema_within(cls, context: Hashable) -> dict[str, Any]:
        """Return the strict JSON schema with the names of the participants as keys."""
        names = context if isinstance(context, tuple) else ()
        return {
            "type": "object",
            "properties": {name: json_schema_for(cls.participant) for name in names},
            "required": list(names),
            "additionalProperties": False,
        }


@lru_cache(maxsize=32)
def reply_type(dimensions: DimensionSet) -> type[EpisodeJudgement]:
    """Return the type of an answer on these dimensions; its validation context is the participants' names."""
    participant = _participant_type(dimensions)
    root: Any = (GenericAlias(dict, (str, participant)), ...)
    judgement = create_model("EpisodeJudgement", __base__=EpisodeJudgement, __doc__=EpisodeJudgement.__doc__, root=root)
    judgement.participant = participant
    return judgement


def _participant_type(dimensions: DimensionSet) -> type[Answer]:
    fields: dict[str, Any] = {dimension.name: (_answer_on(dimension), ...) for dimension in dimensions.dimensions}
    return create_model("ParticipantJudgement", __base__=Answer, **fields)


def scores_by_name(answer: EpisodeJudgement) -> dict[str, Scored]:
    """Turn an answer into scores by participant's name; every score is there, since the type asks for all."""
    given: dict[str, dict[str, dict[str, Any]]] = answer.model_dump()
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
