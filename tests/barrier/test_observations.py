"""Nobody is sent what they may not know, and everybody what they may: observations, logs, and ``show --as``."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings

from sotopia_core.cli.transcript import render_view, view_document
from sotopia_core.engine.interaction import Interaction
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.episodes import EpisodeLog
from sotopia_core.messages import ENVIRONMENT, Observation
from tests.barrier.oracle import JUDGE, who_may_know
from tests.barrier.worlds import Deed, Plan, Puppet, World, marks_in, plans
from tests.core.casts import After


def play(world: World) -> tuple[EpisodeLog, ParallelSotopiaEnv]:
    """Play a world to its end, and return the record and the environment."""
    env = ParallelSotopiaEnv(
        world.combo,
        evaluators=[After(turns=len(world.plan.deeds))],
        ordering=world.ordering,
        mode=world.plan.mode,
    )
    interaction = Interaction(env, [Puppet(world=world) for _ in world.names])
    asyncio.run(interaction.play())
    log = EpisodeLog(environment="e", agents=(), agent_names=world.names, turns=tuple(interaction.turns))
    return log, env


def hold(seen: dict[str, set[str]], world: World, viewers: tuple[str, ...]) -> None:
    """Compare the marks that each viewer saw with those that each may know."""
    may = who_may_know(world)
    for viewer in viewers:
        due = {mark for mark, knowers in may.items() if viewer in knowers}
        leaked, kept_back = seen[viewer] - due, due - seen[viewer]
        assert not leaked, f"{viewer} was sent {[world.origin[mark] for mark in leaked]}"
        assert not kept_back, f"{viewer} was not sent {[world.origin[mark] for mark in kept_back]}"


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans(deeds=24))
def test_each_agent_is_sent_all_that_it_may_know_and_nothing_else(plan: Plan):
    world = World(plan)
    log, env = play(world)
    sent: dict[str, list[Observation]] = {
        name: [turn.observations[name] for turn in log.turns if name in turn.observations] for name in world.names
    }
    hold({name: marks_in("".join(o.model_dump_json() for o in sent[name])) for name in sent}, world, world.names)
    logged = {
        name: "".join(text for turn in log.messages for _, receiver, text in turn if receiver == name)
        for name in world.names
    }
    shown = {name: render_view(log, name) for name in world.names}
    exact = {name: str(view_document(log, name)) for name in world.names}
    judged = env.transcript.background.model_dump_json() + "".join(e.model_dump_json() for e in env.transcript.events)
    hold({JUDGE: marks_in(judged)}, world, (JUDGE,))
    hold({name: marks_in(exact[name]) for name in exact}, world, world.names)
    for name in world.names:  # the words of a departure, and of inaction, are not among what logs tell of them
        due = {mark for mark, knowers in who_may_know(world).items() if name in knowers}
        wordless = {mark for _, _, action, mark in world.happened if action.action_type in ("leave", "none")}
        for text in (logged[name], shown[name]):
            assert marks_in(text) == due - wordless


@settings(deadline=None, max_examples=40)
@given(plan=plans(deeds=12, short=True))
def test_departures_and_inaction_are_noticed_by_all_who_are_there_whatever_their_recipients(plan: Plan):
    world = World(plan)
    log, _ = play(world)
    for turn, name, action, _ in world.happened:
        if action.action_type not in ("leave", "none"):
            continue
        for other, observation in log.turns[turn + 1].observations.items():
            noticed = [e.action for e in observation.events if (e.turn, e.sender) == (turn, name)]
            assert [one.action_type for one in noticed] == [action.action_type]
            if action.to and other not in {name, *action.to}:
                assert (noticed[0].argument, noticed[0].to) == ("", ())


@settings(deadline=None, max_examples=40)
@given(plan=plans(deeds=12, short=True))
def test_what_was_said_reaches_those_who_may_know_it_exactly(plan: Plan):
    world = World(plan)
    log, _ = play(world)
    may = who_may_know(world)
    for turn, name, action, mark in world.happened:
        for other, observation in log.turns[turn + 1].observations.items():
            got = [e.action for e in observation.events if (e.turn, e.sender) == (turn, name)]
            if other in may[mark]:
                assert got == [action]


@pytest.mark.parametrize("size", range(2, 9))
def test_all_can_leave_in_any_order_until_one_remains(size):
    deeds = tuple(Deed("leave", (0, 1), 0) for _ in range(size))
    for ordering in ("round robin", "random", "pairs"):
        log, env = play(World(Plan(size, 3, (), "standard", ordering, 0, deeds)))
        assert env.done
        assert len(env.transcript.remaining) in (0, 1)
        assert len(log.turns[-1].observations) == (2 if ordering != "pairs" or size % 2 == 0 else 3)


def test_an_oracle_that_knew_less_would_be_noticed():
    """The comparison itself can fail, in both directions."""
    world = World(Plan(3, 2, (), "standard", "round robin", 0, (Deed("speak", (1,), 0),)))
    log, _ = play(world)
    seen = {name: marks_in("".join(t.observations[name].model_dump_json() for t in log.turns)) for name in world.names}
    secret = next(mark for mark, origin in world.origin.items() if origin == ("profile", world.names[1], "secret"))
    with pytest.raises(AssertionError, match="was sent"):
        hold(seen | {world.names[0]: seen[world.names[0]] | {secret}}, world, world.names)
    with pytest.raises(AssertionError, match="was not sent"):
        hold(seen | {world.names[1]: seen[world.names[1]] - {secret}}, world, world.names)
    assert ENVIRONMENT not in world.names
