"""An episode's loop: who is asked, what is kept, and whose fault a failure is."""

import asyncio
from contextlib import suppress

import pytest

from sotopia_core.engine.interaction import Interaction
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.errors import ActionError, ModelAccessError, ModelError, PluginError
from sotopia_core.interfaces import Agent
from sotopia_core.messages import AgentAction
from tests.core.casts import LEAVE, NAMES, After, Everyone, Fixed, InSeatOrder, Says, combo, speak

MIA, LEO, ZOE, _ = NAMES


def interaction(*agents, turns=3, ordering=None, on_turn=None):
    env = ParallelSotopiaEnv(combo(len(agents)), evaluators=[After(turns=turns)], ordering=ordering or InSeatOrder())
    return Interaction(env, agents, on_turn)


async def test_agents_in_turn_act_and_the_others_observe():
    class Listens(Says):
        _heard: list = []

        def model_post_init(self, context):
            self._heard = []

        async def observe(self, observation):
            self._heard.append((observation.turn, [e.action.argument for e in observation.events]))

    listener = Listens(line="b")
    played = interaction(Says(line="a"), listener)
    await played.play()
    assert [(t.number, {n: a.argument for n, a in t.actions.items()}) for t in played.turns] == [
        (0, {MIA: "a 0"}),
        (1, {LEO: "b 1"}),
        (2, {MIA: "a 2"}),
        (3, {}),
    ]
    assert listener._heard == [(0, []), (2, ["b 1"]), (3, ["a 2"])]


async def test_turns_hold_exactly_what_each_agent_was_sent():
    seen = {}

    class Keeps(Says):
        async def aact(self, observation):
            seen.setdefault(self.seat.name, []).append(observation)
            return await super().aact(observation)

        async def observe(self, observation):
            seen.setdefault(self.seat.name, []).append(observation)

    played = interaction(Keeps(line="<b>&amp; {goal}"), Keeps())
    await played.play()
    for name in (MIA, LEO):
        assert [turn.observations[name] for turn in played.turns] == seen[name]


async def test_agents_in_turn_together_are_asked_together():
    running = []

    class Waits(Agent):
        async def aact(self, observation):
            running.append(self.seat.name)
            while len(running) < 2:
                await asyncio.sleep(0)
            return speak("now")

    played = interaction(Waits(), Waits(), turns=1, ordering=Everyone())
    async with asyncio.timeout(5):
        await played.play()
    assert list(played.turns[0].actions) == [MIA, LEO]


async def test_who_left_is_neither_asked_nor_told():
    class Leaves(Agent):
        async def aact(self, observation):
            return LEAVE

        async def observe(self, observation):
            assert observation.turn == 1  # the turn of its own departure

    played = interaction(Leaves(), Says(), Says(), turns=5)
    await played.play()
    assert all(MIA not in turn.observations for turn in played.turns[2:])
    assert MIA in played.turns[1].observations


def agent_that(work, **options):
    class Faulty(Agent):
        async def aact(self, observation):
            return await work() if asyncio.iscoroutinefunction(work) else work()

    return Faulty(**options)


def _raise(error):
    raise error


async def _cancel():
    raise asyncio.CancelledError


async def _sleep():
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        (agent_that(lambda: _raise(ValueError("x"))), "Leo Park (Faulty) failed at turn 1: ValueError: x"),
        (agent_that(lambda: _raise(SystemExit(2))), "Leo Park (Faulty) failed at turn 1: SystemExit: 2"),
        (agent_that(lambda: "hello"), "Leo Park (Faulty) failed at turn 1: it gave str, not an AgentAction"),
        (agent_that(lambda: None), "Leo Park (Faulty) failed at turn 1: it gave NoneType, not an AgentAction"),
        (agent_that(_cancel), "Leo Park (Faulty) failed at turn 1: it cancelled itself"),
        (agent_that(_sleep, timeout=0.05), "Leo Park (Faulty) failed at turn 1: no answer within 0.05 s"),
    ],
)
@pytest.mark.parametrize("ordering", [InSeatOrder(), Everyone()], ids=["alone", "together"])
async def test_a_faulty_agent_is_named_with_the_turn_and_what_was_played_is_kept(agent, message, ordering):
    fresh = type(agent)(timeout=agent.timeout)
    played = interaction(Says(), fresh, ordering=ordering)
    with pytest.raises(PluginError) as caught:
        await played.play()
    expected = message if isinstance(ordering, InSeatOrder) else message.replace("turn 1", "turn 0")
    assert str(caught.value) == expected
    assert len(played.turns) == (1 if isinstance(ordering, InSeatOrder) else 0)


