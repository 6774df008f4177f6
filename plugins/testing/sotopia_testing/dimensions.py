"""What every dimension set must be, as tests that the author of one runs over it."""

# Tests are named by the behaviour they hold a dimension set to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
import tomli
from pydantic import BaseModel, JsonValue

from sotopia_core.evaluation import Dimension, DimensionSet
from sotopia_core.rubrics import dimensions_from_table
from sotopia_core.toml_text import table
from sotopia_testing.components import imported_alone

DIGEST: Final = """
import importlib, sys
from sotopia_core.evaluation import DimensionSet
kind = importlib.import_module(sys.argv[1])
for part in sys.argv[2].split("."):
    kind = getattr(kind, part)
print(DimensionSet.from_model(kind).digest)
"""
"""Prints the digest of a dimension set."""


class DimensionsContract:
    """Tests of what a dimension set must be: subclass it, and give it ``dimensions``, the pydantic model.

    ::

        class TestManners(DimensionsContract):
            @pytest.fixture
            def dimensions(self) -> type[BaseModel]:
                return Manners
    """

    @pytest.fixture
    def dimensions(self) -> type[BaseModel]:
        """The dimension set under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'dimensions' that returns the model to test")

    def test_every_field_is_a_dimension_with_both_bounds(self, dimensions: type[BaseModel]) -> None:
        assert DimensionSet.from_model(dimensions).names == tuple(dimensions.model_fields)

    def test_every_dimension_tells_the_judge_what_is_meant(self, dimensions: type[BaseModel]) -> None:
        for dimension in DimensionSet.from_model(dimensions).dimensions:
            assert dimension.rubric.strip(), f"{dimension.name} has no rubric; write it as Field(description=...)"

    def test_it_survives_being_data(self, dimensions: type[BaseModel]) -> None:
        read = DimensionSet.from_model(dimensions)
        assert DimensionSet.model_validate_json(read.model_dump_json()) == read
        assert DimensionSet.from_model(read.as_model()) == read

    def test_it_can_be_written_in_a_run_file(self, dimensions: type[BaseModel]) -> None:
        read = DimensionSet.from_model(dimensions)
        text = "".join(f"[{one.name}]\n{table(options(one))}" for one in read.dimensions)
        assert dimensions_from_table(read.name, tomli.loads(text), Path()).digest == read.digest

    def test_its_digest_is_the_same_in_every_process(self, dimensions: type[BaseModel]) -> None:
        told = imported_alone(DIGEST, dimensions.__module__, dimensions.__qualname__)
        assert told.strip() == DimensionSet.from_model(dimensions).digest, "another process reads other dimensions"

    def test_a_score_can_be_given_at_either_end(self, dimensions: type[BaseModel]) -> None:
        read = DimensionSet.from_model(dimensions)
        for end in ("low", "high"):
            scores = {one.name: getattr(one, end) for one in read.dimensions}
            dimensions.model_validate_json(json.dumps(scores))
            assert not [
                one.problem_with(scores[one.name]) for one in read.dimensions if one.problem_with(scores[one.name])
            ]


def options(dimension: Dimension) -> dict[str, JsonValue]:
    """Return a dimension as a run file's table."""
    return {
        "range": [dimension.low, dimension.high],
        "rubric": dimension.rubric,
        "weight": dimension.weight,
        "integer": dimension.integer,
    }
