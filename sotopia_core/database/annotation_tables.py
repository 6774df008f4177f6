"""Tables of human annotations: in each row what one annotator made of one episode."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Final

from sotopia_core.annotations import AnnotationForEpisode
from sotopia_core.database.json_decoding import Flaw
from sotopia_core.digests import derive_pk
from sotopia_core.errors import SotopiaError
from sotopia_core.evaluation import OVERALL, DimensionSet, Evaluation, Judgement, Score, Scored, aggregate
from sotopia_core.registry import Registry
from sotopia_core.wording import shown

EPISODE: Final = "pk"
ANNOTATORS: Final = ("annotator_id", "prolific_id")
BESIDE: Final = ("model", "data")
"""Columns that repeat what the episode's own record holds, and are passed over."""

_SCORE: Final = re.compile(r"(.+)_([1-9]\d*)")
_REASONING: Final = "_reasoning"


def is_annotation_table(names: Collection[str]) -> bool:
    """Whether columns are those of human annotations: an episode, an annotator, and scores such as ``goal_1``."""
    return EPISODE in names and any(one in names for one in ANNOTATORS) and bool(_dimensions(tuple(names)))


def annotation_fields(names: Sequence[str], row: Mapping[str, str]) -> dict[str, object] | Flaw:
    """Return the fields of the annotation in a row, or what is wrong with it.

    The columns are ``pk`` (the episode's), ``annotator_id`` or ``prolific_id``, and for each dimension and each agent,
    from 1, ``goal_1`` with the score and ``goal_reasoning_1`` with the reasoning. The pk derives from episode and
    annotator, so that another opinion of the same annotator on the same episode is a conflict.
    """
    dimensions, seats = _dimensions(tuple(names)), _seats(tuple(names))
    unknown = [name for name in names if name not in _known(tuple(names))]
    if unknown:
        return Flaw(f"a table of annotations has no column {shown(unknown[0])}; leave it out")
    annotator = next(row[name] for name in ANNOTATORS if name in names)
    for what, held in (("episode (pk)", row[EPISODE]), ("annotator", annotator)):
        if not held:
            return Flaw(f"the row names no {what}")
    scales = known_set(dimensions)
    rewards: list[tuple[float, dict[str, float]]] = []
    for seat in seats:
        scores: dict[str, float] = {}
        for name in dimensions:
            cell = row.get(f"{name}_{seat}", "")
            try:
                scores[name] = float(cell)
            except ValueError:
                return Flaw(f"{name}_{seat}: expected a score, found {shown(cell)}")
            problem = scales[name].problem_with(scores[name]) if scales is not None else None
            if problem and scales is not None:
                return Flaw(f"{name}_{seat}: {problem} ({scales.name})")
        overall = _overall(scores, scales)
        rewards.append((overall, {**scores, OVERALL: overall}))
    return {
        EPISODE: derive_pk(AnnotationForEpisode.kind(), row[EPISODE], annotator),
        "episode": row[EPISODE],
        "annotator_id": annotator,
        "rewards": rewards,
        "reasoning": _reasoning(dimensions, seats, row),
    }


@cache
def known_set(names: tuple[str, ...]) -> DimensionSet | None:
    """Return the installed dimension set that has these dimensions and the fewest others; None where none has them."""
    registry = Registry.installed()
    found: list[DimensionSet] = []
    for offered in registry.names("dimensions"):
        try:
            one = DimensionSet.from_model(registry.dimension_model(offered, {}))
        except (SotopiaError, ValueError):
            continue  # a faulty plugin's set, which `sotopia plugins list` reports, cannot be meant here
        if set(names) <= set(one.names):
            found.append(one)
    return min(found, key=lambda one: len(one.names), default=None)


def _overall(scores: Mapping[str, float], scales: DimensionSet | None) -> float:
    """Return what an evaluator's scores would come to."""
    weights = {name: scales[name].weight if scales is not None else None for name in scores}
    judgements: dict[str, Judgement] = {
        "agent": Scored(scores={name: Score(value=value) for name, value in scores.items()})
    }
    given = Evaluation(evaluator="person", dimension_set="", digest="", dimensions=weights, judgements=judgements)
    overall = aggregate((given,), ("agent",))["agent"].overall
    assert overall is not None
    return overall


@cache
def _dimensions(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the dimensions that have a score for the first agent, in the order of their columns."""
    scored = (found[1] for name in names if (found := _SCORE.fullmatch(name)) and found[2] == "1")
    return tuple(name for name in scored if not name.endswith(_REASONING))


@cache
def _seats(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of the agents that have scores, from 1."""
    first = _dimensions(names)[0]
    count = sum(1 for name in names if (found := _SCORE.fullmatch(name)) and found[1] == first)
    return tuple(range(1, count + 1))


@cache
def _known(names: tuple[str, ...]) -> frozenset[str]:
    parts = [part for name in _dimensions(names) for part in (name, f"{name}{_REASONING}")]
    return frozenset([EPISODE, *ANNOTATORS, *BESIDE, *(f"{part}_{seat}" for part in parts for seat in _seats(names))])


def _reasoning(dimensions: Sequence[str], seats: Sequence[int], row: Mapping[str, str]) -> str:
    lines: list[str] = []
    for seat in seats:
        said = [(name, row.get(f"{name}{_REASONING}_{seat}", "")) for name in dimensions]
        lines += [f"Agent {seat} comments:", *(f"{name}: {text}" for name, text in said if text)]
    return "\n".join(lines)
