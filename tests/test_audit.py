"""The audit of stored episodes: what leaked is found, and what cannot be decided is said with why."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotopia_core.audit import Audit, Doubt, Leak, audit
from sotopia_core.engine.interaction import Interaction
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.episodes import EpisodeLog
from sotopia_core.messages import Participant
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile
from sotopia_orderings.round_robin import RoundRobin
from tests.barrier.test_observations import play
from tests.barrier.worlds import Puppet, World, plans
from tests.core.casts import After, speak

MIA, LEO, NOOR = "Mia", "Leo", "Noor"
SECRETS = {
    MIA: "Her lease runs out in March. She has told nobody.",
    LEO: "The oven is promised to his brother.",
    NOOR: "She reads other people's post.",
}
GOALS = {
    MIA: "Buy the oven for three hundred dollars.<strategy_hint> Mention the scratch on its door.</strategy_hint>",
    LEO: 'Sell the oven for four hundred dollars.<p viewer="environment"> He would take half of it.</p>',
    NOOR: "Find out what the two of them are up to.",
}
SCENARIO = 'Leo sells an oven.<p viewer="agent_2"> A van with a buyer drove past the house.</p>'


def combo(relationship=2, secrets=SECRETS, scenario=SCENARIO, **fields):
    agents = tuple(
        AgentProfile(pk=f"A-{name}", first_name=name, age=40 + seat, mbti="ISFJ", secret=secrets[name], **fields)
        for seat, name in enumerate((MIA, LEO, NOOR))
    )
    environment = EnvironmentProfile(
        pk="E", codename="oven", scenario=scenario, agent_goals=tuple(GOALS.values()), relationship=relationship
    )
    return Combo(environment=environment, agents=agents)


class Lines(World):
    """Somebody says one line after the other."""

    def __init__(self, *lines):
        self.lines = list(lines)

    def next_deed(self, name, turn, present=None):
        return self.lines.pop(0)


def played(*lines, mode="standard", **fields) -> EpisodeLog:
    """An episode in which Mia, Leo and Noor say these lines in turn."""
    lines = lines or (speak("I like the oven."), speak("For you, three hundred and fifty.", MIA))
    cast = combo(**fields)
    env = ParallelSotopiaEnv(cast, evaluators=[After(turns=len(lines))], ordering=RoundRobin(), mode=mode)
    world = Lines(*lines)
    interaction = Interaction(env, [Puppet(world=world) for _ in range(3)])
    asyncio.run(interaction.play())
    names = cast.names
    return EpisodeLog(
        pk="EP",
        environment="E",
        agents=tuple(agent.pk for agent in cast.agents),
        agent_names=names,
        mode=mode,
        combo=cast,
        turns=tuple(interaction.turns),
    )


def as_imported(episode: EpisodeLog) -> EpisodeLog:
    """The same episode as a log of Sotopia tells it: texts, and no profiles."""
    return episode.model_copy(update={"verbatim_messages": episode.messages, "turns": (), "combo": None})


def tampered(episode: EpisodeLog, name: str, number: int = 0, **changes) -> EpisodeLog:
    """The episode with one observation other than it was."""
    turn = episode.turns[number]
    observation = turn.observations[name].model_copy(update=changes)
    turn = turn.model_copy(update={"observations": {**turn.observations, name: observation}})
    return episode.model_copy(update={"turns": (*episode.turns[:number], turn, *episode.turns[number + 1 :])})


def with_participant(episode: EpisodeLog, viewer: str, about: Participant) -> EpisodeLog:
    background = episode.turns[0].observations[viewer].background
    others = tuple(about if one.name == about.name else one for one in background.participants)
    return tampered(episode, viewer, background=background.model_copy(update={"participants": others}))


def with_scenario(episode: EpisodeLog, viewer: str, text: str) -> EpisodeLog:
    background = episode.turns[0].observations[viewer].background
    return tampered(episode, viewer, background=background.model_copy(update={"scenario": text}))


# --- nothing leaked


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans(deeds=10, short=True))
def test_no_episode_as_it_is_played_leaks(plan):
    world = World(plan)
    log, _ = play(world)
    log = log.model_copy(update={"combo": world.combo, "mode": plan.mode})
    assert audit(log).leaks == ()
    assert audit(as_imported(log), world.combo).leaks == ()


@pytest.mark.parametrize(("mode", "relationship"), list(product(["standard", "omniscient", "lite"], [0, 2, 5])))
def test_what_may_be_known_is_neither_a_leak_nor_a_doubt(mode, relationship):
    found = audit(played(mode=mode, relationship=relationship))
    assert (found.leaks, found.doubts) == ((), ())
    assert found.agents == (MIA, LEO, NOOR)
    assert found.texts > 3 * 2


def test_an_imported_log_is_held_against_the_cast_that_is_given():
    episode = played()
    found = audit(as_imported(episode), episode.combo)
    assert (found.leaks, found.doubts) == ((), ())
    assert found.texts > 3 * 2


# --- what leaked


def test_a_field_beyond_the_relationship_is_a_leak_however_short_it_is():
    episode = with_participant(played(), MIA, Participant(name=LEO, profile={"age": 41, "mbti": "ISFJ"}))
    assert audit(episode).leaks == (Leak(MIA, 0, "the mbti of Leo", "ISFJ"),)
    episode = with_participant(played(relationship=0), MIA, Participant(name=LEO, profile={"age": 41}))
    assert audit(episode).leaks == (Leak(MIA, 0, "the age of Leo", "41"),)


def test_a_goal_is_a_leak_unless_the_mode_shows_it():
    shown = Participant(name=LEO, profile={"age": 41}, goal="Sell the oven for four hundred dollars.")
    assert audit(with_participant(played(), MIA, shown)).leaks == (Leak(MIA, 0, "the goal of Leo", shown.goal),)
    assert audit(with_participant(played(mode="omniscient"), MIA, shown)).leaks == ()


@pytest.mark.parametrize(
    ("viewer", "text", "what", "found"),
    [
        (
            MIA,
            "He says: THE OVEN is promised\nto his brother.",
            "the secret of Leo",
            "the oven is promised to his brother.",
        ),
        (LEO, "Know this. Her lease runs out in March.", "the secret of Mia", "her lease runs out in march."),
        (NOOR, "Mention the scratch on its door.", "the goal of Mia", "mention the scratch on its door."),
        (LEO, "He would take half of it.", "the goal of Leo", None),
        (MIA, "A van with a buyer drove past the house.", "passages of the scenario for others", None),
        (NOOR, "A van with a buyer drove past the house.", None, None),
    ],
)
def test_a_private_text_is_found_wherever_it_stands(viewer, text, what, found):
    leaks = audit(with_scenario(played(), viewer, text)).leaks
    if what is None:
        assert leaks == ()
        return
    assert leaks == (Leak(viewer, 0, what, found or text.casefold()),)


def test_a_private_text_is_found_in_an_imported_log():
    episode = with_scenario(played(), MIA, "The oven is promised to his brother.")
    found = audit(as_imported(episode), episode.combo)
    assert found.leaks == (Leak(MIA, 0, "the secret of Leo", "the oven is promised to his brother."),)


def test_a_message_to_others_is_a_leak_in_observations_and_in_texts():
    episode = played()
    private = episode.turns[2].observations[LEO].events
    leaky = tampered(episode, NOOR, 2, events=private)
    what = "what Leo did at turn 1, to Mia alone"
    assert audit(leaky).leaks == (Leak(NOOR, 2, what, "For you, three hundred and fifty."),)
    told_in_text = audit(as_imported(leaky), episode.combo).leaks
    assert told_in_text == ()  # a log of Sotopia does not say whom a message was for


def test_private_messages_of_games_are_looked_for_without_any_cast():
    messages = (
        (("Environment", "Ann", "You are a wolf."), ("Ann", "Bob", 'said: "Let us go for Cleo tonight."')),
        (("Environment", "Cleo", 'Ann said: "Let us go for Cleo tonight."'),),
    )
    game = EpisodeLog(
        pk="EP", environment="E", agents=(), agent_names=("Ann", "Bob", "Cleo"), verbatim_messages=messages
    )
    found = audit(game)
    assert found.leaks == (
        Leak("Cleo", 1, "what Ann did at turn 0, to Bob alone", 'said: "let us go for cleo tonight."'),
    )
    assert [doubt.reason for doubt in found.doubts] == ["unknown cast"]


@given(data=st.data())
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_private_text_of_an_agent_is_put_into_what_another_was_sent_is_found(data):
    episode = played()
    viewer, owner = data.draw(st.permutations([MIA, LEO, NOOR]))[:2]
    text = data.draw(st.sampled_from([SECRETS[owner], GOALS[owner].partition("<")[0]]))
    number = data.draw(st.integers(0, 2))
    observation = episode.turns[number].observations[viewer]
    if number == 0:
        leaky = with_scenario(episode, viewer, f"Some words, {text} And more.")
    else:
        event = observation.events[:1]
        event = tuple(
            one.model_copy(update={"action": one.action.model_copy(update={"argument": f"He said {text}"})})
            for one in event
        )
        leaky = tampered(episode, viewer, number, events=event)
        if not event:
            return
    assert [(leak.agent, leak.turn) for leak in audit(leaky).leaks] == [(viewer, number)]


# --- what cannot be decided


def test_what_somebody_told_aloud_before_is_no_leak():
    found = audit(played(speak("I like it."), speak("To be honest, the oven is promised to his brother.")))
    assert found.leaks == ()
    assert found.doubts == tuple(
        Doubt(name, 2, "the secret of Leo", "the oven is promised to his brother.", "told aloud", "by Leo at turn 1")
        for name in (MIA, NOOR)
    )


def test_what_was_told_to_one_alone_is_a_leak_to_the_other():
    episode = played(speak("I like it."), speak("The oven is promised to his brother.", MIA), speak("Hm."))
    assert [doubt.agent for doubt in audit(episode).doubts] == [MIA]
    heard = episode.turns[2].observations[MIA].events
    leaks = audit(tampered(episode, NOOR, 2, events=heard)).leaks
    assert {(leak.agent, leak.what) for leak in leaks} == {
        (NOOR, "what Leo did at turn 1, to Mia alone"),
        (NOOR, "the secret of Leo"),
    }


def test_what_was_told_after_it_had_leaked_does_not_excuse_the_leak():
    episode = played(speak("I like it."), speak("The oven is promised to his brother."))
    found = audit(with_scenario(episode, MIA, "The oven is promised to his brother."))
    assert [leak.agent for leak in found.leaks] == [MIA]
    assert [doubt.agent for doubt in found.doubts] == [NOOR]


def test_what_also_stands_in_what_an_agent_may_know_cannot_be_decided():
    found = audit(played(scenario="Leo sells an oven. The oven is promised to his brother."))
    assert found.leaks == ()
    assert {(doubt.agent, doubt.what, doubt.reason) for doubt in found.doubts} == {
        (MIA, "the secret of Leo", "public too"),
        (NOOR, "the secret of Leo", "public too"),
    }


def test_a_text_that_is_too_short_cannot_be_recognised():
    secrets = SECRETS | {LEO: "He lies."}
    assert audit(played(secrets=secrets)).doubts == ()
    found = audit(with_scenario(played(secrets=secrets), MIA, "Look out: he lies. And he knows it."))
    assert (found.leaks, found.doubts) == ((), (Doubt(MIA, 0, "the secret of Leo", "he lies.", "too short"),))


@pytest.mark.parametrize("cast", [None, combo().model_copy(update={"agents": combo().agents[::-1]})])
def test_without_its_cast_an_episode_is_in_doubt_and_never_clean(cast):
    found = audit(as_imported(played()), cast)
    assert found == Audit("EP", (MIA, LEO, NOOR), 0, (), (Doubt("", 0, "all profiles and goals", "", "unknown cast"),))
