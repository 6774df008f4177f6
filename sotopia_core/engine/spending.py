"""What a run has spent: by model and by what for, and whether that is more than it may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sotopia_core.config import BudgetSection
from sotopia_core.models import Completion, ModelRequest, Usage

Spending = dict[str, dict[str, Usage]]
"""Models by their own names, then what for: ``"agent"``, ``"judge"``, ``"re-ask"``, ``"retry"`` or a plugin's word."""


@dataclass(slots=True)
class Account:
    """A running total of usage, since adding up values would make a new one with every reply."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0

    def add(self, usage: Usage) -> None:
        """Add what something took; a price that is unknown makes that of the whole unknown."""
        self.calls += usage.calls
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cost = None if self.cost is None or usage.cost is None else self.cost + usage.cost

    @property
    def total(self) -> Usage:
        """The total."""
        return Usage(calls=self.calls, input_tokens=self.input_tokens, output_tokens=self.output_tokens, cost=self.cost)


class Accounts(dict[str, Account]):
    """A running total for each name that anything is added to."""

    def __missing__(self, name: str) -> Account:
        return self.setdefault(name, Account())

    def totals(self) -> dict[str, Usage]:
        """Return all totals, in the order in which their names came."""
        return {name: account.total for name, account in self.items()}


class Ledger(dict[str, Accounts]):
    """What models took, by their own names and then by what for."""

    def __missing__(self, model: str) -> Accounts:
        return self.setdefault(model, Accounts())

    def add_completion(self, request: ModelRequest[Any], completion: Completion) -> None:
        """Add one completion. Attempts that failed before it count as retries, of which no tokens are known."""
        purpose = "re-ask" if request.re_ask else "agent" if request.purpose == "act" else request.purpose
        accounts = self[completion.model]
        accounts[purpose].add(completion.usage)
        if completion.attempts > 1:
            accounts["retry"].calls += completion.attempts - 1

    def add_all(self, spending: Mapping[str, Mapping[str, Usage]]) -> None:
        """Add all that something else took."""
        for model, purposes in spending.items():
            for purpose, usage in purposes.items():
                self[model][purpose].add(usage)

    def totals(self) -> Spending:
        """Return all totals."""
        return {model: accounts.totals() for model, accounts in self.items()}


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
