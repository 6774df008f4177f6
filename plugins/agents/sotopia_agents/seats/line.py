"""The run's end of a seat: what the holder is told, and told again where the broker lost it, and what comes back."""

from __future__ import annotations

from typing import Final

from sotopia_agents.seats.broker import Broker, Entry, Position
from sotopia_agents.seats.envelopes import SeatCard, Settled
from sotopia_core.messages import Value

BOARD: Final = "seats"
"""The board on which open seats are announced."""
RUN: Final = "run"
"""The group that reads answers."""
SETTLING: Final = 1_000_000
"""The step at which a turn is settled without the holder; the end of the episode comes after it, and both are beyond
any answer's."""


class SeatLine:
    """The two streams of a seat, as the run uses them. Methods raise what brokers do, and can be called again then."""

    def __init__(self, broker: Broker, card: SeatCard) -> None:
        self.card = card
        self.broker = broker
        self._said: list[Entry] = []
        self._told = 0
        self._begun = False
        self._answered: list[Entry] = []

    @property
    def last_turn(self) -> int:
        """The turn that the holder was last told of; -1 before the first."""
        return self._said[-1].position.turn if self._said else -1

    def say(self, position: Position, envelope: Value) -> None:
        """Have something for the holder, to be told by :meth:`tell`. What was said at that position stays as it was."""
        if not self._said or position > self._said[-1].position:
            self._said.append(Entry(position, envelope.model_dump_json()))

    async def tell(self) -> None:
        """Tell the holder what has not been told, and again what the broker has lost, as a server does that was killed.

        Where something was lost, the seat is announced again too.
        """
        if not self._begun:
            await self._begin()
        if self._told:
            last = await self.broker.last(self.card.observations)
            if last is None or last < self._said[self._told - 1].position:
                self._told = 0 if last is None else sum(entry.position <= last for entry in self._said)
                await self.announce()
        while self._told < len(self._said):
            await self.broker.append(self.card.observations, self._said[self._told])
            self._told += 1

    async def _begin(self) -> None:
        last = await self.broker.last(self.card.observations)
        if last is not None and last.step > SETTLING:  # the episode failed, and is tried again
            await self.broker.clear(self.card.observations)
        await self.announce()
        self._begun = True

    async def announce(self) -> None:
        """Let everybody know that the seat is open."""
        await self.broker.announce(BOARD, self.card.model_dump_json())

    async def answers(self, seconds: float) -> list[Entry]:
        """Wait for answers, and return them; they count as taken up once :meth:`take_up_before` says so."""
        entries = await self.broker.receive(self.card.answers, RUN, seconds)
        self._answered += entries
        return entries

    async def take_up_before(self, turn: int) -> None:
        """Acknowledge the answers to earlier turns: the run has kept them, and needs them from the broker no more."""
        done = [entry for entry in self._answered if entry.position.turn < turn]
        if done:
            await self.broker.acknowledge(self.card.answers, RUN, done)
            self._answered = [entry for entry in self._answered if entry not in done]

    async def settle(self, settled: Settled) -> bool:
        """Settle a turn without the holder. Returns False where it is settled or answered further already."""
        entry = Entry(Position(settled.turn, SETTLING), settled.model_dump_json())
        return await self.broker.append(self.card.answers, entry)

    async def is_held(self) -> bool:
        """Whether somebody is there who has taken the seat."""
        return await self.broker.owner(self.card.held) is not None

    async def withdraw(self) -> None:
        """Announce the seat no longer."""
        await self.broker.withdraw(BOARD, self.card.model_dump_json())

    async def hang_up(self) -> None:
        """Listen no more."""
        await self.broker.forget(self.card.answers, RUN)
