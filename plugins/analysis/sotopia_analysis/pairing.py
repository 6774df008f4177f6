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

    Those who had the same partner come first. What is left is paired where the two played each other, so that each was
    the other's partner, or where each played with itself. ``any_partner`` leaves the partner out of account.

    ``InputError`` where a model has no rows, or both are the same.
    """
    if a == b:
        raise InputError(f"{a!r} cannot be compared with itself; name two models")
    prepared = (
        scores.of_models(a, b)
        .frame.with_columns(
            *(pl.col(name).cast(pl.String) for name in ("environment", "cast", "model", "episode", "partner")),
            pl.col("trial").fill_null(-1),
        )
        .sort("episode")
    )
    same = _Pass(prepared, a, b, pl.lit("") if any_partner else pl.col("partner"))
    alike = _Pass(same.left_over, a, b, pl.lit("") if any_partner else _role(a, b))
    unpaired = {
        model: dict(_reasons(left, prepared.filter(pl.col("model") == other), other, any_partner))
        for model, other, left in ((a, b, alike.left_a), (b, a, alike.left_b))
    }
    return Pairs(pl.concat([same.pairs, alike.pairs]), unpaired, same.in_order + alike.in_order)


class _Pass:
    """One way to match rows: ``pairs`` of the two models' rows with equal keys, and what is left of each."""

    def __init__(self, rows: pl.DataFrame, a: str, b: str, partner: pl.Expr) -> None:
        key = [*PART, "with"]
        numbered = rows.with_columns(partner.alias("with")).with_columns(
            pl.int_range(pl.len()).over("model", *key).alias("nth")
        )
        left, right = (numbered.filter(pl.col("model") == model) for model in (a, b))
        on = [*key, "nth"]
        self.pairs = left.join(right, on=on, how="inner", suffix="_b", maintain_order="left")
        self.left_a, self.left_b = left.join(right, on=on, how="anti"), right.join(left, on=on, how="anti")
        self.left_over = pl.concat([self.left_a, self.left_b]).drop("with", "nth").sort("episode")
        unnumbered = (pl.col("trial") < 0) & (pl.len().over(*key) > 1)
        self.in_order = self.pairs.filter(unnumbered | (pl.col("nth") > 0)).height


def _role(a: str, b: str) -> pl.Expr:
    """Return what a partner is to a model: itself, the other of the two, or somebody else."""
    partner = pl.col("partner")
    return (
        pl.when(partner == pl.col("model"))
        .then(pl.lit(SELF))
        .when(partner.is_in([a, b]))
        .then(pl.lit(OTHER))
        .otherwise(partner)
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
        steps.append((("environment", "cast", "seat", "trial", "partner"), f"{other} had another partner"))
    rest = left_over
    for columns, reason in steps:
        found = others.select(columns).unique()
        without = rest.join(found, on=list(columns), how="anti")
        if without.height:
            yield reason, without.height
        rest = rest.join(found, on=list(columns), how="semi")
    if rest.height:
        yield f"{other} played it less often", rest.height
