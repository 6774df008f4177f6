"""One connection for all seats of an event loop that name the same broker, and the sign that their run is there."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from sotopia_agents.seats.addresses import connect
from sotopia_agents.seats.beats import each_beat, seconds_held, stop
from sotopia_agents.seats.broker import Broker, BrokerAway
from sotopia_agents.seats.envelopes import SeatCard


@dataclass(eq=False)
class SharedBroker:
    """A connection, how many seats use it, and the runs they belong to, which give a sign with every beat."""

    broker: Broker
    seats: Counter[str] = field(default_factory=Counter)
    beating: asyncio.Task[None] | None = None
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

    async def give_sign(self) -> bool:
        """Give the sign of all runs."""
        for sign in list(self.seats):
            await self.broker.hold(sign, self.owner, seconds_held())
        return True


_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedBroker]] = WeakKeyDictionary()


async def join(url: str, card: SeatCard) -> Broker:
    """Return the connection for a seat; to be given back with :func:`leave`."""
    shared = _SHARED.setdefault(asyncio.get_running_loop(), {})
    if url not in shared:
        shared[url] = SharedBroker(connect(url))
    one = shared[url]
    one.seats[card.alive] += 1
    if one.beating is None:
        one.beating = asyncio.create_task(each_beat(one.give_sign), name="sotopia-run-beats")
    if one.seats[card.alive] == 1:
        with suppress(BrokerAway):
            await one.broker.hold(card.alive, one.owner, seconds_held())
    return one.broker


async def leave(url: str, card: SeatCard) -> None:
    """Give the connection of a seat back; with the last seat it is closed."""
    shared = _SHARED[asyncio.get_running_loop()]
    one = shared[url]
    one.seats[card.alive] -= 1
    if one.seats[card.alive] > 0:
        return
    del one.seats[card.alive]
    last = not one.seats
    if last:
        del shared[url]  # before others get their turn, so that whoever sits down now takes a new connection
    with suppress(BrokerAway):
        await one.broker.release(card.alive, one.owner)
    if not last:
        return
    if one.beating is not None:
        await stop(one.beating)
    await one.broker.aclose()
