"""One episode of a run: set up, played, scored, and made into a record, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sotopia_core.digests import derive_pk, derive_seed, digest
from sotopia_core.engine.cache import ReplyCache
from sotopia_core.engine.interaction import Interaction
from sotopia_core.engine.journal import EpisodeJournal
from sotopia_core.engine.spending import Accounts, Ledger, Meter
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.environment import ParallelSotopiaEnv, component_name
from sotopia_core.episodes import EpisodeLog, EpisodeStatus, Provenance, RunRecord, Turn, reward_entries
from sotopia_core.errors import InputError, ModelAccessError, SotopiaError, one_line
from sotopia_core.evaluation import Evaluation, Scored, Unscored
from sotopia_core.interfaces import ModelFinder
from sotopia_core.lifecycle import Notifier
from sotopia_core.models import ChatMessage, Completion, ModelRequest, Usage
from sotopia_core.profiles import Combo
from sotopia_core.stores import Store
from sotopia_core.wiring import Wiring

logger = logging.getLogger("sotopia.engine")


@dataclass(frozen=True, slots=True)
class Task:
    """One episode to be played: a combo, which draw of the run it was (from 0), and which repetition (from 0)."""

    combo: Combo
    draw: int
    trial: int

    def pk(self, run: str) -> str:
        """Return the primary key of this episode in a run: the same whenever the run is resumed."""
        return derive_pk("episode", run, self.draw, self.trial)


@dataclass(frozen=True)
class Stage:
    """What all episodes of a run share. ``identities`` holds the digests of all that determines content but the combo,
    by the number of seats."""

    run: RunRecord
    wiring: Wiring
    notifier: Notifier
    provenance: Provenance
    writer: StoreWriter | None = None
    cache: ReplyCache | None = None
    earlier: Store | None = None
    """The store with the journals of earlier processes; None where there are none."""
    meter: Meter | None = None
    identities: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        run: RunRecord,
        wiring: Wiring,
        notifier: Notifier,
        writer: StoreWriter | None = None,
        cache: ReplyCache | None = None,
        earlier: Store | None = None,
        meter: Meter | None = None,
    ) -> Stage:
        """Prepare what need not be worked out again for each episode."""
        provenance = Provenance(
            fingerprint="",
            seed=wiring.config.run.seed,
            config=run.config,
            config_digest=digest(run.config),
            versions=run.versions,
            prompts=run.prompts,
            dimensions=run.dimensions,
            offline=wiring.stand_in,
        )
        return cls(run, wiring, notifier, provenance, writer, cache, earlier, meter)

    @property
    def models(self) -> ModelFinder:
        """What finds the run's models, with the cache before them where there is one."""
        return self.wiring.models if self.cache is None else self.cache.before(self.wiring.models)

    async def journal(self, episode: str) -> EpisodeJournal:
        """Return an episode's journal, with whatever earlier processes left in it."""
        entries = [] if self.earlier is None else await asyncio.to_thread(self.earlier.read_journal, episode)
        return EpisodeJournal(episode, self.writer, entries, on_keep=None if self.meter is None else self.meter.add)

    def fingerprint(self, combo: Combo) -> str:
        """Return the digest of what determines an episode's content."""
        seats = len(combo.agents)
        if seats not in self.identities:
            self.identities[seats] = digest(self.wiring.identity(seats))
        return digest([self.identities[seats], combo.model_dump(mode="json", exclude={"pk"})])


Recorder = Callable[[], EpisodeLog]
"""Makes the record of an episode that is over. A record is large, and so is not made before it can be stored."""


async def play_episode(task: Task, stage: Stage, journal: EpisodeJournal | None = None) -> Recorder:
    """Play one episode and return what makes its record: scored, unscored, unjudged, or failed with its cause.

    Without a ``journal`` its own is used, as far as there is one.

    Raises only what no other episode of the run would survive either: ``ModelAccessError``, ``InputError`` (a template
    that changed on the way, a store that does not keep the journal), and cancellation.
    """
    if journal is None:
        journal = await stage.journal(task.pk(stage.run.pk))
    playing = _Playing(task, stage, journal)
    try:
        return await playing.play()
    finally:
        playing.env.retire()


