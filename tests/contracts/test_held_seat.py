"""``RedisAgent`` keeps the contract of agents, with a program in its seat that answers by rule."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import PrivateAttr

from sotopia_agents.seats import take_seat
from sotopia_agents.seats.agent import RedisAgent
from sotopia_core.interfaces import Seat
from sotopia_core.messages import AgentAction, Observation
from sotopia_testing.agents import AgentContract

BROKER = "memory://contract"
NUMBERS: Iterator[int] = itertools.count()


class Held(RedisAgent):
    """A ``RedisAgent`` in a run of its own, with a program that takes its seat and says which turn it is."""

    _holder: asyncio.Task[None] | None = PrivateAttr(default=None)

    def bind(self, seat: Seat) -> None:
        number = next(NUMBERS)  # a seat outside a run cannot be found, and each of the suite's is another
        super().bind(replace(seat, run=f"run {number}", episode=f"episode {number}"))

    async def aact(self, observation: Observation) -> AgentAction:
        if self._holder is None:
            self._holder = asyncio.create_task(self._hold())
        return await super().aact(observation)

    async def aclose(self) -> None:
        await super().aclose()
        if self._holder is not None:
            self._holder.cancel()
            await asyncio.wait((self._holder,))

    async def _hold(self) -> None:
        async with take_seat(self.seat.run, agent=self.seat.name, broker=BROKER, seconds=10.0) as taken:
            async for news in taken:
                if news.asked and news.observation is not None:
                    await taken.act(AgentAction(action_type="speak", argument=f"Turn {news.observation.turn}."))


class TestRedisAgent(AgentContract):
    turns = 3

    @pytest.fixture
    def agent(self) -> RedisAgent:
        return Held(broker=BROKER)
