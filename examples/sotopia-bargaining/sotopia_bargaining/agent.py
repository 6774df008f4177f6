"""Somebody who bargains by rule."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from pydantic import Field, PrivateAttr

from sotopia_bargaining.moves import Move, UnclearError, read_move, written
from sotopia_core import Agent, AgentAction, Observation

LIMIT: Final = re.compile(
    r"You (?P<role>sell|buy)\b[^\n]*?\bYour limit is (?P<limit>[0-9]+(?:\.[0-9]{1,2})?)(?!\.?[0-9])"
)
"""What the scenario's author writes into a goal: "You sell the loom. ... Your limit is 540."."""


class Bargainer(Agent):
    """Opens away from its limit, gives way step by step, takes what is better than its next step, and walks away.

    Role and limit come from its own goal, as the author of the scenario wrote it: ``You sell ... Your limit is 540.``
    It leaves when the bargaining is over, and where its goal has no limit, since then there is nothing to bargain over.
    """

    opening: float = Field(default=0.25, gt=0, le=5, description="How far from its limit it opens, as part of it")
    firmness: float = Field(default=0.6, ge=0, le=0.99, description="How much of the distance it keeps at each step")
    patience: int = Field(default=6, ge=1, description="How many offers it makes before it walks away")

    _offers: int = PrivateAttr(default=0)
    _theirs: Decimal | None = PrivateAttr(default=None)
    _over: bool = PrivateAttr(default=False)

    async def aact(self, observation: Observation) -> AgentAction:
        """Accept, offer, or walk away."""
        await self.observe(observation)
        found = LIMIT.search(self.seat.goal)
        if found is None or self._over:
            return AgentAction(action_type="leave")
        sells, limit = found["role"] == "sell", Decimal(found["limit"])
        step = self._step(limit, sells)
        if self._theirs is not None and (self._theirs >= step if sells else self._theirs <= step):
            return self._say("That is fair.", written("accept", self._theirs))
        if self._offers >= self.patience:
            return self._say("I cannot go further.", "no deal")
        return self._say("This is what I can do.", written("offer", step))

    async def observe(self, observation: Observation) -> None:
        """Take note of what others bind themselves to; what cannot be read is not guessed at."""
        for event in observation.events:
            move = _readable(event.action.argument)
            if event.sender == self.seat.name or move is None:
                continue
            self._over = self._over or move.kind != "offer"
            if move.kind == "offer":
                self._theirs = move.price

    async def replay(self, observation: Observation, action: AgentAction) -> None:
        """Take note of having said so."""
        await self.observe(observation)
        self._note(_readable(action.argument))

    def _say(self, words: str, line: str) -> AgentAction:
        self._note(_readable(line))
        return AgentAction(action_type="speak", argument=f"{words}\n{line}")

    def _note(self, move: Move | None) -> None:
        if move is not None:
            self._offers += move.kind == "offer"
            self._over = self._over or move.kind != "offer"

    def _step(self, limit: Decimal, sells: bool) -> Decimal:
        """Return the next price: a little nearer to the limit each time, and never beyond it."""
        away = limit * Decimal(repr(self.opening)) * Decimal(repr(self.firmness)) ** self._offers
        price = limit + away if sells else max(limit - away, Decimal(0))
        return price.quantize(Decimal(1), rounding=ROUND_HALF_UP)


def _readable(words: str) -> Move | None:
    try:
        return read_move(words)
    except UnclearError:
        return None
