"""Rubrics in TOML: files and tables that define the dimensions of a set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, ValidationError

from sotopia_core.errors import ConfigError, nearest
from sotopia_core.evaluation import Dimension, DimensionSet


class RubricTable(BaseModel):
    """One ``[NAME]`` table: the range, both ends included, the rubric, and what a dimension may have besides."""

    model_config = ConfigDict(extra="forbid")

    range: tuple[StrictFloat, StrictFloat] = Field(description="two numbers, such as [0, 10]")
    rubric: str = Field(pattern=r"\S", strict=True, description="text that tells a judge how to score")
    integer: bool = Field(default=True, strict=True, description="true or false")
    weight: StrictFloat | None = Field(default=None, ge=0, allow_inf_nan=False, description="a number of 0 or more")


def load_dimensions(path: Path, name: str | None = None) -> DimensionSet:
    """Read a file of ``[NAME]`` tables as a dimension set called ``name``, by default after the file.

    A table holds ``range = [low, high]`` and ``rubric = "..."``, and may hold ``integer = false`` (scores need not be
    whole numbers) and ``weight = 2.0`` (in the overall score). Whatever cannot be read is a ``ConfigError`` of one line
    that names the file and the dimension.
    """
    try:
        tables = tomli.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    return read_dimensions(path.stem if name is None else name, tables, str(path))


def read_dimensions(name: str, tables: Mapping[str, Any], where: str) -> DimensionSet:
    """Make a dimension set of parsed ``[NAME]`` tables; ``where`` says in errors what they were read from."""
    if not tables:
        raise ConfigError(f'{where}: holds no dimensions; write [NAME], range = [0, 10], rubric = "..."')
    return DimensionSet(name=name, dimensions=tuple(_dimension(one, table, where) for one, table in tables.items()))


def _dimension(name: str, table: object, where: str) -> Dimension:
    place = f"{where}: dimension {name!r}"
    if name.startswith("_") or hasattr(BaseModel, name):
        raise ConfigError(f"{place}: a pydantic model can have no field of that name; choose another")
    if not isinstance(table, dict):
        raise ConfigError(f'{place}: must be a table with range = [0, 10] and rubric = "...", not {table!r}')
    try:
        read = RubricTable.model_validate(table)
    except ValidationError as error:
        raise ConfigError(f"{place}: {_first_problem(error, table)}") from error
    low, high = read.range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"{place}: range {table['range']} is empty or infinite")
    if read.integer and not (low.is_integer() and high.is_integer()):
        raise ConfigError(f"{place}: range {table['range']} is not for whole scores; write integer = false")
    try:
        return Dimension(
            name=name, low=low, high=high, rubric=read.rubric.strip(), integer=read.integer, weight=read.weight
        )
    except ValidationError as error:
        raise ConfigError(f"{place}: {_name_problem(error)}") from error


def _first_problem(error: ValidationError, table: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}{nearest(key, RubricTable.model_fields)}"
    expected = f"{key} must be {RubricTable.model_fields[key].description}"
    return f"{expected}, not {table[key]!r}" if key in table else f"{expected}; it is missing"


def _name_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"] == "string_pattern_mismatch":
        return "a name is letters, digits and underscores, and does not begin with a digit"
    return str(first["ctx"]["error"])
