"""Which scores of two models can be held against each other: the same part, played by each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from sotopia_analysis.scores import Scores
from sotopia_core.errors import InputError

PART: Final = ("environment", "cast", "seat", "trial")
"""What makes two parts the same, besides the partner."""

SELF: Final = "\x00itself"
OTHER: Final = "\x00the other"


@dataclass(frozen=True)
class Pairs:
    """``frame`` has a row for each pair, its scores in columns such as ``score:goal`` and ``score:goal_b``.

    ``unpaired`` says for each model why rows of it have no counterpart, and how many; ``in_order`` counts pairs whose
    trials had no numbers, or the same, so that they were paired in the order of their primary keys.
    """

    frame: pl.DataFrame
    unpaired: dict[str, dict[str, int]]
    in_order: int


def pair(scores: Scores, a: str, b: str, *, any_partner: bool = False) -> Pairs:
    """Pair the rows of two models by scenario, cast, seat, trial and partner.

    In episodes that the two play against each other, each is the other's partner; a model that plays with itself is
    paired with the other that plays with itself. ``any_partner`` leaves the partner out of account.

    ``InputError`` where a model has no rows, or both are the same.
    """
    if a == b:
        raise InputError(f"{a!r} cannot be compared with itself; name two models")
    both = scores.of_models(a, b).frame
    partner = pl.lit("") if any_partner else _partner(a, b)
    prepared = both.with_columns(
        *(pl.col(name).cast(pl.String) for name in ("environment", "cast", "model", "episode")),
        pl.col("trial").fill_null(-1),
        partner.alias("with"),
    ).sort("episode")
    key = (*PART, "with")
    numbered = prepared.with_columns(pl.int_range(pl.len()).over("model", *key).alias("nth"))
    left = numbered.filter(pl.col("model") == a)
    right = numbered.filter(pl.col("model") == b)
    joined = left.join(right, on=[*key, "nth"], how="inner", suffix="_b", maintain_order="left")
    in_order = joined.filter((pl.col("trial") < 0) & (pl.len().over(*key) > 1) | (pl.col("nth") > 0)).height
    unpaired = {
        model: dict(_reasons(rows.join(others, on=[*key, "nth"], how="anti"), others, other, any_partner))
        for model, rows, others, other in ((a, left, right, b), (b, right, left, a))
    }
    return Pairs(joined, unpaired, in_order)


def _partner(a: str, b: str) -> pl.Expr:
    partner, model = pl.col("partner").cast(pl.String), pl.col("model").cast(pl.String)
    return (
        pl.when(partner == model).then(pl.lit(SELF)).when(partner.is_in([a, b])).then(pl.lit(OTHER)).otherwise(partner)
    )


def _reasons(left_over: pl.DataFrame, others: pl.DataFrame, other: str, any_partner: bool) -> Iterator[tuple[str, int]]:
    """Say what each row that is left over lacks: the first part of the key that the other model never played."""
    steps = [
        (("environment",), f"{other} did not play the scenario"),
        (("environment", "cast"), f"{other} did not play the scenario with that cast"),
        (("environment", "cast", "seat"), f"{other} did not take that seat"),
        (("environment", "cast", "seat", "trial"), f"{other} did not play that trial"),
    ]
    if not any_partner:
        steps.append((("environment", "cast", "seat", "trial", "with"), f"{other} had another partner"))
    rest = left_over
    for columns, reason in steps:
        found = others.select(columns).unique()
        without = rest.join(found, on=list(columns), how="anti")
        if without.height:
            yield reason, without.height
        rest = rest.join(found, on=list(columns), how="semi")
    if rest.height:
        yield f"{other} played it less often", rest.height
