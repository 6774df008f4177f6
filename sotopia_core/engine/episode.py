"""One episode of a run: set up, played, scored, and made into a record, whatever happens on the way."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sotopia_core.digests import derive_pk, derive_seed, digest
from sotopia_core.engine.interaction import Interaction
from sotopia_core.environment import ParallelSotopiaEnv, component_name
from sotopia_core.episodes import EpisodeLog, EpisodeStatus, Provenance, RunRecord, Turn, reward_entries
from sotopia_core.errors import InputError, ModelAccessError, SotopiaError, one_line
from sotopia_core.evaluation import Scored
from sotopia_core.lifecycle import Notifier
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_core.profiles import Combo
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
    identities: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, run: RunRecord, wiring: Wiring, notifier: Notifier) -> Stage:
        """Prepare what need not be worked out again for each episode."""
        provenance = Provenance(
            fingerprint="",
            seed=wiring.config.run.seed,
            config_digest=digest(run.config),
            versions=run.versions,
            prompts={name: digest(text) for name, text in wiring.prompts().items()},
            dimensions={one.name: one.digest for one in wiring.dimensions},
            offline=wiring.stand_in,
        )
        return cls(run, wiring, notifier, provenance)

    def fingerprint(self, combo: Combo) -> str:
        """Return the digest of what determines an episode's content."""
        seats = len(combo.agents)
        if seats not in self.identities:
            self.identities[seats] = digest(self.wiring.identity(seats))
        return digest([self.identities[seats], combo.model_dump(mode="json", exclude={"pk"})])


async def play_episode(task: Task, stage: Stage) -> EpisodeLog:
    """Play one episode and return its record: scored, unscored, unjudged, or failed with its cause.

    Raises only what no other episode of the run would survive either: ``ModelAccessError``, ``InputError`` (a template
    that changed on the way), and cancellation.
    """
    return await _Playing(task, stage).play()


@dataclass
class _Playing:
    task: Task
    stage: Stage
    usage: dict[str, Usage] = field(default_factory=dict)
    answered: dict[str, list[str]] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wiring = self.stage.wiring
        section = wiring.config.run
        self.pk = self.task.pk(self.stage.run.pk)
        self.turns: list[Turn] = []
        self.env = ParallelSotopiaEnv(
            self.task.combo,
            evaluators=(*wiring.response_evaluators, *wiring.terminal_evaluators),
            ordering=wiring.ordering,
            mode=section.mode,
            missing=section.missing,
            action_types=section.action_types,
            seed=derive_seed(section.seed, self.task.draw, self.task.trial),
            find_model=wiring.models,
            on_call=self._called,
            run=self.stage.run.pk,
            episode=self.pk,
        )

    async def play(self) -> EpisodeLog:
        self.stage.notifier.episode_started(self.stage.run, self.pk, self.task.combo, self.task.trial)
        began, clock = datetime.now(UTC), time.monotonic()
        cause = None
        try:
            seating = self.stage.wiring.seating
            agents = [seating.make(seat) for seat in range(len(self.env.names))]
            await Interaction(self.env, agents, self._took_turn).play()
        except (InputError, ModelAccessError):
            raise
        except SotopiaError as error:
            cause = one_line(error)
            logger.warning("episode %s failed: %s", self.pk, cause, exc_info=error.__cause__)
        return self._log(began, time.monotonic() - clock, cause)

    def _took_turn(self, turn: Turn) -> None:
        self.turns.append(turn)
        self.stage.notifier.turn_taken(self.stage.run, self.pk, turn)

    def _called(self, role: str, request: ModelRequest[Any], completion: Completion) -> None:
        self.usage[role] = self.usage.get(role, Usage()) + completion.usage
        names = self.answered.setdefault(role, [])
        if completion.model not in names:
            names.append(completion.model)
        if request.purpose == "judge":
            self.prompts[role] = "\n\n".join(f"[{message.role}]\n{message.content}" for message in request.messages)
        self.stage.notifier.model_called(self.stage.run, self.pk, role, request, completion)

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
            turns=tuple(self.turns),
            evaluations=env.evaluations,
            outcome=env.outcome,
            rewards=reward_entries(env.names, env.outcome),
            reasoning=_reasoning(env),
            rewards_prompt="\n\n".join(self.prompts.values()),
            usage=self.usage,
            provenance=self.stage.provenance.model_copy(
                update={
                    "fingerprint": self.stage.fingerprint(combo),
                    "answered": {role: tuple(names) for role, names in self.answered.items()},
                }
            ),
            started_at=began.isoformat(timespec="milliseconds"),
            seconds=round(seconds, 6),
        )


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
