"""What overhead is taken to: clients that post recorded bodies and read the replies' JSON, and do nothing else."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks.episodes import cost_of
from benchmarks.measure import peak_resident
from benchmarks.playing import SERVED, Plan
from benchmarks.quick_server import QuickServer, read_bodies

JSON: Final = {"Content-Type": "application/json"}

Episode = Sequence[bytes]
"""The bodies of an episode's requests, in order."""


@dataclass(frozen=True, slots=True)
class BareCost:
    """What posting cost: CPU of the process and wall in seconds, the most memory in bytes."""

    cpu: float
    wall: float
    peak: int


def recorded(turns: int, episodes: int = 10) -> list[Episode]:
    """Play episodes one by one, and return the bodies that came in at the server."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bodies"
        with QuickServer(bodies=file) as server:
            plan = Plan(episodes=episodes, turns=turns, concurrency=1, model=SERVED, url=server.url)
            cost_of(plan, stored=False, every=episodes)
        bodies = read_bodies(file)
        return [bodies[at : at + turns + 1] for at in range(0, len(bodies), turns + 1)]


def post_with_aiohttp(episodes: Sequence[Episode], count: int, concurrency: int, url: str) -> BareCost:
    """Post so many episodes' bodies with aiohttp, ``concurrency`` episodes at a time."""
    return asyncio.run(_with_aiohttp(episodes, count, concurrency, url))


async def _with_aiohttp(episodes: Sequence[Episode], count: int, concurrency: int, url: str) -> BareCost:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post(body: bytes) -> None:
            async with session.post(f"{url}/chat/completions", data=body, headers=JSON) as response:
                answer = json.loads(await response.read())
                assert answer["choices"][0]["message"]["content"]

        return await _all(episodes, count, concurrency, post)


def post_json_with_aiohttp(episodes: Sequence[Episode], count: int, concurrency: int, url: str) -> BareCost:
    """Post the same bodies as aiohttp's documentation has it: written by it from dicts, its answers read by it."""
    return asyncio.run(_json_with_aiohttp(episodes, count, concurrency, url))


async def _json_with_aiohttp(episodes: Sequence[Episode], count: int, concurrency: int, url: str) -> BareCost:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post(body: dict[str, Any]) -> None:
            async with session.post(f"{url}/chat/completions", json=body) as response:
                answer = await response.json()
                assert answer["choices"][0]["message"]["content"]

        return await _all([[json.loads(body) for body in one] for one in episodes], count, concurrency, post)


def call_litellm(episodes: Sequence[Episode], count: int, concurrency: int, url: str) -> BareCost:
    """Make the same calls through litellm."""
    return asyncio.run(_with_litellm(episodes, count, concurrency, url))


async def _with_litellm(episodes: Sequence[Episode], count: int, concurrency: int, url: str) -> BareCost:
    import litellm

    async def call(asked: dict[str, Any]) -> None:
        answer = await litellm.acompletion(
            model="openai/quick",
            messages=asked["messages"],
            response_format=asked["response_format"],
            api_base=url,
            api_key="no-key",
            num_retries=0,
            max_retries=0,
        )
        assert answer.choices[0].message.content

    return await _all([[json.loads(body) for body in one] for one in episodes], count, concurrency, call)


async def _all(
    episodes: Sequence[Sequence[Any]], count: int, concurrency: int, send: Callable[[Any], Awaitable[None]]
) -> BareCost:
    waiting = islice(cycle(episodes), count)

    async def work() -> None:
        for episode in waiting:
            for one in episode:
                await send(one)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(min(concurrency, count))))
    return BareCost(time.process_time() - cpu, time.perf_counter() - wall, peak_resident())
