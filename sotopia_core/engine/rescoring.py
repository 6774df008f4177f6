"""Stored episodes judged again, beside the scores that they have: by another judge, on other dimensions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sotopia_core.digests import derive_pk, derive_seed, digest
from sotopia_core.engine.journal import EpisodeJournal
from sotopia_core.engine.run import ingredients
from sotopia_core.engine.spending import Accounts
from sotopia_core.engine.transcripts import transcript_of
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.environment import role_names
from sotopia_core.episodes import EpisodeLog, Provenance, Rescoring, reward_entries
from sotopia_core.evaluation import Evaluation, Unscored, aggregate
from sotopia_core.interfaces import EvaluationContext, TerminalEvaluator, Transcript
from sotopia_core.judging import evaluate
from sotopia_core.lent_models import LentModels
from sotopia_core.models import Completion, ModelRequest, Scene
from sotopia_core.stores import Store
from sotopia_core.wiring import Wiring


@dataclass
class Rescorer:
    """Judges episodes with the terminal evaluators of a run file; ``on_rescored`` hears of each, once it is stored.

    What is scored by the same evaluators already is left alone; what a process that died had answers to is not asked
    again.
    """

    wiring: Wiring
    store: Store
    on_rescored: Callable[[EpisodeLog, Rescoring], None]
    left_alone: int = 0

    def __post_init__(self) -> None:
        self._identity = digest(list(self.wiring.judges().values()))
        self._roles = role_names(self.wiring.terminal_evaluators)
        made = ingredients(self.wiring)
        self._provenance = Provenance(
            fingerprint=self._identity,
            seed=self.wiring.config.run.seed,
            versions=made["versions"],
            prompts=made["prompts"],
            dimensions=made["dimensions"],
            offline=self.wiring.stand_in,
        )

    async def rescore(self, episodes: Iterable[EpisodeLog]) -> None:
        """Judge episodes, as many at a time as the run file's concurrency says.

        Raises ``InputError`` for an episode of which nothing is kept, ``ModelAccessError``, ``StorageError``.
        """
        done = set(self.store.pks(Rescoring, {"status": "scored"}))
        writer = StoreWriter(self.store)
        waiting = iter(episodes)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.wiring.config.run.concurrency):
                    group.create_task(self._work(waiting, done, writer))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            writer.close()
            await self.wiring.models.aclose()

    async def _work(self, episodes: Iterator[EpisodeLog], done: set[str], writer: StoreWriter) -> None:
        for episode in episodes:
            pk = derive_pk("rescoring", episode.pk, self._identity)
            if pk in done:
                self.left_alone += 1
                continue
            entries = await asyncio.to_thread(self.store.read_journal, pk)
            journal = EpisodeJournal(pk, writer, entries)
            rescoring = await _Judging(self, episode, pk, journal).judge()
            await writer.put(rescoring)
            if rescoring.status == "scored":  # its replies are in the record
                await asyncio.to_thread(self.store.drop_journals, [pk])
            self.on_rescored(episode, rescoring)

    def role(self, evaluator: TerminalEvaluator) -> str:
        """Return the name that an evaluator goes by."""
        return self._roles[id(evaluator)]

    @property
    def provenance(self) -> Provenance:
        """What all of it is judged with."""
        return self._provenance


@dataclass
class _Judging:
    rescorer: Rescorer
    episode: EpisodeLog
    pk: str
    journal: EpisodeJournal
    usage: Accounts = field(default_factory=Accounts)
    answered: dict[str, list[str]] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)

    async def judge(self) -> Rescoring:
        wiring, episode = self.rescorer.wiring, self.episode
        transcript = transcript_of(episode)
        evaluations = tuple(
            await asyncio.gather(*(self._evaluate(one, transcript) for one in wiring.terminal_evaluators))
        )
        outcome = aggregate(evaluations, transcript.names, wiring.config.run.missing)
        for evaluation in evaluations:
            if any(isinstance(judgement, Unscored) for judgement in evaluation.judgements.values()):
                await self.journal.give_up(transcript.turn, evaluation.evaluator, "unscored")
        if self.journal.fault is not None:
            raise self.journal.fault
        labels = [wiring.label(evaluator) for evaluator in wiring.terminal_evaluators]
        for role, given_up in self.journal.given_up.items():
            self.usage[role].add(given_up)
        answered = {role: tuple(names) for role, names in self.answered.items()}
        return Rescoring(
            pk=self.pk,
            episode=episode.pk,
            run=episode.run,
            tag=episode.tag,
            judge=next((label for label in labels if label), ""),
            status="scored" if all(outcome[name].complete for name in transcript.names) else "unscored",
            evaluations=evaluations,
            outcome=outcome,
            rewards=reward_entries(transcript.names, outcome),
            rewards_prompt="\n\n".join(self.prompts.values()),
            usage=self.usage.totals(),
            provenance=self.rescorer.provenance.model_copy(update={"answered": answered}),
            judged_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    async def _evaluate(self, evaluator: TerminalEvaluator, transcript: Transcript) -> Evaluation:
        role = self.rescorer.role(evaluator)
        scene = Scene(background=transcript.background, events=transcript.events, current=None)
        models = LentModels(
            self.rescorer.wiring.models, self._heard, self.journal, turn=lambda: transcript.turn, scene=lambda _: scene
        )
        seed = derive_seed(self.rescorer.wiring.config.run.seed, self.episode.pk, "evaluator", role)
        answered: list[str] = []
        context = EvaluationContext(seed=seed, models=models.lend(role, "judge", seed, answered))
        return await evaluate(evaluator, role, transcript, context, answered)

    def _heard(self, role: str, request: ModelRequest[Any], completion: Completion) -> None:
        self.usage[role].add(completion.usage)
        names = self.answered.setdefault(role, [])
        if completion.model not in names:
            names.append(completion.model)
        self.prompts[role] = "\n\n".join(f"[{message.role}]\n{message.content}" for message in request.messages)
