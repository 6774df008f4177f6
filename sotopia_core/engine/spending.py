"""What a run has spent: by model and by what for, and whether that is more than it may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sotopia_core.config import BudgetSection
from sotopia_core.models import Completion, ModelRequest, Usage

Spending = dict[str, dict[str, Usage]]
"""Models by their own names, then what for: ``"agent"``, ``"judge"``, ``"re-ask"``, ``"retry"`` or a plugin's word."""


def spend(spending: Spending, model: str, purpose: str, usage: Usage) -> None:
    """Add to what a model took for a purpose."""
    purposes = spending.setdefault(model, {})
    purposes[purpose] = purposes.get(purpose, Usage()) + usage


def spend_all(spending: Spending, more: Mapping[str, Mapping[str, Usage]]) -> None:
    """Add all that something else took."""
    for model, purposes in more.items():
        for purpose, usage in purposes.items():
            spend(spending, model, purpose, usage)


def spend_on(spending: Spending, request: ModelRequest[Any], completion: Completion) -> None:
    """Add one completion. Attempts that failed before it count as retries, of which no tokens are known."""
    purpose = "re-ask" if request.re_ask else "agent" if request.purpose == "act" else request.purpose
    spend(spending, completion.model, purpose, completion.usage)
    if completion.attempts > 1:
        spend(spending, completion.model, "retry", Usage(calls=completion.attempts - 1))


@dataclass
class Meter:
    """Counts what all episodes of a run take, those in play included, and calls ``stop`` when that is too much.

    ``spent`` says why, once it is; with a limit in dollars, so does a reply of which the price is unknown.
    """

    budget: BudgetSection
    stop: Callable[[], None]
    usage: Usage = field(default_factory=Usage)
    spent: str = ""

    def add(self, completion: Completion) -> None:
        """Count what a new reply took."""
        if self.spent or (self.budget.usd is None and self.budget.tokens is None):
            return
        self.usage += completion.usage
        if why := self._too_much(completion.model):
            self.spent = why
            self.stop()

    def _too_much(self, model: str) -> str:
        taken = self.usage.input_tokens + self.usage.output_tokens
        if self.budget.tokens is not None and taken >= self.budget.tokens:
            return f"the budget is spent: {taken} tokens of budget.tokens = {self.budget.tokens}"
        if self.budget.usd is None:
            return ""
        if self.usage.cost is None:
            return f"budget.usd cannot be kept: the price of {model} is unknown; give it input_price and output_price"
        if self.usage.cost >= self.budget.usd:
            return f"the budget is spent: {self.usage.cost:.4f} US dollars of budget.usd = {self.budget.usd:g}"
        return ""