async def test_a_models_failure_stays_a_models_failure():
    with pytest.raises(ModelError, match="prose"):
        await interaction(agent_that(lambda: _raise(ModelError("prose", raw="I think"))), Says()).play()


async def test_an_action_against_the_rules_ends_the_episode():
    with pytest.raises(ActionError, match="Mia Davis addressed 'Nobody'"):
        await interaction(agent_that(lambda: speak("psst", "Nobody")), Says()).play()


async def test_observe_must_be_a_coroutine():
    class Sync(Says):
        def observe(self, observation):
            return None

    with pytest.raises(PluginError, match=r"Leo Park \(Sync\) failed observing turn 0: TypeError"):
        await interaction(Says(), Sync()).play()


async def test_agents_are_closed_also_after_a_failure_and_a_failed_closing_spoils_nothing(caplog):
    closed = []

    class Closes(Says):
        async def aclose(self):
            closed.append(self.seat.name)
            raise OSError("already gone")

    played = interaction(Closes(), Closes(), turns=1)
    await played.play()
    assert closed == [MIA, LEO]
    assert "Mia Davis (Closes) failed closing: OSError: already gone" in caplog.text


class Noted(Says):
    """Notes how it is parted with."""

    async def aclose(self):
        partings.append(f"{self.seat.name} closed")

    async def adjourn(self):
        partings.append(f"{self.seat.name} adjourned")


partings: list[str] = []


@pytest.mark.parametrize("error", [ModelError("prose"), ValueError("a bug"), None])
async def test_an_episode_that_ends_or_fails_is_over_and_its_agents_are_closed(error):
    partings.clear()
    other = Says() if error is None else agent_that(lambda: _raise(error))
    with suppress(ModelError, PluginError):
        await interaction(Noted(), other).play()
    assert partings == [f"{MIA} closed"]


async def test_agents_have_seen_the_end_and_are_closed_before_anybody_judges():
    class Judges(Fixed):
        async def evaluate(self, transcript, context):
            partings.append("judged")
            return await super().evaluate(transcript, context)

    class Watches(Noted):
        async def observe(self, observation):
            partings.append(f"{self.seat.name} saw turn {observation.turn}")

    partings.clear()
    env = ParallelSotopiaEnv(combo(2), evaluators=[After(turns=1), Judges(score=7)], ordering=InSeatOrder())
    await Interaction(env, [Watches(), Says()]).play()
    assert partings == [f"{MIA} saw turn 1", f"{MIA} closed", "judged"]
    assert env.outcome[MIA].overall == 7.0


async def test_an_episode_that_stops_with_its_run_is_adjourned():
    partings.clear()
    with pytest.raises(ModelAccessError):
        await interaction(Noted(), agent_that(lambda: _raise(ModelAccessError("no key")))).play()
    playing = asyncio.create_task(interaction(Noted(), Waits()).play())
    await asyncio.sleep(0.05)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert partings == [f"{MIA} adjourned"] * 2


class Waits(Says):
    """Takes 0.2 s, the last of which its grace allows."""

    grace = 30.0

    async def aact(self, observation):
        await asyncio.sleep(0.2)
        return await super().aact(observation)


async def test_an_agents_grace_comes_on_top_of_its_timeout():
    played = interaction(Says(), Waits(timeout=0.01), turns=2)
    await played.play()
    assert len(played.turns) == 3


def test_an_agent_takes_one_seat_and_no_other():
    agent = Says()
    interaction(agent, Says())
    with pytest.raises(ValueError, match="this Says sits as Mia Davis already; make one for each seat"):
        interaction(agent, Says())


def test_there_must_be_an_agent_for_each_seat():
    env = ParallelSotopiaEnv(combo(3), evaluators=[After()], ordering=InSeatOrder())
    with pytest.raises(ValueError, match="2 agents for 3 seats: Mia Davis, Leo Park, Zoë"):
        Interaction(env, [Says(), Says()])


async def test_actions_are_frozen_text_and_all():
    text = "did nothing\x00 {goal} <p viewer='agent_1'> \U0001f600 \u202e"
    played = interaction(agent_that(lambda: speak(text)), Says(), turns=1)
    await played.play()
    assert played.turns[0].actions[MIA] == AgentAction(action_type="speak", argument=text)
    assert played.turns[1].observations[LEO].events[0].action.argument == text
