"""What ``sotopia plot`` does: reads what is asked for, draws it, and writes the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from sotopia_analysis.asking import read, read_ratings
from sotopia_analysis.description import describe
from sotopia_analysis.pictures import (
    check_picture_path,
    draw_agreement,
    draw_distributions,
    draw_means,
    draw_partners,
    save_picture,
)
from sotopia_core.errors import InputError, nearest
from sotopia_core.evaluation import OVERALL

KINDS: Final = ("means", "distributions", "partners", "agreement")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a picture is to show: the options of ``sotopia plot``."""

    by: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    tags: list[str] | None = None
    where: list[str] | None = None
    judge: str | None = None
    set_name: str | None = None
    mix_dimensions: bool = False
    mix_judges: bool = False
    level: float = 0.95


def draw(kind: str, path: Path, asked: Asked, store: str | None, *, force: bool) -> None:
    """Draw one picture; ``InputError`` for a kind or a file that cannot be, or where there is nothing to draw."""
    if kind not in KINDS:
        raise InputError(f"there is no picture of {kind!r}{nearest(kind, KINDS) or '; there are ' + ', '.join(KINDS)}")
    check_picture_path(path, force=force)
    figure = _agreement(asked, store) if kind == "agreement" else _of_scores(kind, asked, store)
    save_picture(figure, path, force=force)


def _agreement(asked: Asked, store: str | None) -> Figure:
    ratings = read_ratings(store, None, None if asked.judge is None else [asked.judge])
    judges = list(ratings.judges)
    if len(judges) != 1:
        there = f"there are {', '.join(judges)}; choose one with --judge" if judges else "no annotated episode has one"
        raise InputError(f"a picture of agreement needs one judge: {there}")
    return draw_agreement(ratings, judges[0], asked.dimensions)


def _of_scores(kind: str, asked: Asked, store: str | None) -> Figure:
    scores = read(store, asked.tags, asked.where, asked.judge, asked.set_name, apart="judge" in asked.by)
    scores = scores.of_models(*asked.models) if asked.models else scores
    mix = {"mix_dimensions": asked.mix_dimensions, "mix_judges": asked.mix_judges}
    if kind == "means":
        return draw_means(describe(scores, asked.by, dimensions=asked.dimensions, level=asked.level, **mix))
    scores.require_scores()
    scores.require_one_scale(**mix)
    if kind == "distributions":
        return draw_distributions(scores, asked.dimensions)
    if len(asked.dimensions) > 1:
        raise InputError("a picture of partners shows one dimension; name one with --dimension")
    return draw_partners(scores, asked.dimensions[0] if asked.dimensions else OVERALL)
