"""Whether a judge favours whom it is told of first: episodes judged twice, with the agents named in either order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sotopia_analysis.intervals import FEW, Estimate, clustered_mean, clustered_share
from sotopia_analysis.permutation import SignFlip, holm, sign_flip_test
from sotopia_core.digests import derive_seed, digest
from sotopia_core.engine.journal import EpisodeJournal
from sotopia_core.engine.transcripts import transcript_of
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import InputError
from sotopia_core.evaluation import OVERALL, Reward, aggregate
from sotopia_core.interfaces import EvaluationContext, Model, ModelHandle, TerminalEvaluator, Transcript
from sotopia_core.judging import evaluate
from sotopia_core.models import Scene
from sotopia_core.stores import Store
from sotopia_core.wiring import Wiring

SEATS: Final = 2


@dataclass(frozen=True, slots=True)
class Position:
    """How scores on one dimension depend on the order in which a judge is told of the agents.

    ``bias`` is the mean of an agent's score when told of first less its score when told of second; ``same`` is the
    share of agents whose score did not change. ``missing`` counts the agents that lack a score in either order.
    """

    dimension: str
    bias: Estimate
    test: SignFlip | None
    holm: float | None
    same: Estimate
    missing: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe of a judge found: over how many ``episodes``, and how many others could not be judged again."""

    judge: str
    rows: tuple[Position, ...]
    episodes: int
    left_out: dict[str, int]
    reasons: dict[str, int]
    notes: tuple[str, ...]
    level: float


def choose(episodes: Iterable[EpisodeLog], limit: int | None) -> tuple[list[EpisodeLog], dict[str, int]]:
    """Return episodes that can be judged again, and why others cannot; ``InputError`` where none can."""
    chosen: list[EpisodeLog] = []
    left_out: dict[str, int] = {}
    for episode in episodes:
        if limit is not None and len(chosen) == limit:
            break
        reason = _unfit(episode)
        if reason is None:
            chosen.append(episode)
        else:
            left_out[reason] = left_out.get(reason, 0) + 1
    if not chosen:
        why = "; ".join(f"{count} x {reason}" for reason, count in left_out.items()) or "there is none"
        raise InputError(f"no episode can be judged again: {why}")
    return chosen, left_out


def _unfit(episode: EpisodeLog) -> str | None:
    if episode.status == "failed":
        return "it failed"
    try:
        names = transcript_of(episode).names
    except InputError:
        return "its log does not hold what a judge is told"
    return None if len(names) == SEATS else f"it has {len(names)} agents, not two"


def told(episode: EpisodeLog, *, swapped: bool) -> Transcript:
    """Return an episode as a judge is told of it, with the agents in their order or the other way round."""
    transcript = transcript_of(episode)
    if not swapped:
        return transcript
    background = transcript.background
    return replace(transcript, background=background.model_copy(update={"participants": background.participants[::-1]}))


async def probe(
    episodes: Sequence[EpisodeLog],
    wiring: Wiring,
    store: Store,
    *,
    left_out: Mapping[str, int] | None = None,
    level: float = 0.95,
    concurrency: int = 20,
) -> Probe:
    """Have the first terminal evaluator of a run file judge episodes in either order, and compare.

    What its model replies is kept in the store before it is used: the same probe again asks for nothing twice. Raises
    ``ModelAccessError`` where no episode could be judged.
    """
    evaluator = wiring.terminal_evaluators[0]
    writer = StoreWriter(store)
    gate = asyncio.Semaphore(concurrency)
    asking = _Asking(evaluator, wiring, store, writer, gate)
    try:
        both = await asyncio.gather(*(asking.both(episode) for episode in episodes))
    finally:
        writer.close()
        await wiring.models.aclose()
    rows, reasons = _compare(episodes, both, evaluator, level)
    scenarios = len({episode.environment for episode in episodes})
    notes = (
        [f"{scenarios} scenarios: with fewer than {FEW}, intervals say little about others"] if scenarios < FEW else []
    )
    if wiring.stand_in:
        notes.append('"offline" is a rule-based stand-in: this says nothing about any language model')
    judge = wiring.label(evaluator) or type(evaluator).__name__
    return Probe(judge, rows, len(episodes), dict(left_out or {}), reasons, tuple(notes), level)


