"""A table with seats: agents that wait for somebody, questions to them, and holders that answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sotopia_agents.seats import News, TakenSeat, take_seat
from sotopia_agents.seats.agent import RedisAgent
from sotopia_core.digests import new_pk
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.interfaces import Seat
from sotopia_core.messages import ACTION_TYPES, AgentAction, Event, Observation
from tests.core.casts import After, combo

LONG = 10.0

Answering = Callable[[News, TakenSeat], AgentAction | None]


def speak(words: str, *to: str) -> AgentAction:
    return AgentAction(action_type="speak", argument=words, to=to)


def a_seat(run: str = "", index: int = 0, size: int = 2) -> Seat:
    """Return a seat at a table of the given size, of an episode of a run; of a new one where none is given."""
    run = run or new_pk()
    env = ParallelSotopiaEnv(combo(size), evaluators=[After()], run=run, episode=f"E{run}")
    return env.seats()[index]


def seated(seat: Seat, url: str | None, **options: object) -> RedisAgent:
    agent = RedisAgent.model_validate({"broker": url, "timeout": LONG, **options})
    agent.bind(seat)
    return agent


def asked(seat: Seat, turn: int, *events: Event, **changes: object) -> Observation:
    """Return what the agent is sent at a turn in which it may do anything."""
    fields = {
        "turn": turn,
        "agent": seat.name,
        "background": seat.background if turn == 0 else None,
        "events": events,
        "available_actions": ACTION_TYPES,
        "remaining": seat.background.names,
    }
    return Observation.model_validate({**fields, **changes})


def told(seat: Seat, turn: int, *events: Event) -> Observation:
    """Return what the agent is sent at a turn in which it is not asked."""
    return asked(seat, turn, *events, available_actions=("none",))


@asynccontextmanager
async def holding(url: str, answer: Answering, **which: str) -> AsyncIterator[list[News]]:
    """Hold a seat, and give it the answer for each question. Yields the news, as they come."""
    heard: list[News] = []

    async def hold() -> None:
        async with take_seat(broker=url, **which) as seat:
            async for news in seat:
                heard.append(news)
                action = answer(news, seat) if news.asked else None
                if action is not None:
                    await seat.act(action)

    task = asyncio.create_task(hold())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def until(happened: Callable[[], bool], what: str) -> None:
    """Wait until something has happened; ``AssertionError`` says what did not."""
    async with asyncio.timeout(LONG):
        while not happened():
            await asyncio.sleep(0.005)
    assert happened(), what
