"""The dimensions of Sotopia, as pydantic models that evaluators take as their parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from sotopia_core.rubrics import load_dimensions

_RUBRICS = load_dimensions(Path(__file__).with_name("rubrics") / "sotopia.toml")


def _dimension(name: str) -> Any:  # what pydantic.Field itself returns
    dimension = _RUBRICS[name]
    return Field(ge=dimension.low, le=dimension.high, description=dimension.rubric)


class SotopiaDimensions(BaseModel):
    """The seven dimensions along which Sotopia scores each agent, with their rubrics from ``rubrics/sotopia.toml``.

    The dimensions and their ranges are those of Zhou et al., "SOTOPIA: Interactive Evaluation for Social Intelligence
    in Language Agents", ICLR 2024: believability, knowledge and goal 0..10; relationship and
    financial_and_material_benefits -5..5; secret and social_rules -10..0.
    """

    believability: Annotated[int, _dimension("believability")]
    relationship: Annotated[int, _dimension("relationship")]
    knowledge: Annotated[int, _dimension("knowledge")]
    secret: Annotated[int, _dimension("secret")]
    social_rules: Annotated[int, _dimension("social_rules")]
    financial_and_material_benefits: Annotated[int, _dimension("financial_and_material_benefits")]
    goal: Annotated[int, _dimension("goal")]


class GoalDimension(BaseModel):
    """The goal alone, 0..10: the same dimension as in :class:`SotopiaDimensions`, so that both can be averaged."""

    goal: Annotated[int, _dimension("goal")]
