"""Reading the scores that the options of a command ask for."""

from __future__ import annotations

from sotopia_analysis.ratings import Ratings, join_ratings
from sotopia_analysis.reading import read_scores, scores_of
from sotopia_analysis.scores import Scores
from sotopia_core.annotations import AnnotationForEpisode
from sotopia_core.cli.conditions import read_conditions
from sotopia_core.cli.stores import open_to_read
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import InputError, nearest


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


def read_ratings(store: str | None, annotators: list[str] | None, judges: list[str] | None) -> Ratings:
    """Read annotations beside the scores that judges gave the same episodes.

    ``InputError`` where there are no annotations, an annotator is unknown or cannot be believed, or a judge is unknown.
    """
    opened, _ = open_to_read(store)
    with opened:
        annotations = list(opened.iterate(AnnotationForEpisode))
        known = sorted({one.annotator_id for one in annotations})
        for name in annotators or ():
            if name not in known:
                there = f"; there are {', '.join(known)}" if known else "; nobody annotated anything"
                raise InputError(f"no annotation is by {name!r}{nearest(name, known) or there}")
        chosen = [one for one in annotations if not annotators or one.annotator_id in annotators]
        episodes = sorted({one.episode for one in chosen})
        there_are = [pk for pk in episodes if opened.count(EpisodeLog, {"pk": pk})]
        scores = (
            scores_of((opened.get(EpisodeLog, pk) for pk in there_are), apart=True, store=opened) if there_are else None
        )
        if scores is None and judges:
            raise InputError(f"no annotated episode is in the store, so {judges[0]!r} judged none of them")
        return join_ratings(chosen, scores, judges or ())
