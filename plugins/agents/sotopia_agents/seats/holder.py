"""The holder's end of a seat: a program takes it, hears what the agent is sent, and answers."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from sotopia_agents.seats import beats
from sotopia_agents.seats.addresses import broker_url, connect
from sotopia_agents.seats.broker import Broker, BrokerAway, Entry, Position
from sotopia_agents.seats.envelopes import (
    Answer,
    Closed,
    EnvelopeError,
    Observed,
    Refused,
    SeatCard,
    Settled,
    read_envelope,
)
from sotopia_agents.seats.finding import find_seat
from sotopia_agents.seats.patience import persist
from sotopia_agents.seats.sessions import session_of
from sotopia_core.errors import InputError, SotopiaError
from sotopia_core.messages import AgentAction, Observation
from sotopia_core.transactions import SessionTransaction

HOLDER: Final = "holder"
"""The group that reads what the agent is sent."""
PATIENCE: Final = 600.0
"""Seconds for which a holder goes on trying while the broker is away."""

logger = logging.getLogger("sotopia.seats")


class AnswerRefused(SotopiaError):
    """An answer that came too late, or after another, or to no question. The message says which."""


class SeatLost(InputError):
    """The seat is not this holder's any more, or speaks a language that this side does not know."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that the holder is told. ``asked``: an answer is awaited. ``past``: it was told and dealt with before.

    ``envelope`` is an ``Observed`` (the ``observation``), a ``Refused`` (the last answer cannot be used, and why), a
    ``Settled`` (the turn went on without the holder) or ``Closed``.
    """

    envelope: Observed | Refused | Settled | Closed
    asked: bool
    past: bool = False

    @property
    def observation(self) -> Observation | None:
        """The observation, where this is one."""
        return self.envelope.observation if isinstance(self.envelope, Observed) else None


class TakenSeat:
    """A seat that this program has taken: iterate over its news, and answer what is asked with :meth:`act`.

    Made by :func:`take_seat`. The iteration begins with all that the agent has been sent so far, which is how a holder
    that comes back finds its history and the open question, and ends with the episode.
    """

    def __init__(self, broker: Broker, card: SeatCard, owner: str) -> None:
        self.card = card
        self.asked: Observation | None = None
        """The observation that waits for an answer; None where nothing does."""
        self.over = False
        """Whether the episode is over."""
        self._broker = broker
        self._owner = owner
        self._ahead: deque[News] = deque()
        self._heard: Position | None = None
        self._answered: Position | None = None
        self._mine: Entry | None = None
        self._step = 0
        self._received: list[Entry] = []
        self._taken_by: str | None = None
        self._latest: Observation | None = None

    def __aiter__(self) -> AsyncIterator[News]:
        return self._all_news()

    async def news(self, seconds: float) -> News | None:
        """Return the next news, or None where none comes within so many seconds, or the episode is over.

        ``SeatLost`` where somebody else has taken the seat since.
        """
        if not self._ahead and not self.over:
            if self._taken_by is not None:
                raise SeatLost(f"the seat of {self.card.agent} was taken by {self._taken_by} meanwhile")
            received = await self._broker.receive(self.card.observations, HOLDER, seconds)
            self._received += received
            self._hear(received)
        if not self._ahead:
            return None
        news = self._ahead.popleft()
        self.asked = self._latest if news.asked else None
        self.over = self.over or (isinstance(news.envelope, Closed) and not news.past)
        if not news.asked and not self._ahead:
            await self._acknowledge()
        return news

    async def act(self, action: AgentAction) -> None:
        """Answer what is asked. Returns when the broker has the answer; whether it can be used comes as news.

        ``AnswerRefused`` where nothing is asked, or the turn has been answered or settled already; ``BrokerAway``
        where the broker stays away.
        """
        if self.asked is None:
            raise AnswerRefused(f"nothing is asked of {self.card.agent} now")
        turn = self.asked.turn
        answer = Answer(holder=self._owner, action=action.model_dump(mode="json"))
        entry = Entry(Position(turn, self._step), answer.model_dump_json())
        self.asked = None
        if not await persist(lambda: self._broker.append(self.card.answers, entry), PATIENCE):
            there = await persist(lambda: self._broker.history(self.card.answers), PATIENCE)
            first = next((other for other in there if other.position >= entry.position), None)
            if first is None or first.text != entry.text:  # else it was this answer, whose receipt got lost
                raise AnswerRefused(_why_refused(turn, first))
        self._mine, self._answered = entry, entry.position
        await self._acknowledge()

    async def run_is_there(self) -> bool:
        """Return whether the run is being played: False where it has given no sign for a while."""
        return await self._broker.owner(self.card.alive) is not None

    async def session(self) -> SessionTransaction:
        """Return all that was exchanged so far, as the record that front ends of Sotopia keep."""
        return await session_of(self._broker, self.card)

    async def begin(self) -> None:
        """Take up what has happened so far. Called by :func:`take_seat`."""
        self._answered = await persist(lambda: self._broker.last(self.card.answers), PATIENCE)
        self._hear(await persist(lambda: self._broker.history(self.card.observations), PATIENCE))

    async def give_sign(self) -> bool:
        """Give a sign of being there, and mend what the broker lost. Called by :func:`take_seat`, with every beat."""
        if not await self._broker.hold(self.card.held, self._owner, beats.seconds_held()):
            self._taken_by = await self._broker.owner(self.card.held) or "somebody else"
            return False
        await self._mend()
        return True

    async def _mend(self) -> None:
        """Answer again where a server that was killed has lost the answer before the run took it up."""
        mine = self._mine
        if mine is not None:
            last = await self._broker.last(self.card.answers)
            if last is None or last < mine.position:
                await self._broker.append(self.card.answers, mine)

    async def _all_news(self) -> AsyncIterator[News]:
        while not self.over:
            news = await self.news(beats.BEAT)
            if news is not None:
                yield news

    def _hear(self, entries: list[Entry]) -> None:
        fresh = [entry for entry in entries if self._heard is None or entry.position > self._heard]
        envelopes = [self._read(entry) for entry in fresh]
        last = max((at for at, one in enumerate(envelopes) if isinstance(one, Observed)), default=0)
        for at, (entry, envelope) in enumerate(zip(fresh, envelopes, strict=True)):
            self._heard = entry.position
            match envelope:
                case Observed():
                    self._latest, self._step, asked = envelope.observation, 0, envelope.observation.in_turn
                case Refused():
                    self._step, asked = envelope.step, True
                    self._mine = None
                case _:
                    asked = False
                    self._mine = None
            answered = self._answered is not None and Position(entry.position.turn, self._step) <= self._answered
            past = at < last
            self._ahead.append(News(envelope, asked and not answered and not past, past or (asked and answered)))

    def _read(self, entry: Entry) -> Observed | Refused | Settled | Closed:
        try:
            envelope = read_envelope(entry.text)
        except EnvelopeError as error:
            raise SeatLost(f"what the run says to {self.card.agent} cannot be read: {error}") from None
        if isinstance(envelope, Answer):
            raise SeatLost(f"what the run says to {self.card.agent} cannot be read: it is an answer")
        return envelope

    async def _acknowledge(self) -> None:
        received, self._received = self._received, []
        with suppress(BrokerAway):  # then it comes once more to the next connection, which knows it from the history
            await self._broker.acknowledge(self.card.observations, HOLDER, received)


@asynccontextmanager
async def take_seat(
    run: str = "", *, agent: str = "", broker: str | None = None, seconds: float = 60.0
) -> AsyncIterator[TakenSeat]:
    """Take a seat that is open: of a run, by its primary key, and for an agent, by name; without them, of any.

    ``broker`` is a URL; without it, the environment's. Waits for a seat up to so many ``seconds``. In the end the seat
    is given back, for the same or another holder to take. ::

        async with take_seat(agent="Mia Davis") as seat:
            async for news in seat:
                if news.asked:
                    await seat.act(AgentAction(action_type="speak", argument="Hello!"))

    ``NoSeatError`` where there is none, ``BrokerError`` where the broker cannot be used.
    """
    line = connect(broker_url(broker))
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    try:
        card = await find_seat(line, run, agent, owner, seconds)
        seat = TakenSeat(line, card, owner)
        await seat.begin()
        beating = asyncio.create_task(beats.each_beat(seat.give_sign), name="sotopia-seat-beats")
        try:
            yield seat
        finally:
            await beats.stop(beating)
            with suppress(BrokerAway):  # the hold ends by itself
                await line.release(card.held, owner)
    finally:
        await line.aclose()


def _why_refused(turn: int, there: Entry | None) -> str:
    try:
        envelope = read_envelope(there.text) if there is not None else None
    except EnvelopeError:
        envelope = None
    if isinstance(envelope, Settled):
        return f"turn {turn} was settled without you: {envelope.cause}, and what became of it is {envelope.outcome!r}"
    return f"turn {turn} has been answered already"
