"""The table of scores that every analysis begins with: a row for each seat of each episode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from sotopia_core.errors import InputError, nearest
from sotopia_core.evaluation import OVERALL

FACTORS: Final = ("model", "seat", "partner", "scenario", "relationship", "tag", "judge", "agent_class", "run")
"""The columns by which scores can be grouped."""

UNKNOWN: Final = ""
"""Stands for a judge or a dimension set that no score was given by, such as those of an episode that failed."""

NO_MODEL: Final = "unknown"
"""Stands for the models of a log that does not say which took the seats."""


def column_of(dimension: str) -> str:
    """Return the column that holds a dimension's scores; a dimension may be called as another column is."""
    return f"score:{dimension}"


@dataclass(frozen=True)
class Scores:
    """Scores of any number of episodes, as far as they are there.

    ``frame`` has a row for each seat of each episode (and where judges are kept apart, for each judge). Its columns are

    - ``episode``, ``environment`` (primary keys), ``scenario`` (its codename), ``relationship``, ``cast`` (the agents'
      primary keys, by seat), ``seat`` (from 0), ``agent`` (the name), ``model``, ``partner`` (the models in the other
      seats), ``agent_class``, ``tag``, ``run``, ``trial``, ``judge``, ``digest`` (the dimension set's),
    - ``offline``: whether the rule-based stand-in took part,
    - ``reason``: why scores are missing, null where none is,
    - one column a dimension, such as ``score:goal``, and ``score:overall_score``: null where a score is missing, never
      0 or NaN in its place.

    Texts that repeat are Enums, and the rows lie in parts as they were read: putting those together, as polars does
    where it sorts, joins or groups the whole frame, takes the frame's memory once more.

    ``sets`` maps the digest of each dimension set to its name and its dimensions. A null in a dimension that a row's
    set does not have is no missing score: nobody was asked for it.
    """

    frame: pl.DataFrame
    sets: Mapping[str, tuple[str, tuple[str, ...]]]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that any set has, in the order in which they were met; ``overall_score`` comes last."""
        names = dict.fromkeys(name for _, dimensions in self.sets.values() for name in dimensions)
        return (*names, OVERALL)

    @property
    def models(self) -> tuple[str, ...]:
        """The models, sorted."""
        return tuple(self.counts("model"))

    @property
    def judges(self) -> tuple[str, ...]:
        """The judges that gave any score, sorted."""
        return tuple(judge for judge in self.counts("judge") if judge != UNKNOWN)

    def counts(self, column: str) -> dict[str, int]:
        """Count the rows that hold each text of a column that repeats few, sorted by text."""
        return dict(sorted(Counter(self.frame[column].drop_nulls()).items()))

    def asked(self, dimension: str) -> pl.Expr:
        """Say in which rows a dimension was asked for, or would have been had anybody come to judge."""
        without = [key for key, (_, names) in self.sets.items() if dimension not in (*names, OVERALL)]
        return ~pl.col("digest").is_in(without) if without else pl.lit(True)

    def of_models(self, *models: str) -> Scores:
        """Keep the rows of these models; ``InputError`` where one has none."""
        for model in models:
            if model not in self.models:
                there = f"; there are {', '.join(self.models)}"
                raise InputError(f"no episode was played by {model!r}{nearest(model, self.models) or there}")
        return replace(self, frame=self.frame.filter(pl.col("model").is_in(models)))

    def by_judge(self, judge: str) -> Scores:
        """Keep what one judge scored, and what failed before anybody could; ``InputError`` where that is nothing."""
        if judge not in self.judges:
            there = f"; there are {', '.join(self.judges)}" if self.judges else "; nothing is scored"
            raise InputError(f"no episode was judged by {judge!r}{nearest(judge, self.judges) or there}")
        failed = pl.col("judge").is_in([UNKNOWN]) & ~pl.col("reason").is_in([UNJUDGED])
        return self._narrowed(self.frame.filter(pl.col("judge").is_in([judge]) | failed))

    def on_set(self, name: str) -> Scores:
        """Keep scores on one dimension set, by name or digest, and what failed before it was scored on any."""
        chosen = [key for key, (label, _) in self.sets.items() if name in (label, key)]
        if not chosen:
            labels = [label for label, _ in self.sets.values()]
            there = (
                f"; there are {', '.join(map(self.describe_set, self.sets))}" if self.sets else "; nothing is scored"
            )
            raise InputError(f"nothing is scored on the dimension set {name!r}{nearest(name, labels) or there}")
        return self._narrowed(self.frame.filter(pl.col("digest").is_in([*chosen, UNKNOWN])))

    def _narrowed(self, frame: pl.DataFrame) -> Scores:
        """Forget the dimension sets, and the columns, that no row is scored on any more."""
        left = set(frame["digest"].unique().cast(pl.String).to_list())
        scores = Scores(frame, {key: one for key, one in self.sets.items() if key in left})
        return replace(
            scores, frame=frame.drop([column_of(name) for name in self.dimensions if name not in scores.dimensions])
        )

    def describe_set(self, digest: str) -> str:
        """Name a dimension set so that it cannot be taken for another of its name."""
        return f"{self.sets[digest][0]} ({digest})"

    def check_dimensions(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return the dimensions that are wanted, all where none is named; ``InputError`` where one is not there."""
        for name in wanted:
            if name not in self.dimensions:
                there = f"; there are {', '.join(self.dimensions)}"
                raise InputError(f"no dimension is called {name!r}{nearest(name, self.dimensions) or there}")
        return tuple(name for name in self.dimensions if not wanted or name in wanted)

    def require_scores(self) -> None:
        """Raise ``InputError`` where no score is there at all, saying why none is."""
        if any(self.frame[column_of(name)].count() for name in self.dimensions):
            return
        reasons = sorted(self.counts("reason").items(), key=lambda counted: -counted[1])
        why = [f"{count} x {reason}" for reason, count in reasons[:3]]
        seats = self.frame.height
        raise InputError(
            f"nothing is scored: {seats} seats, all without a score" + (f" ({'; '.join(why)})" if why else "")
        )

    def require_one_scale(self, *, mix_dimensions: bool = False, mix_judges: bool = False) -> None:
        """Raise ``InputError`` where scores were given on different dimension sets or by different judges.

        Averages over those mean nothing unless somebody has a reason for them, who says so with ``mix_...=True``.
        """
        digests = self._scored_by("digest")
        if len(digests) > 1 and not mix_dimensions:
            sets = ", ".join(f"{count} seats on {self.describe_set(key)}" for key, count in digests)
            raise InputError(
                f"the scores are on {len(digests)} dimension sets and cannot be averaged: {sets}; "
                "choose one with --dimension-set, or allow it with --mix-dimensions"
            )
        judges = self._scored_by("judge")
        if len(judges) > 1 and not mix_judges:
            named = ", ".join(f"{count} seats by {judge}" for judge, count in judges)
            raise InputError(
                f"the scores are by {len(judges)} judges and cannot be averaged: {named}; "
                "choose one with --judge, keep them apart with --by judge, or allow it with --mix-judges"
            )

    def _scored_by(self, column: str) -> list[tuple[str, int]]:
        return [(name, count) for name, count in self.counts(column).items() if name != UNKNOWN]


UNJUDGED: Final = "nobody was asked to judge"
"""The reason for missing scores of episodes that no evaluator was to score."""
