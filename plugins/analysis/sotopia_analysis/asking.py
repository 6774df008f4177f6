"""Reading the scores that the options of a command ask for."""

from __future__ import annotations

from sotopia_analysis.reading import read_scores
from sotopia_analysis.scores import Scores
from sotopia_core.cli.conditions import read_conditions
from sotopia_core.cli.stores import open_to_read
from sotopia_core.episodes import EpisodeLog


def read(
    store: str | None,
    tags: list[str] | None,
    where: list[str] | None,
    judge: str | None,
    set_name: str | None,
    *,
    apart: bool = False,
) -> Scores:
    """Read the scores that a command asks for; ``InputError`` where there are none, or something named is unknown."""
    conditions = read_conditions(EpisodeLog, where or ())
    opened, _ = open_to_read(store)
    with opened:
        scores = read_scores(opened, tags=tags or (), where=conditions, apart=apart or judge is not None)
    scores = scores if judge is None else scores.by_judge(judge)
    return scores if set_name is None else scores.on_set(set_name)
