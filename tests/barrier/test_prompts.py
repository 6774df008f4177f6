"""What goes over the wire to the models: of each agent what it may know, of the judge everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, given, settings

from sotopia_agents.llm import LLMAgent
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.interfaces import Agent
from sotopia_core.models import ModelReply, ModelRequest
from sotopia_evaluators.dimensions import SotopiaDimensions
from sotopia_evaluators.judge import ReachGoalLLMEvaluator
from tests.barrier.oracle import JUDGE, who_may_know
from tests.barrier.worlds import Plan, World, marks_in, plans
from tests.core.casts import After

if find_spec("aiohttp") is None:
    pytest.skip("the extra http is missing", allow_module_level=True)


@pytest.fixture(scope="module")
def server() -> Iterator[object]:
    """One server for all examples; each takes from it what it sent."""
    from sotopia_testing.chat_server import ChatServer

    with ChatServer() as running:
        yield running


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def model(server, runner):
    from sotopia_models.openai_compatible import OpenAICompatible

    answering = OpenAICompatible(model="scripted", base_url=server.url)
    yield answering
    runner.run(answering.aclose())


async def play(world: World, model, server) -> tuple[list[str], dict[str, int], list[tuple[str, ModelRequest]]]:
    """Play with language models for agents, one request at a time, each answered as the world has planned.

    Returns whose each request was, in which turn each agent was last asked, and the requests as the kernel made them.
    """
    made: list[tuple[str, ModelRequest]] = []

    def heard(role: str, request: ModelRequest, reply: ModelReply) -> None:
        made.append((role, request))

    judge = ReachGoalLLMEvaluator[SotopiaDimensions](model=model)
    env = ParallelSotopiaEnv(
        world.combo,
        evaluators=[After(turns=len(world.plan.deeds)), judge],
        ordering=world.ordering,
        mode=world.plan.mode,
        on_call=heard,
    )
    agents: dict[str, Agent] = {name: LLMAgent(model=model) for name in world.names}
    for seat in env.seats():
        agents[seat.name].bind(seat)
    asked: list[str] = []
    last: dict[str, int] = {}
    env.reset()
    while not env.done:
        actions = {}
        for name, observation in env.observations.items():
            if not observation.in_turn:
                await agents[name].observe(observation)
                continue
            planned = world.next_deed(name, env.turn, observation.remaining)
            server.script(planned.model_dump_json())
            asked.append(name)
            last[name] = env.turn
            actions[name] = await agents[name].aact(observation)
            assert actions[name] == planned
        await env.astep(actions)
    return [*asked, JUDGE], last, made


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans(deeds=10))
def test_each_model_is_sent_over_http_all_that_its_agent_may_know_and_nothing_else(plan: Plan, server, runner, model):
    world = World(plan)
    server.reset()
    asked, last, made = runner.run(play(world, model, server))
    requests = server.requests()
    assert len(requests) == len(asked) == len(made)
    sent: dict[str, set[str]] = {name: set() for name in asked}
    for name, request in zip(asked, requests, strict=True):
        sent[name] |= marks_in(json.dumps(request.body, ensure_ascii=False))
    wordless = {mark for _, _, action, mark in world.happened if action.action_type in ("leave", "none")}
    for name in asked:
        may = who_may_know(world, until=last.get(name, 10**9))
        due = {mark for mark, knowers in may.items() if name in knowers}
        leaked = sent[name] - due
        assert not leaked, f"{name} was sent {[world.origin[mark] for mark in leaked]}"
        # The prompt tells of departures and inaction without words; the judge is told everything.
        kept_back = due - sent[name] - (set() if name == JUDGE else wordless)
        assert not kept_back, f"{name} was not sent {[world.origin[mark] for mark in kept_back]}"
    for role, request in made:  # the facts that stand-ins go by in place of prose
        viewer = role if role in world.names else JUDGE
        assert marks_in(repr(request.scene)) <= {
            mark for mark, knowers in who_may_know(world).items() if viewer in knowers
        }
