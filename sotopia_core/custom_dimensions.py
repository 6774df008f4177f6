"""Dimensions that are kept as records, so that they can be made, shared and reused without code."""

from __future__ import annotations

from sotopia_core.records import Record


class CustomEvaluationDimension(Record):
    """A dimension: ``description`` is its rubric; scores run from ``range_low`` to ``range_high``, both included."""

    name: str
    description: str
    range_low: int
    range_high: int


class CustomEvaluationDimensionList(Record):
    """A named set of dimensions, by primary key."""

    name: str
    dimension_pks: tuple[str, ...]
