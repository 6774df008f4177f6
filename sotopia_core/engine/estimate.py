"""What a run will take, before anything is sent: some episodes, played by the stand-in in its models' place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import BaseModel, InstanceOf

from sotopia_core.config import BudgetSection, CacheSection
from sotopia_core.engine.run import play_run
from sotopia_core.engine.spending import Spending
from sotopia_core.interfaces import Agent, Model, model_refs
from sotopia_core.lifecycle import log_fault
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_core.plugins import CORE, PluginHost
from sotopia_core.profiles import Combo
from sotopia_core.registry import Registry
from sotopia_core.structured import schema_text_for
from sotopia_core.wiring import ModelBook, Wiring

COMBOS_PLAYED: Final = 3
CHARACTERS_A_TOKEN: Final = 4
SHORTEST_REPLY: Final = 60
"""Tokens that a reply is taken to have at least: the stand-in says little."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """About what a run takes, by model and what for; ``unknown`` says why that cannot be told, where it cannot."""

    spending: Spending = field(default_factory=dict)
    unknown: str = ""

    @property
    def total(self) -> Usage:
        """All of it together."""
        return sum((usage for purposes in self.spending.values() for usage in purposes.values()), Usage())


class _StandingIn(Model):
    """Answers as the stand-in does, and counts as the model that it stands in for."""

    real: InstanceOf[Model]
    stand_in_model: InstanceOf[Model]

    @property
    def label(self) -> str:
        return self.real.label

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        said = await self.stand_in_model.complete(request)
        characters = sum(len(message.content) for message in request.messages)
        response_type: type[BaseModel] | None = request.response_type
        if response_type is not None:
            characters += len(schema_text_for(response_type, request.context))
        read = characters // CHARACTERS_A_TOKEN
        written = max(SHORTEST_REPLY, len(said.text) // CHARACTERS_A_TOKEN)
        cost = self.real.estimated_cost(read, written)
        return Completion(
            text=said.text,
            model=self.label,
            usage=Usage(calls=1, input_tokens=read, output_tokens=written, cost=cost),
        )


class _StandInBook(ModelBook):
    """Gives a stand-in for each of a run's models."""

    def __call__(self, name: str) -> Model:
        if name not in self._made:
            stand_in = self.registry.component("models", f"{CORE}:Offline", Model)()
            self._made[name] = _StandingIn(real=self._make(name), stand_in_model=stand_in)
        return self._made[name]


async def estimate(wiring: Wiring, combos: Sequence[Combo]) -> Estimate:
    """Play the first combos once with the stand-in, and reckon from them what the whole run takes.

    Nothing is sent and nothing is kept. There is no estimate where an agent or an evaluator asks no model, since what
    it does instead may not be for trying out, and none where the stand-in has no answer.
    """
    seats = [wiring.seating.sample(seat) for seat in range(len(wiring.seating.blueprints))]
    for component in (*seats, *wiring.terminal_evaluators):
        if not model_refs(component):
            kind = "agent" if isinstance(component, Agent) else "evaluator"
            return Estimate(unknown=f"{type(component).__name__}, an {kind}, asks no model")
    config = wiring.config
    section = config.run.model_copy(update={"trials": 1, "save": False})
    tried = config.model_copy(update={"run": section, "budget": BudgetSection(), "cache": CacheSection()})
    book = _StandInBook(wiring.models.named, wiring.registry)
    played = combos[:COMBOS_PLAYED]
    result = await play_run(
        replace(wiring, config=tried, models=book), played, None, Registry(PluginHost()).notifier(log_fault)
    )
    if result.tally.incomplete:
        ((reason, _),) = result.tally.reasons.most_common(1)
        return Estimate(unknown=f"the stand-in cannot play it: {reason}")
    share = len(combos) * config.run.trials / len(played)
    return Estimate(
        {
            model: {purpose: _scaled(usage, share) for purpose, usage in purposes.items()}
            for model, purposes in result.tally.spending.totals().items()
        }
    )


def _scaled(usage: Usage, share: float) -> Usage:
    return Usage(
        calls=round(usage.calls * share),
        input_tokens=round(usage.input_tokens * share),
        output_tokens=round(usage.output_tokens * share),
        cost=None if usage.cost is None else usage.cost * share,
    )
