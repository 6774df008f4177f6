"""A model as the judge of an episode."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from sotopia_core.errors import ModelAccessError, ModelError, one_line
from sotopia_core.evaluation import DimensionSet, Judgement, Unscored
from sotopia_core.interfaces import EvaluationContext, ModelRef, TerminalEvaluator, Transcript
from sotopia_evaluators.prompt import judge_messages, template_texts
from sotopia_evaluators.reply import reply_type, scores_by_name

D = TypeVar("D", bound=BaseModel)


class ReachGoalLLMEvaluator(TerminalEvaluator, Generic[D]):
    """Ask a model how well each agent did along the dimensions ``D``, all agents in one question.

    Write ``ReachGoalLLMEvaluator[SotopiaDimensions](model="judge")``. Each agent gets all scores, each with the
    reasoning that was given before it; where the model gives no usable answer, each agent is ``Unscored`` with the
    cause, and the answer is kept as it was. ``ModelAccessError`` is passed on, since no episode could be judged.
    """

    model: ModelRef = Field(description="The model that judges")
    temperature: float = Field(default=0.0, ge=0, le=2, description="Sampling temperature of the judge")

    @model_validator(mode="after")
    def _has_dimensions(self) -> Self:
        _ = self.dimensions
        return self

    @property
    def dimensions(self) -> DimensionSet:
        """The dimensions of the type parameter."""
        return _dimensions_of(type(self))

    def prompts(self) -> Mapping[str, str]:
        """Return the templates of the system message and of the episode."""
        return template_texts()

    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Mapping[str, Judgement]:
        """Send the whole episode to the model and give its scores, or the reason why there are none, by name."""
        names = transcript.names
        model = context.model(self.model)
        try:
            reply = await model.generate(
                judge_messages(transcript, self.dimensions),
                reply_type(self.dimensions),
                context=names,
                temperature=self.temperature,
            )
        except ModelAccessError:
            raise
        except ModelError as error:
            return {name: Unscored(reason=one_line(error), raw=error.raw) for name in names}
        assert reply.value is not None
        return scores_by_name(reply.value)


@lru_cache(maxsize=256)
def _dimensions_of(evaluator: type[BaseModel]) -> DimensionSet:
    for ancestor in evaluator.__mro__:
        for parameter in getattr(ancestor, "__pydantic_generic_metadata__", {}).get("args", ()):
            if isinstance(parameter, type) and issubclass(parameter, BaseModel):
                return DimensionSet.from_model(parameter)
    raise ValueError(
        f"{evaluator.__name__} lacks its dimensions: write ReachGoalLLMEvaluator[SotopiaDimensions], "
        "or in the brackets another pydantic model whose fields are dimensions"
    )
