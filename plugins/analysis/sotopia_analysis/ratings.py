"""What people and judges made of the same episodes, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from sotopia_analysis.intervals import Codes, Numbers
from sotopia_analysis.scores import Scores, column_of
from sotopia_core.annotations import AnnotationForEpisode
from sotopia_core.database.annotation_tables import known_set
from sotopia_core.errors import InputError
from sotopia_core.evaluation import OVERALL

Unit = tuple[str, int]
"""An episode's pk and a seat: what is rated."""


@dataclass(frozen=True)
class Ratings:
    """``people`` maps each dimension to the scores of each unit (rows) by each annotator (columns), NaN where none.

    ``judges`` maps each judge to its dimensions' scores of the units. ``clusters`` holds each unit's cluster, which
    ``clustered_by`` names; ``reasons`` says for each judge why scores are missing. ``unplaced`` counts annotated
    episodes that are in no store, so that no judge can be held against their annotators.
    """

    units: tuple[Unit, ...]
    annotators: tuple[str, ...]
    people: Mapping[str, Numbers]
    judges: Mapping[str, Mapping[str, Numbers]]
    clusters: Codes
    clustered_by: str
    reasons: Mapping[str, Mapping[str, int]]
    unplaced: int

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that people rated, the overall score last."""
        return tuple(self.people)


def join_ratings(
    annotations: Iterable[AnnotationForEpisode], scores: Scores | None, judges: Sequence[str] = ()
) -> Ratings:
    """Put annotations beside the scores of judges, read with ``apart=True``; all judges where none is named.

    ``InputError`` without annotations, where an annotator contradicts themselves or scores out of range, or where a
    judge that is named scored nothing.
    """
    by_unit, annotators = _collect(annotations)
    units = tuple(by_unit)
    names = list(dict.fromkeys(name for people in by_unit.values() for given in people.values() for name in given))
    dimensions = [*(name for name in names if name != OVERALL), *([OVERALL] if OVERALL in names else [])]
    people = {
        name: np.array(
            [[by_unit[unit].get(annotator, {}).get(name, np.nan) for annotator in annotators] for unit in units]
        )
        for name in dimensions
    }
    episodes = dict.fromkeys(episode for episode, _ in units)
    frame = None if scores is None else scores.frame.filter(pl.col("episode").cast(pl.String).is_in(list(episodes)))
    places: dict[str, str] = {}
    if frame is not None:
        texts = frame.select(pl.col("episode", "environment").cast(pl.String)).unique()
        places = {str(episode): str(environment) for episode, environment in texts.iter_rows()}
    placed = len(places) == len(episodes)
    found, reasons = ({}, {}) if scores is None or frame is None else _judged(scores, frame, units, dimensions, judges)
    where = [places[episode] if placed else episode for episode, _ in units]
    return Ratings(
        units=units,
        annotators=annotators,
        people=people,
        judges=found,
        clusters=np.unique(where, return_inverse=True)[1].astype(np.int64),
        clustered_by="scenario" if placed else "episode",
        reasons=reasons,
        unplaced=len(episodes) - len(places),
    )


def _collect(
    annotations: Iterable[AnnotationForEpisode],
) -> tuple[dict[Unit, dict[str, dict[str, float]]], tuple[str, ...]]:
    seen: dict[tuple[str, str], AnnotationForEpisode] = {}
    by_unit: dict[Unit, dict[str, dict[str, float]]] = {}
    for one in annotations:
        earlier = seen.setdefault((one.episode, one.annotator_id), one)
        if earlier.rewards != one.rewards:
            raise InputError(
                f"annotator {one.annotator_id!r} contradicts themselves on episode {one.episode}: the annotations "
                f"{earlier.pk} and {one.pk} differ; delete one of them"
            )
        for seat in range(len(one.rewards)):
            by_unit.setdefault((one.episode, seat), {})[one.annotator_id] = _given(one, seat)
    if not by_unit:
        raise InputError("there is no annotation; sotopia import TABLE.csv brings them in, sotopia annotate makes them")
    ordered = dict(sorted(by_unit.items()))
    return ordered, tuple(sorted({annotator for people in by_unit.values() for annotator in people}))


def _given(annotation: AnnotationForEpisode, seat: int) -> dict[str, float]:
    """Return the scores of one agent that are there; ``InputError`` where one is off its scale."""
    entry = annotation.rewards[seat]
    if entry is None:
        return {}
    scores = {OVERALL: entry} if isinstance(entry, float) else {**entry[1], OVERALL: entry[0]}
    scales = known_set(tuple(name for name in scores if name != OVERALL))
    for name, score in scores.items():
        problem = scales[name].problem_with(score) if scales is not None and name != OVERALL else None
        if problem and scales is not None:
            raise InputError(
                f"annotation {annotation.pk} of episode {annotation.episode} by {annotation.annotator_id!r}: "
                f"{problem} ({scales.name})"
            )
    return scores


def _judged(
    scores: Scores, frame: pl.DataFrame, units: Sequence[Unit], dimensions: Sequence[str], judges: Sequence[str]
) -> tuple[dict[str, dict[str, Numbers]], dict[str, dict[str, int]]]:
    for judge in judges:
        scores.by_judge(judge)
    texts = frame.with_columns(pl.col("judge", "episode").cast(pl.String))
    found: dict[str, dict[str, Numbers]] = {}
    reasons: dict[str, dict[str, int]] = {}
    for judge in judges or sorted(set(texts["judge"].to_list()) - {""}):
        rows = {
            (row["episode"], row["seat"]): row for row in texts.filter(pl.col("judge") == judge).iter_rows(named=True)
        }
        found[judge] = {name: np.full(len(units), np.nan) for name in dimensions}
        why: dict[str, int] = {}
        for at, unit in enumerate(units):
            row = rows.get(unit)
            reason = None if row is None else row["reason"]
            if row is None or reason is not None:
                text = reason or f"{judge} did not judge it"
                why[text] = why.get(text, 0) + 1
            for name in dimensions if row is not None else ():
                value = row.get(column_of(name)) if row is not None else None
                found[judge][name][at] = np.nan if value is None else value
        reasons[judge] = why
    return found, reasons
