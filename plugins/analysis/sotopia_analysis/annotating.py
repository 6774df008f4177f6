"""Blind annotation in the terminal: what happened, and not who played it or how it was judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sotopia_core.annotations import AnnotationForEpisode, Annotator
from sotopia_core.cli.layout import heading
from sotopia_core.cli.transcript import render_episode
from sotopia_core.config import LoadedConfig
from sotopia_core.database.stored_dimensions import find_dimension_set
from sotopia_core.digests import derive_pk, digest
from sotopia_core.episodes import EpisodeLog, RewardEntry, RunRecord, cast_of, reward_entries
from sotopia_core.errors import InputError, NotFoundError
from sotopia_core.evaluation import Dimension, DimensionSet, Evaluation, Score, Scored, aggregate
from sotopia_core.plugins import CORE
from sotopia_core.registry import Registry
from sotopia_core.rubrics import dimensions_from_table
from sotopia_core.stores import JournalEntry, Store

Ask = Callable[[str], str]
"""Shows a question and returns the line that was typed; ``EOFError`` where nobody types any more."""

SCORE: Final = 0
REASON: Final = 1
HELP: Final = "a score, ? for the rubric, skip for the next episode, quit to stop (what is answered is kept)"


class SkippedError(Exception):
    """The annotator wants another episode."""


class StoppedError(Exception):
    """The annotator has had enough."""


def annotation_pk(episode: str, annotator: str) -> str:
    """Return the pk of an annotator's opinion on an episode: there is one, however it came into the store."""
    return derive_pk(AnnotationForEpisode.kind(), episode, annotator)


def to_annotate(store: Store, episodes: Sequence[str], annotator: str) -> list[str]:
    """Return the episodes that an annotator has not annotated yet, in an order of the annotator's own.

    Orders differ, so that what comes late, when people are tired, is not the same for all.
    """
    done = {one.episode for one in store.iterate(AnnotationForEpisode, {"annotator_id": annotator})}
    return sorted((pk for pk in episodes if pk not in done), key=lambda pk: digest([annotator, pk]))


def blind(episode: EpisodeLog) -> str:
    """Return an episode as an annotator may see it: backgrounds and interaction, and nothing about who or what played.

    Left out are models, agents' classes, tag, run, judges, scores and reasons.
    """
    shown = episode.model_copy(
        update={"evaluations": (), "outcome": {}, "rewards": (), "reasoning": "", "status": "unjudged", "cause": None}
    )
    text = render_episode(shown, reasoning=False)
    _, background, after = text.partition(heading("Background"))
    if not background:
        _, background, after = text.partition(heading("Interaction"))
    return (background + after).partition(f"\n\n{heading('Scores')}\n")[0]


def dimensions_for(episode: EpisodeLog, store: Store, registry: Registry, name: str | None) -> DimensionSet:
    """Return the dimensions to annotate along: those named, or those that the episode was judged on.

    Episodes that were not judged here are annotated along ``SotopiaDimensions``. ``InputError`` where the set is not to
    be found any more, or has changed since.
    """
    if name is not None or not episode.evaluations:
        wanted = name or "SotopiaDimensions"
        found = find_dimension_set(store, wanted) if name else None
        return found or DimensionSet.from_model(registry.dimension_model(wanted if name else f"{CORE}:{wanted}", {}))
    judged = episode.evaluations[0]
    for one in _candidates(judged.dimension_set, episode, store, registry):
        if one.digest == judged.digest:
            return one
    raise InputError(
        f"episode {episode.pk} was judged on {judged.dimension_set} ({judged.digest}), which is not here, or not as it "
        "was; name the dimensions with --dimension-set"
    )


def _candidates(name: str, episode: EpisodeLog, store: Store, registry: Registry) -> Iterator[DimensionSet]:
    if name in registry.names("dimensions"):
        yield DimensionSet.from_model(registry.dimension_model(name, {}))
    stored = find_dimension_set(store, name)
    if stored is not None:
        yield stored
    try:
        run = store.get(RunRecord, episode.run or "")
    except NotFoundError:
        return
    config = LoadedConfig.restored(run.config, run.origins).config
    if name in config.dimensions:
        yield dimensions_from_table(
            name,
            config.dimensions[name],
            Path(),
            lambda other: DimensionSet.from_model(registry.dimension_model(other, {})),
        )