@dataclass(frozen=True)
class _Asking:
    evaluator: TerminalEvaluator
    wiring: Wiring
    store: Store
    writer: StoreWriter
    gate: asyncio.Semaphore

    async def both(self, episode: EpisodeLog) -> tuple[dict[str, Reward], dict[str, Reward]]:
        return await self._judge(episode, swapped=False), await self._judge(episode, swapped=True)

    async def _judge(self, episode: EpisodeLog, *, swapped: bool) -> dict[str, Reward]:
        transcript = told(episode, swapped=swapped)
        identity = digest([self.evaluator.content_options(), self.evaluator.dimensions.digest, self._model_options()])
        key = f"position {identity} {episode.pk} {'swapped' if swapped else 'as it was'}"
        journal = EpisodeJournal(key, self.writer, await asyncio.to_thread(self.store.read_journal, key))
        scene = Scene(background=transcript.background, events=transcript.events, current=None)

        def lend(ref: Model | str) -> ModelHandle:
            model = ref if isinstance(ref, Model) else self.wiring.models(ref)
            seed = derive_seed(0, "position", episode.pk, swapped)
            return ModelHandle(model, purpose="judge", seed=seed, role="judge", scene=lambda: scene, journal=journal)

        async with self.gate:
            role = type(self.evaluator).__name__
            evaluation = await evaluate(self.evaluator, role, transcript, EvaluationContext(models=lend))
        return aggregate((evaluation,), transcript.names)

    def _model_options(self) -> list[object]:
        model = getattr(self.evaluator, "model", None)
        found = self.wiring.models(model) if isinstance(model, str) else model
        return [type(found).__name__, found.content_options()] if isinstance(found, Model) else []


def _compare(
    episodes: Sequence[EpisodeLog],
    both: Sequence[tuple[dict[str, Reward], dict[str, Reward]]],
    evaluator: TerminalEvaluator,
    level: float,
) -> tuple[tuple[Position, ...], dict[str, int]]:
    scenarios = {pk: at for at, pk in enumerate(sorted({episode.environment for episode in episodes}))}
    rows = []
    for dimension in (*evaluator.dimensions.names, OVERALL):
        away, clusters, missing = [], [], 0
        for episode, (normal, swapped) in zip(episodes, both, strict=True):
            first, second = normal
            for early, late in ((normal[first], swapped[first]), (swapped[second], normal[second])):
                one, other = _score(early, dimension), _score(late, dimension)
                if one is None or other is None:
                    missing += 1
                else:
                    away.append(one - other)
                    clusters.append(scenarios[episode.environment])
        differences, places = np.array(away, dtype=np.float64), np.array(clusters, dtype=np.int64)
        test = sign_flip_test(differences, places) if len(away) else None
        bias = clustered_mean(differences, places, level)
        same = clustered_share((differences == 0).astype(np.float64), places, level)
        rows.append(Position(dimension, bias, test, None, same, missing))
    tested = [(at, row.test.p) for at, row in enumerate(rows) if row.test is not None and row.dimension != OVERALL]
    for (at, _), corrected in zip(tested, holm([p for _, p in tested]), strict=True):
        rows[at] = replace(rows[at], holm=corrected)
    reasons: dict[str, int] = {}
    for reward in (reward for pair in both for rewards in pair for reward in rewards.values()):
        for reason in dict.fromkeys(reward.reasons):
            reasons[reason] = reasons.get(reason, 0) + 1
    return tuple(rows), reasons


def _score(reward: Reward, dimension: str) -> float | None:
    return reward.overall if dimension == OVERALL else reward.scores.get(dimension)
