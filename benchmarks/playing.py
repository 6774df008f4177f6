"""The runs that benchmarks play: instant or offline models, drawn or made-up combos, and what each run cost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from benchmarks.measure import peak_resident, resident
from sotopia_core.config import LoadedConfig, PoolSection, RunConfig
from sotopia_core.database.pool import find_pool
from sotopia_core.engine.run import draw_combos, play_run
from sotopia_core.episodes import EpisodeLog
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Model
from sotopia_core.lifecycle import log_fault
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_core.profiles import EnvironmentProfile, Pool
from sotopia_core.registry import Registry
from sotopia_core.stores import Store
from sotopia_core.wiring import Wiring, wire
from sotopia_evaluators.dimensions import SotopiaDimensions

INSTANT: Final = "instant"
OFFLINE: Final = "offline"
SERVED: Final = "served"
LINE: Final = (
    "I have thought about what you said, and I would rather we settle this today than leave it for next week; "
    "tell me plainly what you need and I will tell you what I can do."
)
REASONING: Final = "Turns 3 and 7 show it: the offer was repeated without pressure, and both sides kept their word."
_USAGE: Final = Usage(calls=1, input_tokens=1000, output_tokens=50)

CallListener = Callable[[str, ModelRequest[Any], Completion], None]
"""Hears of each model call: the pk of its episode, the request, what came of it."""


class Instant(Model):
    """Answers at once and never looks at its prompt: in a seat it speaks the same line, as a judge it scores 0.

    It yields to the event loop once a call, as every call over a network does; else no two episodes would be in play
    at one time, whatever the concurrency.
    """

    needs_sockets: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """``"instant"``."""
        return INSTANT

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Answer a request for an action or for a judgement."""
        await asyncio.sleep(0)
        assert request.scene is not None
        text = judgement(request.scene.background.names) if request.purpose == "judge" else ACTION_TEXT
        return Completion(text=text, model=INSTANT, usage=_USAGE)


ACTION_TEXT: Final = json.dumps({"action_type": "speak", "argument": LINE, "to": []})
"""An agent's reply that speaks the line."""


@cache
def judgement(names: tuple[str, ...]) -> str:
    """Return a judge's reply that scores everybody 0 in all dimensions."""
    scores = {dimension: {"reasoning": REASONING, "score": 0} for dimension in SotopiaDimensions.model_fields}
    return json.dumps(dict.fromkeys(names, scores))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run to be played. ``gathering`` seats everybody in one made-up scenario; else combos of two are drawn.

    The model ``SERVED`` is asked at ``url``, through ``provider``.
    """

    episodes: int
    turns: int = 20
    seats: int = 2
    concurrency: int = 20
    model: str = INSTANT
    gathering: bool = False
    url: str = ""
    provider: str = "OpenAICompatible"


@dataclass(frozen=True, slots=True)
class Sample:
    """How far a run was, and what it had cost by then: CPU in seconds (all threads), memory in bytes."""

    episodes: int
    turns: int
    cpu: float
    resident: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run cost: CPU (all threads) and wall in seconds, memory in bytes; ``samples`` were taken on the way."""

    episodes: int
    turns: int
    cpu: float
    wall: float
    peak: int
    samples: tuple[Sample, ...]

    @property
    def cpu_per_turn(self) -> float:
        """CPU seconds a turn."""
        return self.cpu / self.turns


@dataclass(eq=False)
class _Listener:
    """Takes samples as episodes finish, and hands on model calls and episodes where somebody wants them."""

    every: int
    on_episode: Callable[[EpisodeLog], None] | None = None
    episodes: int = 0
    turns: int = 0
    samples: list[Sample] = field(default_factory=list)

    @hookimpl
    def sotopia_models(self) -> list[type[Model]]:
        return [Instant]

    @hookimpl
    def sotopia_episode_finished(self, episode: EpisodeLog) -> None:
        self.episodes += 1
        self.turns += sum(1 for turn in episode.turns if turn.actions)
        if self.on_episode is not None:
            self.on_episode(episode)
        if self.episodes % self.every == 0:
            self.samples.append(Sample(self.episodes, self.turns, time.process_time(), resident()))


