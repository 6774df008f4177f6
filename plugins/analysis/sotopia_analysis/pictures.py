"""Pictures of scores, for papers and screens: legible in grey and to colour-blind readers, as PNG or SVG.

Models are told apart by marker and by shade: the colours are those of Okabe and Ito ("Color Universal Design", 2008),
in an order in which neighbours differ in lightness too. Every picture says how many scores are behind it and missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sotopia_analysis.correlation import pearson
from sotopia_analysis.description import Descriptions, notes_on
from sotopia_analysis.ratings import Ratings
from sotopia_analysis.scores import Scores, column_of
from sotopia_core.errors import InputError

MARKERS: Final = "osD^vPX*<>"
COLOURS: Final = ("#000000", "#E69F00", "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#999999")
SUFFIXES: Final = (".png", ".svg")
ACROSS: Final = 4
"""Panels side by side."""


def save_picture(figure: Figure, path: Path, *, force: bool = False) -> None:
    """Write a picture; ``InputError`` where the name does not end in .png or .svg, or the file cannot be written."""
    check_picture_path(path, force=force)
    try:
        figure.savefig(path, dpi=200, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def check_picture_path(path: Path, *, force: bool = False) -> None:
    """Raise ``InputError`` where a picture cannot go by that name: before any work is done for it."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: a picture's name ends in {' or '.join(SUFFIXES)}")
    if path.exists() and not force:
        raise InputError(f"{path} is there already; name another file, or overwrite it with --force")


def draw_means(found: Descriptions) -> Figure:
    """Draw each group's mean with its interval, a panel for each dimension."""
    names = list(dict.fromkeys(row.dimension for row in found.rows))
    groups = list(dict.fromkeys(", ".join(row.group.values()) for row in found.rows))
    figure, panels = _panels(len(names), height=0.7 + 0.28 * len(groups))
    for at, (name, axes) in enumerate(zip(names, panels, strict=True)):
        for place, group in enumerate(groups):
            row = next((r for r in found.rows if r.dimension == name and ", ".join(r.group.values()) == group), None)
            if row is None or row.estimate.value is None:
                continue
            colour, marker = _style(place)
            if row.estimate.low is not None and row.estimate.high is not None:
                axes.plot([row.estimate.low, row.estimate.high], [place, place], color=colour, linewidth=1.4)
            hollow = row.estimate.low is None
            face = "white" if hollow else colour
            axes.plot(row.estimate.value, place, marker, color=colour, markerfacecolor=face, markersize=6)
        _rows(axes, groups, labelled=at % ACROSS == 0)
        axes.set_title(_title(name), fontsize=9)
        axes.grid(axis="x", color="0.9")
    least = sum(row.estimate.n for row in found.rows)
    missing = sum(row.missing for row in found.rows)
    _caption(
        figure,
        f"Mean and {100 * found.level:g}% interval, clustered by {found.rows[0].clustered_by}; hollow: no interval. "
        f"{least:,} scores, {missing:,} missing.",
        found.notes,
    )
    return figure


def draw_distributions(scores: Scores, dimensions: Sequence[str] = ()) -> Figure:
    """Draw how often each model got each score, as circles whose area is the share, a panel for each dimension."""
    names = scores.check_dimensions(dimensions)
    models = scores.models
    figure, panels = _panels(len(names), height=0.7 + 0.34 * len(models))
    for at, (name, axes) in enumerate(zip(names, panels, strict=True)):
        column = column_of(name)
        for place, model in enumerate(models):
            own = scores.frame.filter((pl.col("model").cast(pl.String) == model) & scores.asked(name))
            there = own[column].drop_nulls().round(0)
            values, counts = np.unique(there.to_numpy(), return_counts=True)
            colour, _ = _style(place)
            if len(values):
                axes.scatter(
                    values, [place] * len(values), s=170 * counts / counts.sum(), color=colour, alpha=0.85, linewidth=0
                )
            gone = own.height - there.len()
            label = f"{there.len()}" + (f" ({gone} missing)" if gone else "")
            axes.annotate(
                label,
                (1, place),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 7),
                textcoords="offset points",
                fontsize=6,
                ha="right",
                color="0.35",
            )
        _rows(axes, models, labelled=at % ACROSS == 0)
        axes.set_title(_title(name), fontsize=9)
        axes.grid(axis="x", color="0.93")
    _caption(
        figure,
        "Share of each score, rounded to whole numbers, by area; at the right, how many scores.",
        [*notes_on(scores, [])],
    )
    return figure


