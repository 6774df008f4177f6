"""Figures that papers report, from a file that names the source of each."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from sotopia_analysis.tables import Column, Report, number
from sotopia_core.config import read_toml
from sotopia_core.errors import ConfigError
from sotopia_core.messages import Value
from sotopia_core.wording import explain

INCLUDED = Path(__file__).with_name("published.toml")
"""The figures that come with this kit."""


class Figure(Value):
    """One published mean, with what is needed to look it up."""

    model: str
    dimension: str
    mean: float
    setting: str = Field(description="Judge, scenarios and partners, as far as they are told")
    source: str = Field(min_length=1)


class Figures(Value):
    """A file of published figures."""

    figures: tuple[Figure, ...]


def read_published(path: Path = INCLUDED) -> tuple[Figure, ...]:
    """Read a file of published figures; ``ConfigError`` where it cannot be used."""
    try:
        return Figures.model_validate(read_toml(path)).figures
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error, Figures)}") from None


def report_published(figures: tuple[Figure, ...]) -> Report:
    """Lay published figures out, with the warning that belongs to them."""
    titles = ("published for", "dimension", "setting", "source", "mean")
    return Report(
        columns=tuple(Column(title, title) for title in titles),
        cells=[[one.model, one.dimension, one.setting, one.source, number(one.mean)] for one in figures],
        records=[one.model_dump() for one in figures],
        numbers_from=4,
        notes=[
            "published figures are not directly comparable: other scenarios, partners, prompts, judges and versions of "
            "models"
        ],
    )