@dataclass(eq=False)
class _CallListener:
    """Hands on model calls; a plugin of its own, since listening costs something in every turn."""

    on_call: CallListener

    @hookimpl
    def sotopia_model_called(self, pk: str, request: ModelRequest[Any], completion: Completion) -> None:
        self.on_call(pk, request, completion)


def play(
    plan: Plan,
    store: Store | None,
    *,
    every: int = 100,
    on_episode: Callable[[EpisodeLog], None] | None = None,
    on_call: CallListener | None = None,
) -> Cost:
    """Play a run and return what it cost, from the run's start to its end: no import, wiring or drawing is in it.

    Raises ``RuntimeError`` unless every episode was scored, and with the instant model took all its turns: what fails
    early would look cheap.
    """
    registry = Registry.discover()
    listener = _Listener(every, on_episode)
    registry.register(listener, "benchmark")
    if on_call is not None:
        registry.register(_CallListener(on_call), "benchmark-calls")
    wiring = wiring_of(plan, registry)
    combos = draw_combos(wiring, pool_of(plan, registry))
    cpu, wall = time.process_time(), time.perf_counter()
    result = asyncio.run(play_run(wiring, combos, store, registry.notifier(log_fault)))
    cost = Cost(
        episodes=listener.episodes,
        turns=listener.turns,
        cpu=time.process_time() - cpu,
        wall=time.perf_counter() - wall,
        peak=peak_resident(),
        samples=tuple(Sample(s.episodes, s.turns, s.cpu - cpu, s.resident) for s in listener.samples),
    )
    expected = plan.episodes * plan.turns
    if result.tally.counts["scored"] != plan.episodes or (plan.model != OFFLINE and cost.turns != expected):
        raise RuntimeError(f"{dict(result.tally.counts)}, {cost.turns} turns: {dict(result.tally.reasons)}")
    return cost


def wiring_of(plan: Plan, registry: Registry) -> Wiring:
    """Wire the run that a plan is for; ``registry`` must offer the instant model."""
    config = RunConfig.model_validate(
        {
            "run": {"name": "benchmark", "concurrency": plan.concurrency, "seed": 7},
            "models": {INSTANT: {"use": "Instant"}, **({SERVED: _served(plan)} if plan.url else {})},
            "agents": [{"use": "LLMAgent", "model": plan.model}] * plan.seats,
            "sampler": {"use": "UniformSampler", "size": plan.episodes},
            "response_evaluators": [{"use": "RuleBasedTerminatedEvaluator", "max_turn_number": plan.turns}],
            "terminal_evaluators": [{"use": "ReachGoalLLMEvaluator[SotopiaDimensions]", "model": plan.model}],
        }
    )
    return wire(LoadedConfig(config, {}, Path("benchmark.toml")), registry)


def _served(plan: Plan) -> dict[str, str]:
    if plan.provider == "LiteLLM":
        return {"use": plan.provider, "model": "openai/quick", "api_base": plan.url}
    return {"use": plan.provider, "model": "quick", "base_url": plan.url}


def pool_of(plan: Plan, registry: Registry) -> Pool:
    """Return what the run draws from."""
    starter = find_pool(PoolSection(packs=("starter",)), Path(), registry, None, relationships=False).pool
    if not plan.gathering:
        return starter
    return Pool(environments=(gathering(plan.seats),), agents=starter.agents[: plan.seats], source="the gathering")


def gathering(seats: int) -> EnvironmentProfile:
    """Return a scenario in which any number of people meet."""
    goals: Sequence[str] = [
        f"Have the others agree to begin at {hour} o'clock and to leave the key with you." for hour in range(seats)
    ]
    return EnvironmentProfile(
        pk=f"gathering-{seats}",
        codename=f"gathering_of_{seats}",
        scenario="The allotment society meets in the tool shed to settle when the open day begins and who locks up.",
        agent_goals=tuple(goals),
    )
