"""From episodes to the table of scores: one episode at a time, in memory that holds only the scores."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from sotopia_analysis.scores import NO_MODEL, UNJUDGED, UNKNOWN, Scores, column_of
from sotopia_core.digests import digest
from sotopia_core.episodes import EpisodeLog, Rescoring, cast_of
from sotopia_core.errors import InputError, NotFoundError, nearest
from sotopia_core.evaluation import OVERALL, Evaluation, Reward, aggregate
from sotopia_core.profiles import EnvironmentProfile
from sotopia_core.stores import Store

TEXTS: Final = (
    "environment",
    "scenario",
    "relationship",
    "cast",
    "agent",
    "model",
    "partner",
    "agent_class",
    "tag",
    "run",
    "judge",
    "digest",
    "reason",
)
ROWS: Final = 8192
"""Rows that are kept as Python has them before they become a part of the table, which takes less."""

GAME: Final = "outcome"
"""The digest that stands for a game's bare outcome, which is on no dimension set."""

Judged = tuple[str, str, Mapping[str, Reward]]
"""A judge, a dimension set's digest, and what each agent came to, by name or position."""


def read_scores(
    store: Store, *, tags: Iterable[str] = (), where: Mapping[str, Any] | None = None, apart: bool = False
) -> Scores:
    """Read the scores of all episodes in a store that have one of the tags and fulfil the conditions, as in ``find``.

    ``apart`` keeps the judges apart: a row for each of an episode's evaluations, where otherwise there is one for what
    they came to together. What ``sotopia rescore`` had judged again is among them; a judge that scored an episode
    before is called ``... (rescored)`` there. ``InputError`` where there is no such episode, ``StorageError`` where the
    store fails.
    """
    conditions = dict(where or {})
    wanted = list(dict.fromkeys(tags))
    reader = _Reader(store, apart=apart)
    for tag in wanted:
        if not store.count(EpisodeLog, {**conditions, "tag": tag}):
            raise InputError(_no_tag(store, tag, conditions))
        reader.take(store.iterate(EpisodeLog, {**conditions, "tag": tag}))
    if not wanted:
        reader.take(store.iterate(EpisodeLog, conditions))
    if reader.empty:
        among = " that fulfils the conditions" if conditions else ""
        raise InputError(f"there is no episode{among} in the store; sotopia list episodes shows what there is")
    return reader.scores()


def scores_of(episodes: Iterable[EpisodeLog], *, apart: bool = False, store: Store | None = None) -> Scores:
    """Return the scores of episodes at hand, as :func:`read_scores` does; ``InputError`` where there is none.

    ``store`` is where scenarios are looked up, and what was judged again.
    """
    reader = _Reader(store, apart=apart)
    reader.take(episodes)
    if reader.empty:
        raise InputError("there is no episode to analyse")
    return reader.scores()


def _no_tag(store: Store, tag: str, conditions: Mapping[str, Any]) -> str:
    known = sorted({episode.tag for episode in store.iterate(EpisodeLog, conditions)} - {""})
    there = f"; there are {', '.join(known)}" if known else "; none has a tag"
    return f"no episode has the tag {tag!r}{nearest(tag, known) or there}"


@dataclass
class _Column:
    """Texts that repeat, or None: each once, and its number in every row."""

    numbers: dict[str | None, int] = field(default_factory=dict)
    rows: MutableSequence[int] = field(default_factory=lambda: array("I"))

    def add(self, text: str | None) -> None:
        self.rows.append(self.numbers.setdefault(text, len(self.numbers)))

    def taken(self, name: str) -> pl.Series:
        """Give the numbers of the rows away, as small as they are."""
        rows, self.rows = self.rows, array("I")
        size = pl.UInt8 if len(self.numbers) <= 2**8 else pl.UInt16 if len(self.numbers) <= 2**16 else pl.UInt32
        return pl.Series(name, np.asarray(rows, dtype=np.uint32)).cast(size)

    def texts(self, name: str) -> pl.Series:
        """Return the texts by number."""
        texts = list(self.numbers)
        return pl.Series(name, texts, dtype=pl.Enum([text for text in texts if text is not None]))