def draw_partners(scores: Scores, dimension: str) -> Figure:
    """Draw each model's mean with each partner on one dimension, as shades of grey with the number on them."""
    (name,) = scores.check_dimensions([dimension])
    column = column_of(name)
    texts = scores.frame.with_columns(pl.col("model", "partner").cast(pl.String))
    models, partners = sorted(set(texts["model"])), sorted(set(texts["partner"]))
    grouped = texts.group_by("model", "partner").agg(pl.col(column).mean(), pl.col(column).count().alias("n"), pl.len())
    cells = {(row["model"], row["partner"]): row for row in grouped.iter_rows(named=True)}
    means = np.array([[_cell(cells.get((m, p)), column) for p in partners] for m in models], dtype=np.float64)
    if np.isnan(means).all():
        raise InputError(f"no score on {name} is there to be drawn")
    longest = max(map(len, models))
    figure = Figure(
        figsize=(1.6 + 0.08 * longest + 1.15 * len(partners), 1.7 + 0.55 * len(models)), layout="constrained"
    )
    axes = figure.subplots()
    spread = float(np.nanmax(means) - np.nanmin(means)) or 1.0
    low = float(np.nanmin(means)) - spread / 3  # the lightest shade is not white, which means that nothing is there
    axes.imshow(means, cmap="Greys", vmin=low, vmax=float(np.nanmax(means)) + spread / 3, aspect="auto")
    middle = low + spread
    for i, model in enumerate(models):
        for j, partner in enumerate(partners):
            cell = cells.get((model, partner))
            if cell is None:
                continue
            gone = cell["len"] - cell["n"]
            text = "–" if cell["n"] == 0 else f"{cell[column]:.2f}"
            text += f"\nn = {cell['n']}" + (f", {gone} missing" if gone else "")
            dark = not math.isnan(means[i, j]) and means[i, j] > middle
            axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color="white" if dark else "black")
    axes.set_xticks(range(len(partners)), [_short(one) for one in partners], fontsize=8, rotation=20, ha="right")
    axes.set_yticks(range(len(models)), [_short(one) for one in models], fontsize=8)
    axes.set_xlabel("partner", fontsize=8)
    axes.set_ylabel("model", fontsize=8)
    axes.set_title(f"Mean {_title(name)} by partner", fontsize=10)
    _caption(figure, "White: never met.", [*notes_on(scores, [])])
    return figure


def _cell(cell: dict[str, Any] | None, column: str) -> float:
    value: float | None = None if cell is None else cell[column]
    return math.nan if value is None else value


def draw_agreement(ratings: Ratings, judge: str, dimensions: Sequence[str] = ()) -> Figure:
    """Draw a judge's scores against the mean of people's, a panel for each dimension; larger where they coincide."""
    if judge not in ratings.judges:
        raise InputError(f"{judge!r} judged no annotated episode")
    names = [name for name in ratings.dimensions if not dimensions or name in dimensions]
    figure, panels = _panels(len(names), height=2.1)
    for name, axes in zip(names, panels, strict=True):
        people, own = ratings.people[name], ratings.judges[judge][name]
        counts = np.sum(~np.isnan(people), axis=1)
        there = (counts > 0) & ~np.isnan(own)
        mean = np.nansum(people[there], axis=1) / counts[there]
        points, often = np.unique(np.column_stack([mean, own[there]]), axis=0, return_counts=True)
        if len(points):
            low, high = float(points.min()) - 0.5, float(points.max()) + 0.5
            axes.plot([low, high], [low, high], color="0.6", linestyle="--", linewidth=1)
            axes.scatter(points[:, 0], points[:, 1], s=14 * often, color="black", alpha=0.6, linewidth=0)
            axes.set_xlim(low, high)
            axes.set_ylim(low, high)
        r = pearson(mean, own[there])
        told = "r undefined" if r is None else f"r = {r:.2f}"
        gone = int(np.sum((counts > 0) & np.isnan(own)))
        missing = f", {gone} missing" if gone else ""
        axes.set_title(f"{_title(name)}\n{told}, n = {int(there.sum())}{missing}", fontsize=8)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=7)
        axes.set_xlabel("people", fontsize=7)
        axes.set_ylabel(_short(judge), fontsize=7)
    _caption(figure, "Each judged seat against the mean of its annotators; dashed: perfect agreement.", ())
    return figure


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    rows, across = math.ceil(count / ACROSS), min(count, ACROSS)
    figure = Figure(figsize=(1.4 + 2.2 * across, 0.5 + max(height, 1.1) * rows), layout="constrained")
    grid = figure.subplots(rows, across, squeeze=False)
    panels = [axes for row in grid for axes in row]
    for unused in panels[count:]:
        unused.set_axis_off()
    return figure, panels[:count]


def _rows(axes: Axes, labels: Sequence[str], *, labelled: bool) -> None:
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(
        range(len(labels)), [_short(label) for label in labels] if labelled else [""] * len(labels), fontsize=8
    )
    axes.tick_params(axis="x", labelsize=7)
    axes.margins(x=0.12)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _style(place: int) -> tuple[str, str]:
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def _short(label: str) -> str:
    """Shorten a label in its middle, where models of one family are alike."""
    return label if len(label) <= 30 else f"{label[:14]}…{label[-15:]}"


def _title(dimension: str) -> str:
    return dimension.replace("financial_and_material_benefits", "financial benefits").replace("_", " ")


def _caption(figure: Figure, text: str, notes: Sequence[str]) -> None:
    lines = [text, *_folded(notes, letters=int(17 * figure.get_figwidth()))]
    figure.supxlabel("\n".join(lines), fontsize=7, color="0.3", x=0.01, ha="left")


def _folded(notes: Sequence[str], letters: int) -> Iterator[str]:
    for note in notes:
        line = ""
        for word in f"Note: {note}.".split():
            if len(line) + len(word) > letters:
                yield line
                line = ""
            line = f"{line} {word}".strip()
        yield line
