"""Finding a seat that is open, and taking it before anybody else does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from sotopia_agents.seats.beats import seconds_held
from sotopia_agents.seats.broker import Broker
from sotopia_agents.seats.envelopes import EnvelopeError, SeatCard, read_card
from sotopia_agents.seats.line import BOARD
from sotopia_agents.seats.patience import persist
from sotopia_core.errors import InputError, nearest

SECONDS_BETWEEN_LOOKS: Final = 0.3
SEATS_SHOWN: Final = 5


class NoSeatError(InputError):
    """No such seat is open. The message says which are, or how to open one."""


@dataclass(frozen=True, slots=True)
class OpenSeat:
    """A seat that is announced, who has taken it, if anybody, and whether its run is being played now."""

    card: SeatCard
    holder: str | None
    run_is_there: bool


async def open_seats(broker: Broker, run: str = "", agent: str = "") -> list[OpenSeat]:
    """Return the seats that are open, of one run or for one agent where that is given.

    The episode that was announced first comes first, and within an episode they come in their order.
    """
    found = []
    for card in await _cards(broker):
        if run in ("", card.run) and agent in ("", card.agent):
            holder, player = await broker.owner(card.held), await broker.owner(card.alive)
            found.append(OpenSeat(card, holder, player is not None))
    return found


async def find_seat(broker: Broker, run: str, agent: str, owner: str, seconds: float) -> SeatCard:
    """Take the first seat that is open and free, waiting for one up to so many seconds; ``NoSeatError`` without one.

    Seats of runs that are being played come first: those of others wait until somebody resumes their run.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while True:
        seats = await persist(lambda: open_seats(broker, run, agent), max(1.0, deadline - clock()))
        for seat in sorted(seats, key=lambda one: not one.run_is_there):
            if seat.holder is None and await broker.hold(seat.card.held, owner, seconds_held()):
                return seat.card
        if clock() + SECONDS_BETWEEN_LOOKS > deadline:
            raise NoSeatError(await _why_none(broker, run, agent, seats))
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def _cards(broker: Broker) -> list[SeatCard]:
    cards: list[SeatCard] = []
    for notice in await broker.announced(BOARD):
        try:
            cards.append(read_card(notice))
        except EnvelopeError:  # a seat of another version, for which another sotopia looks
            continue
    episodes = {episode: at for at, episode in enumerate(dict.fromkeys(card.episode for card in cards))}
    return sorted(cards, key=lambda card: (episodes[card.episode], card.index))


async def _why_none(broker: Broker, run: str, agent: str, taken: list[OpenSeat]) -> str:
    of = f" of run {run}" if run else ""
    if taken:
        holders = ", ".join(sorted({f"{seat.card.agent} by {seat.holder}" for seat in taken}))
        return f"every seat{of} is taken: {holders}; one is free again {seconds_held():g} s after its holder went"
    cards = await _cards(broker)
    there = [f"{card.agent} in run {card.run}" for card in cards[:SEATS_SHOWN]]
    if not there:
        return 'no seat is open; play a run file with use = "RedisAgent" and the same broker first'
    of_run = [card.agent for card in cards if run in ("", card.run)]
    close = nearest(agent, of_run) if agent else nearest(run, [card.run for card in cards])
    wanted = f"no seat{of}" + (f" for {agent!r}" if agent else "") + " is open"
    more = f" and {len(cards) - len(there)} more" if len(cards) > len(there) else ""
    return f"{wanted}{close}; there are {', '.join(there)}{more}"
