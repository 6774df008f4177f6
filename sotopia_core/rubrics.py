"""Dimension sets written as data: the tables of a run file, or a TOML file of their own.

A set is a table of dimensions, each with ``range = [low, high]`` and, if wanted, ``rubric``, ``weight`` and
``integer``. Beside them a set may say ``extends = "OtherSet"`` and ``file = "rubrics.toml"``; what stands later in
that order (extends, file, the table itself) replaces dimensions of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from sotopia_core.config import read_toml
from sotopia_core.errors import ConfigError
from sotopia_core.evaluation import Dimension, DimensionSet
from sotopia_core.messages import Value
from sotopia_core.wording import explain


class DimensionTable(Value):
    """One dimension, as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    range: list[float] = Field(min_length=2, max_length=2, description="Lowest and highest score, both included")
    rubric: str = Field(default="", description="What the judge is told")
    weight: float | None = Field(default=None, ge=0, description="Weight in the overall score")
    integer: bool = Field(default=True, description="Whether scores are whole numbers")


def load_dimensions(path: Path) -> DimensionSet:
    """Read a dimension set from a TOML file, by whose stem it is called; ``ConfigError`` where it is wrong."""
    return dimensions_from_table(path.stem, read_toml(path), path.parent, where=str(path))


def dimensions_from_table(
    name: str,
    table: Mapping[str, Any],
    base: Path,
    find: Callable[[str], DimensionSet] | None = None,
    where: str = "",
) -> DimensionSet:
    """Make a dimension set from a table; ``find`` looks up the set that it extends, ``base`` is where files lie."""
    prefix = f"{where}: " if where else ""
    dimensions: dict[str, Dimension] = {}
    entries = dict(table)
    extends, file = entries.pop("extends", None), entries.pop("file", None)
    if extends is not None:
        if not isinstance(extends, str) or find is None:
            raise ConfigError(f"{prefix}extends: expected the name of a dimension set, found {extends!r}")
        dimensions |= {dimension.name: dimension for dimension in find(extends).dimensions}
    if file is not None:
        if not isinstance(file, str):
            raise ConfigError(f"{prefix}file: expected a path, found {file!r}")
        dimensions |= {dimension.name: dimension for dimension in load_dimensions(base / file).dimensions}
    for key, entry in entries.items():
        dimensions[key] = _dimension(key, entry, prefix)
    if not dimensions:
        raise ConfigError(
            f"{prefix}dimension set {name!r} has no dimensions; give each a table with range = [low, high]"
        )
    return DimensionSet(name=name, dimensions=tuple(dimensions.values()))


def _dimension(name: str, entry: object, prefix: str) -> Dimension:
    if not isinstance(entry, dict):
        raise ConfigError(f"{prefix}{name}: expected a table with range = [low, high], found {entry!r}")
    try:
        table = DimensionTable.model_validate(entry)
    except ValidationError as error:
        raise ConfigError(f"{prefix}{explain(error, DimensionTable, within=name)}") from None
    low, high = table.range
    try:
        return Dimension(name=name, low=low, high=high, rubric=table.rubric, weight=table.weight, integer=table.integer)
    except ValidationError as error:
        raise ConfigError(f"{prefix}{name}: {explain(error, Dimension)}") from None