@dataclass(frozen=True)
class Session:
    """One annotator's sitting: every answer is kept before the next question, so that none is asked twice."""

    store: Store
    annotator: str
    ask: Ask
    say: Callable[[str], None]
    reasons: bool = True

    def annotate(self, episode: EpisodeLog, dimensions: DimensionSet) -> AnnotationForEpisode:
        """Ask for all scores of an episode that are not answered yet, and store the annotation.

        Raises ``SkippedError`` or ``StoppedError`` where the annotator asks for that.
        """
        pk = annotation_pk(episode.pk, self.annotator)
        names = cast_of(episode) or episode.agents
        answers = {(entry.turn, entry.purpose, entry.attempt): entry for entry in self.store.read_journal(_key(pk))}
        judgements: dict[str, Scored] = {}
        for seat, name in enumerate(names):
            scores: dict[str, Score] = {}
            for dimension in dimensions.dimensions:
                scores[dimension.name] = self._answer(pk, seat, name, dimension, answers)
            judgements[name] = Scored(scores=scores)
        annotation = self._annotation(pk, episode, names, dimensions, judgements)
        self.store.put_many([annotation, Annotator(pk=self.annotator, name=self.annotator)])
        self.store.drop_journals([_key(pk)])
        return annotation

    def _answer(
        self,
        pk: str,
        seat: int,
        name: str,
        dimension: Dimension,
        answers: dict[tuple[int, str, int], JournalEntry],
    ) -> Score:
        where = f"{name}, {dimension.name.replace('_', ' ')}"
        given = answers.get((seat, dimension.name, SCORE))
        if given is not None:
            value = float(given.payload["score"])
        else:
            value = self._ask_score(where, dimension)
            self._keep(pk, seat, name, dimension.name, SCORE, {"score": value})
        if not self.reasons:
            return Score(value=value)
        told = answers.get((seat, dimension.name, REASON))
        if told is not None:
            return Score(value=value, reasoning=str(told.payload["reason"]))
        reason = self._ask(f"{where}: why (may be empty)? ").strip()
        self._keep(pk, seat, name, dimension.name, REASON, {"reason": reason})
        return Score(value=value, reasoning=reason)

    def _ask_score(self, where: str, dimension: Dimension) -> float:
        while True:
            typed = self._ask(f"{where}, {dimension.low:g} to {dimension.high:g}? ").strip()
            match typed.lower():
                case "?" | "help":
                    self.say(dimension.rubric or "this dimension has no rubric")
                    self.say(HELP)
                    continue
                case "skip":
                    raise SkippedError
                case "quit":
                    raise StoppedError
            try:
                value = float(typed)
            except ValueError:
                self.say(f"{typed!r} is no score: type {HELP}")
                continue
            problem = dimension.problem_with(value)
            if problem is None:
                return value
            self.say(problem)

    def _ask(self, question: str) -> str:
        try:
            return self.ask(question)
        except (EOFError, KeyboardInterrupt):
            raise StoppedError from None

    def _keep(self, pk: str, seat: int, name: str, dimension: str, attempt: int, payload: dict[str, object]) -> None:
        entry = JournalEntry(
            episode=_key(pk), turn=seat, seat=name, purpose=dimension, attempt=attempt, payload=payload
        )
        self.store.append_journal([entry])

    def _annotation(
        self,
        pk: str,
        episode: EpisodeLog,
        names: Sequence[str],
        dimensions: DimensionSet,
        judgements: dict[str, Scored],
    ) -> AnnotationForEpisode:
        given = Evaluation(
            evaluator="person",
            dimension_set=dimensions.name,
            digest=dimensions.digest,
            dimensions={one.name: one.weight for one in dimensions.dimensions},
            judgements=dict(judgements),
        )
        rewards: tuple[RewardEntry, ...] = reward_entries(names, aggregate((given,), names))
        lines: list[str] = []
        for seat, name in enumerate(names, 1):
            said = judgements[name].scores.items()
            lines += [f"Agent {seat} comments:", *(f"{key}: {s.reasoning}" for key, s in said if s.reasoning)]
        return AnnotationForEpisode(
            pk=pk, episode=episode.pk, annotator_id=self.annotator, rewards=rewards, reasoning="\n".join(lines)
        )


def _key(pk: str) -> str:
    return f"annotation {pk}"