async def judge_episode(task: Task, stage: Stage, stored: EpisodeLog) -> Recorder:
    """Ask those evaluators again that left an episode unscored; its record then has what they say now.

    Nobody plays; the evaluations that are complete stand. Raises what :func:`play_episode` does.
    """
    playing = _Playing(task, stage, await stage.journal(stored.pk))
    try:
        return await playing.judge(stored)
    finally:
        playing.env.retire()


@dataclass
class _Playing:
    task: Task
    stage: Stage
    journal: EpisodeJournal
    usage: Accounts = field(default_factory=Accounts)
    spending: Ledger = field(default_factory=Ledger)
    answered: dict[str, list[str]] = field(default_factory=dict)
    prompts: dict[str, Sequence[ChatMessage]] = field(default_factory=dict)
    interaction: Interaction | None = None

    def __post_init__(self) -> None:
        wiring = self.stage.wiring
        section = wiring.config.run
        self.pk = self.task.pk(self.stage.run.pk)
        self.env = ParallelSotopiaEnv(
            self.task.combo,
            evaluators=(*wiring.response_evaluators, *wiring.terminal_evaluators),
            ordering=wiring.ordering,
            mode=section.mode,
            missing=section.missing,
            action_types=section.action_types,
            seed=derive_seed(section.seed, self.task.draw, self.task.trial),
            find_model=self.stage.models,
            on_call=self._called,
            journal=self.journal,
            # Seats of a replay belong to no run: whoever sits in them must not be sought, nor told anything.
            run="" if self.journal.only_recalled else self.stage.run.pk,
            episode=self.pk,
        )

    async def play(self) -> Recorder:
        self.stage.notifier.episode_started(self.stage.run, self.pk, self.task.combo, self.task.trial)
        began, clock = datetime.now(UTC), time.monotonic()
        cause, failed_role = None, ""
        try:
            seating = self.stage.wiring.seating
            self.interaction = Interaction(
                self.env,
                [seating.make(seat) for seat in range(len(self.env.names))],
                self._took_turn if self.stage.notifier.hears_turns else None,
                self.journal,
                on_invalid_action=self.stage.wiring.config.run.on_invalid_action,
            )
            try:
                await self.interaction.play()
            finally:
                failed_role = self.interaction.failed_role
        except (InputError, ModelAccessError):
            raise
        except SotopiaError as error:
            if self.journal.fault is not None:
                raise self.journal.fault from None
            cause = one_line(error)
            logger.warning("episode %s failed: %s", self.pk, cause, exc_info=error.__cause__)
        await self._settle(cause, failed_role)
        return partial(self._log, began, time.monotonic() - clock, cause)

    async def judge(self, stored: EpisodeLog) -> Recorder:
        kept = [evaluation for evaluation in stored.evaluations if not _is_missing(evaluation)]
        await self.env.judge(stored.turns, stored.ended or "", kept)
        await self._settle(None, "")
        return partial(self._rejudged, stored)

    def _rejudged(self, stored: EpisodeLog) -> EpisodeLog:
        env, names = self.env, self.env.names
        self.spending.add_all(stored.spending if self.journal.began_empty else {})
        before = stored.usage if self.journal.began_empty else {}  # else the journal knows all that it took
        usage = {role: before.get(role, Usage()) + taken for role, taken in self._usage().items()}
        provenance = self._provenance()
        answered = stored.provenance.answered if stored.provenance else {}
        return stored.model_copy(
            update={
                "status": _status(env, None),
                "evaluations": env.evaluations,
                "outcome": env.outcome,
                "rewards": reward_entries(names, env.outcome),
                "reasoning": _reasoning(env),
                "rewards_prompt": stored.rewards_prompt or self._prompts(),
                "usage": stored.usage | usage,
                "spending": self.spending.totals(),
                "provenance": provenance.model_copy(update={"answered": answered | provenance.answered}),
            }
        )

    async def _settle(self, cause: str | None, failed_role: str) -> None:
        """Say in the journal what came to nothing, so that a later try asks for it anew; raise what the store said."""
        for role, completion in self.journal.unused():
            self._count(role, completion)
            self.spending[completion.model]["agent"].add(completion.usage)
        if self.journal.fault is None:
            if cause is not None and failed_role:
                await self.journal.give_up(self.env.turn, failed_role, cause)
            for evaluation in self.env.evaluations:
                if _is_missing(evaluation):
                    await self.journal.give_up(self.env.turn, evaluation.evaluator, "unscored")
        if self.journal.fault is not None:
            raise self.journal.fault

    def _usage(self) -> dict[str, Usage]:
        """Return what each role's calls took, those included whose replies came to nothing."""
        taken = self.usage.totals()
        for role, usage in self.journal.given_up.items():
            taken[role] = taken.get(role, Usage()) + usage
        return taken

    def _prompts(self) -> str:
        messages = (message for asked in self.prompts.values() for message in asked)
        return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)

    def _provenance(self) -> Provenance:
        answered = {role: tuple(names) for role, names in self.answered.items()}
        fingerprint = self.stage.fingerprint(self.task.combo)
        return self.stage.provenance.model_copy(update={"fingerprint": fingerprint, "answered": answered})

    def _took_turn(self, turn: Turn) -> None:
        self.stage.notifier.turn_taken(self.stage.run, self.pk, turn)

    def _called(self, role: str, request: ModelRequest[Any], completion: Completion) -> None:
        self._count(role, completion)
        self.spending.add_completion(request, completion)
        if request.purpose == "judge":
            self.prompts[role] = request.messages
        self.stage.notifier.model_called(self.stage.run, self.pk, role, request, completion)

    def _count(self, role: str, completion: Completion) -> None:
        self.usage[role].add(completion.usage)
        names = self.answered.setdefault(role, [])
        if completion.model not in names:
            names.append(completion.model)

    def _log(self, began: datetime, seconds: float, cause: str | None) -> EpisodeLog:
        combo, env, section = self.task.combo, self.env, self.stage.wiring.config.run
        wiring = self.stage.wiring
        judges = [wiring.label(evaluator) for evaluator in wiring.terminal_evaluators]
        agents = [wiring.seating.sample(seat) for seat in range(len(env.names))]
        return EpisodeLog(
            pk=self.pk,
            environment=combo.environment.pk,
            agents=tuple(agent.pk for agent in combo.agents),
            agent_names=combo.names,
            tag=section.tag,
            models=(next((label for label in judges if label), ""), *map(wiring.label, agents)),
            agent_classes=tuple(component_name(agent) for agent in agents),
            run=self.stage.run.pk,
            draw=self.task.draw,
            trial=self.task.trial,
            mode=section.mode,
            combo=combo,
            status=_status(env, cause),
            cause=cause,
            ended=env.comments or None,
            turns=() if self.interaction is None else self.interaction.turns,
            evaluations=env.evaluations,
            outcome=env.outcome,
            rewards=reward_entries(env.names, env.outcome),
            reasoning=_reasoning(env),
            rewards_prompt=self._prompts(),
            usage=self._usage(),
            spending=self.spending.totals(),
            provenance=self._provenance(),
            started_at=began.isoformat(timespec="milliseconds"),
            seconds=round(seconds, 6),
        )


def _is_missing(evaluation: Evaluation) -> bool:
    return any(isinstance(judgement, Unscored) for judgement in evaluation.judgements.values())


def _status(env: ParallelSotopiaEnv, cause: str | None) -> EpisodeStatus:
    if cause is not None:
        return "failed"
    if not env.evaluations:
        return "unjudged"
    return "scored" if all(env.outcome[name].complete for name in env.names) else "unscored"


def _reasoning(env: ParallelSotopiaEnv) -> str:
    """Put why the interaction ended and what the evaluators had to say into one text, as Sotopia's logs do."""
    lines = [f"Environment: {env.comments}"] if env.comments else []
    for evaluation in env.evaluations:
        for name, judgement in evaluation.judgements.items():
            lines.append(f"{name}, by {evaluation.evaluator}:")
            if isinstance(judgement, Scored):
                lines += [f"{dimension}: {score.reasoning}" for dimension, score in judgement.scores.items()]
            else:
                lines.append(f"unscored: {judgement.reason}")
    return "\n".join(lines)