class _Reader:
    def __init__(self, store: Store | None, *, apart: bool) -> None:
        self._store = store
        self._apart = apart
        self._parts: list[pl.DataFrame] = []
        self._episodes = _Column()
        self._texts = {name: _Column() for name in TEXTS}
        self._seat = array("i")
        self._trial = array("q")
        self._offline = array("b")
        self._values: dict[str, MutableSequence[float]] = {OVERALL: array("d")}
        self._sets: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._places: dict[str, tuple[str, str]] = {}
        self._rescored = apart and store is not None and store.count(Rescoring) > 0

    @property
    def empty(self) -> bool:
        return not self._parts and not self._seat

    def take(self, episodes: Iterable[EpisodeLog]) -> None:
        for episode in episodes:
            scenario, relationship = self._place(episode)
            known: set[str] = set()
            for judge, key, rewards in self._judged(episode):
                known.add(judge)
                for seat in range(len(episode.agents)):
                    self._add(episode, seat, scenario, relationship, judge, key, rewards)
            for judge, key, rewards in self._rescorings(episode) if self._rescored else ():
                name = f"{judge} (rescored)" if judge in known else judge
                for seat in range(len(episode.agents)):
                    self._add(episode, seat, scenario, relationship, name, key, rewards)

    def _judged(self, episode: EpisodeLog) -> Iterator[Judged]:
        if episode.evaluations:
            yield from self._evaluated(episode)
        else:
            yield self._logged(episode)

    def _evaluated(self, episode: EpisodeLog) -> Iterator[Judged]:
        for one in episode.evaluations:
            self._sets.setdefault(one.digest, (one.dimension_set, tuple(one.dimensions)))
        if self._apart and len(episode.evaluations) > 1:
            for one in episode.evaluations:
                yield _judge(one), one.digest, aggregate((one,), episode.agent_names)
            return
        judges = " + ".join(sorted({_judge(one) for one in episode.evaluations}))
        digests = list(dict.fromkeys(one.digest for one in episode.evaluations))
        yield judges, self._joined(digests), episode.outcome

    def _rescorings(self, episode: EpisodeLog) -> Iterator[Judged]:
        """Yield what judges made of an episode when they were asked later."""
        assert self._store is not None
        names = cast_of(episode)
        for again in self._store.find(Rescoring, {"episode": episode.pk}):
            for one in again.evaluations:
                self._sets.setdefault(one.digest, (one.dimension_set, tuple(one.dimensions)))
                yield _judge(one), one.digest, aggregate((one,), names or tuple(one.judgements))

    def _joined(self, digests: list[str]) -> str:
        """Return the digest of several sets together, which is a set of its own: their scores are averaged."""
        key = "+".join(digests)
        if len(digests) > 1 and key not in self._sets:
            parts = [self._sets[one] for one in digests]
            names = tuple(dict.fromkeys(name for _, dimensions in parts for name in dimensions))
            self._sets[key] = (" + ".join(name for name, _ in parts), names)
        return key

    def _logged(self, episode: EpisodeLog) -> Judged:
        """Return what the log of an episode that was not judged here says, by seat."""
        rewards: dict[str, Reward] = {}
        key = UNKNOWN
        for seat, entry in enumerate(episode.rewards):
            if isinstance(entry, tuple):
                scores = {name: value for name, value in entry[1].items() if name != OVERALL}
                rewards[str(seat)] = Reward(overall=entry[0], scores=scores)
                key = self._set_of_log(tuple(scores))
            elif entry is not None:
                rewards[str(seat)] = Reward(overall=entry, scores={})
                key = GAME
                self._sets.setdefault(GAME, ("a game's outcome", ()))
        asked = episode.status in ("scored", "unscored")
        judge = episode.models[0] if episode.models and asked else UNKNOWN
        return judge, key, rewards

    def _set_of_log(self, names: tuple[str, ...]) -> str:
        key = f"log-{digest(sorted(names))[:8]}"
        self._sets.setdefault(key, ("as logged", names))
        return key

    def _add(
        self,
        episode: EpisodeLog,
        seat: int,
        scenario: str,
        relationship: str,
        judge: str,
        key: str,
        rewards: Mapping[str, Reward],
    ) -> None:
        cast = cast_of(episode)
        name = cast[seat] if len(cast) == len(episode.agents) else episode.agents[seat]
        reward = rewards.get(name) or rewards.get(str(seat))
        models = episode.models[1:] if len(episode.models) == len(episode.agents) + 1 else ()
        model, partner = NO_MODEL, NO_MODEL
        if models:
            model = models[seat]
            partner = models[1 - seat] if len(models) == 2 else " + ".join([*models[:seat], *models[seat + 1 :]])
        if reward is None or reward.overall is None or None in reward.scores.values():
            reason = _reason(episode, name, reward) or None
        else:
            reason = None
        texts = (
            episode.environment,
            scenario,
            relationship,
            " ".join(episode.agents),
            name,
            model,
            partner,
            episode.agent_classes[seat] if seat < len(episode.agent_classes) else "",
            episode.tag,
            episode.run or "",
            judge,
            key,
            reason,
        )
        self._episodes.add(episode.pk)
        for column, text in zip(self._texts.values(), texts, strict=True):
            column.add(text)
        self._seat.append(seat)
        self._trial.append(-1 if episode.trial is None else episode.trial)
        self._offline.append(episode.provenance is not None and episode.provenance.offline)
        self._add_values(reward)
        if len(self._seat) == ROWS:
            self._keep()

    def _add_values(self, reward: Reward | None) -> None:
        scores: dict[str, float | None] = {} if reward is None else reward.scores
        before = len(self._seat) - 1
        for name in scores:
            if name not in self._values:
                self._values[name] = array("d", [np.nan]) * before
        for name, column in self._values.items():
            value = scores.get(name) if name != OVERALL else None if reward is None else reward.overall
            column.append(np.nan if value is None else value)

    def _place(self, episode: EpisodeLog) -> tuple[str, str]:
        """Return the scenario's codename and relationship; what is not known is its pk, and ``unknown``."""
        if episode.combo is not None:
            environment = episode.combo.environment
            pair = len(episode.agents) == 2
            return environment.label, (episode.combo.relationship(0, 1) if pair else environment.relationship).name
        if episode.environment not in self._places:
            self._places[episode.environment] = self._look_up(episode.environment)
        return self._places[episode.environment]

    def _look_up(self, pk: str) -> tuple[str, str]:
        try:
            found = self._store.get(EnvironmentProfile, pk) if self._store is not None and pk else None
        except NotFoundError:
            found = None
        return (pk, "unknown") if found is None else (found.label, found.relationship.name)

    def _keep(self) -> None:
        """Make a part of the table of the rows at hand, with numbers for texts that later rows may add to."""
        episodes, self._episodes = self._episodes, _Column()
        trial = pl.Series("trial", np.asarray(self._trial, dtype=np.int64))
        columns = [pl.Series("episode", list(episodes.numbers), dtype=pl.String).gather(episodes.taken("episode"))]
        columns += [column.taken(name) for name, column in self._texts.items()]
        columns += [
            pl.Series("seat", np.asarray(self._seat, dtype=np.int32)),
            pl.select(pl.when(trial >= 0).then(trial).alias("trial")).to_series(),
            pl.Series("offline", np.asarray(self._offline, dtype=np.int8) != 0),
        ]
        columns += [
            pl.Series(column_of(name), np.asarray(values)).fill_nan(None) for name, values in self._values.items()
        ]
        self._parts.append(pl.DataFrame(columns))
        self._seat, self._trial, self._offline = array("i"), array("q"), array("b")
        self._values = {name: array("d") for name in self._values}

    def scores(self) -> Scores:
        """Make the table of its parts, which stay where they are."""
        if self._seat:
            self._keep()
        texts = [column.texts(name) for name, column in self._texts.items()]
        known = dict.fromkeys(name for _, names in self._sets.values() for name in names)
        for at, part in enumerate(self._parts):
            columns = [part["episode"], *(one.gather(part[one.name]) for one in texts)]
            columns += [part[name] for name in ("seat", "trial", "offline")]
            columns += [
                part[name] if name in part.columns else pl.Series(name, [None] * part.height, dtype=pl.Float64)
                for name in map(column_of, (*known, OVERALL))
            ]
            self._parts[at] = pl.DataFrame(columns)
        return Scores(pl.concat(self._parts, rechunk=False), self._sets)


def _judge(evaluation: Evaluation) -> str:
    return evaluation.model or evaluation.evaluator


def _reason(episode: EpisodeLog, name: str, reward: Reward | None) -> str:
    """Say why a score is missing."""
    if episode.status == "failed":
        return f"the episode failed: {episode.cause}"
    told = reward or episode.outcome.get(name)
    if told is not None and told.reasons:
        return "; ".join(dict.fromkeys(told.reasons))
    return UNJUDGED if episode.status == "unjudged" else "the log gives no score"
