"""The environment: turns, actions, departures, termination, scores."""

import asyncio

import pytest

from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.errors import ActionError, EpisodeOverError, ModelAccessError, PluginError
from sotopia_core.evaluation import Score, Scored, Unscored
from sotopia_core.messages import AgentAction
from tests.core.casts import LEAVE, NAMES, NOTHING, After, Everyone, Fixed, InSeatOrder, combo, speak

MIA, LEO, ZOE, UGO = NAMES


def environment(size=2, *evaluators, ordering=None, **options):
    return ParallelSotopiaEnv(
        combo(size), evaluators=evaluators or (After(turns=4),), ordering=ordering or InSeatOrder(), **options
    )


def test_reset_gives_turn_0_and_the_background_of_each():
    observations = environment().reset()
    assert set(observations) == {MIA, LEO}
    assert observations[MIA].turn == 0
    assert observations[MIA].background.goal == "the goal of Mia Davis"
    assert observations[MIA].in_turn
    assert not observations[LEO].in_turn


async def test_each_step_raises_the_turn_number_by_one_and_shows_what_happened():
    env = environment()
    env.reset()
    step = await env.astep({MIA: speak("hi & <b> there")})
    assert env.turn == 1
    assert step.observations[LEO].turn == 1
    assert [event.action.argument for event in step.observations[LEO].events] == ["hi & <b> there"]
    assert step.observations[LEO].in_turn


async def test_five_dicts_are_keyed_by_name():
    env = environment(2, After(turns=1), Fixed(score=7))
    env.reset()
    step = await env.astep({MIA: NOTHING})
    assert [set(part) for part in step] == [{MIA, LEO}] * 5
    assert step.rewards == {MIA: 7.0, LEO: 7.0}
    assert step.terminations == {MIA: True, LEO: True}
    assert step.truncations == {MIA: False, LEO: False}
    assert step.infos[MIA] == {"comments": "turn 1", "complete_rating": 7.0}


async def test_before_the_end_rewards_are_zero_and_no_rating_is_there():
    env = environment(2, After(turns=2), Fixed())
    env.reset()
    step = await env.astep({MIA: NOTHING})
    assert step.rewards == {MIA: 0.0, LEO: 0.0}
    assert step.infos[MIA]["complete_rating"] is None


async def test_an_unjudged_end_has_no_reward():
    env = environment(2, After(turns=1))
    env.reset()
    step = await env.astep({MIA: NOTHING})
    assert step.rewards == {MIA: None, LEO: None}


async def test_stepping_an_ended_episode_is_an_error():
    env = environment(2, After(turns=1))
    env.reset()
    await env.astep({MIA: NOTHING})
    with pytest.raises(EpisodeOverError, match="the episode ended at turn 1; call reset"):
        await env.astep({LEO: NOTHING})


async def test_stepping_before_reset_is_an_error():
    with pytest.raises(EpisodeOverError, match="has not begun; call reset first"):
        await environment().astep({})


async def test_reset_begins_anew():
    env = environment(2, After(turns=1), Fixed())
    env.reset()
    await env.astep({MIA: LEAVE})
    observations = env.reset()
    assert env.turn == 0
    assert not env.done
    assert observations[MIA].remaining == (MIA, LEO)
    assert env.outcome == {}


async def test_who_left_is_skipped_sees_nothing_more_and_stays_in_the_dicts():
    env = environment(3, After(turns=9))
    env.reset()
    step = await env.astep({MIA: LEAVE})
    assert step.terminations == {MIA: True, LEO: False, ZOE: False}
    assert [event.sender for event in step.observations[LEO].events] == [MIA]
    step = await env.astep({LEO: speak("she is gone")})
    assert step.observations[MIA].events == ()
    assert MIA not in env.observations
    assert env.in_turn == (ZOE,)
    await env.astep({ZOE: NOTHING})
    assert env.in_turn == (LEO,)


async def test_a_private_message_reaches_its_recipient_alone():
    env = environment(3, After(turns=9))
    env.reset()
    step = await env.astep({MIA: speak("psst", LEO)})
    assert len(step.observations[MIA].events) == len(step.observations[LEO].events) == 1
    assert step.observations[ZOE].events == ()


async def test_simultaneous_actions_are_seen_together_in_seat_order():
    env = environment(3, After(turns=9), ordering=Everyone())
    env.reset()
    step = await env.astep({ZOE: speak("c"), MIA: speak("a"), LEO: speak("b")})
    assert [event.sender for event in step.observations[LEO].events] == [MIA, LEO, ZOE]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({}, "Mia Davis is in turn at turn 0 and gave no action"),
        ({MIA: NOTHING, LEO: speak("me too")}, "Leo Park is not in turn at turn 0 and cannot speak"),
        ({MIA: NOTHING, "Nobody": NOTHING}, "'Nobody' takes no part; the agents are Mia Davis, Leo Park"),
        ({MIA: speak("psst", "Nobody")}, "Mia Davis addressed 'Nobody'; the agents are Mia Davis, Leo Park"),
    ],
)
async def test_an_action_against_the_rules_is_refused_and_changes_nothing(actions, message):
    env = environment()
    env.reset()
    with pytest.raises(ActionError, match=message.replace("(", r"\(")):
        await env.astep(actions)
    assert env.turn == 0
    assert env.transcript.events == ()


async def test_actions_outside_of_the_allowed_types_are_refused():
    env = environment(action_types=("speak", "leave"))
    assert env.reset()[MIA].available_actions == ("speak", "leave")
    with pytest.raises(ActionError, match="chose 'action', which is not among the actions here: speak, leave"):
        await env.astep({MIA: AgentAction(action_type="action", argument="waves")})


class Broken(Fixed):
    error: type[BaseException] = ValueError

    async def evaluate(self, transcript, context):
        raise self.error("no idea")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError, "ValueError: no idea"),
        (SystemExit, "SystemExit: no idea"),
        (GeneratorExit, "GeneratorExit: no idea"),
        (asyncio.CancelledError, "it cancelled itself"),
        (TimeoutError, "TimeoutError: no idea"),
    ],
)
async def test_a_judge_that_raises_leaves_everyone_unscored_with_the_reason(error, reason):
    env = environment(2, After(turns=1), Broken(error=error))
    env.reset()
    step = await env.astep({MIA: NOTHING})
    assert step.rewards == {MIA: None, LEO: None}
    assert env.evaluations[0].judgements == {MIA: Unscored(reason=reason), LEO: Unscored(reason=reason)}


class Forbidden(Fixed):
    async def evaluate(self, transcript, context):
        raise ModelAccessError("no key")


async def test_a_judge_without_access_to_its_model_stops_the_run():
    env = environment(2, After(turns=1), Forbidden())
    env.reset()
    with pytest.raises(ModelAccessError):
        await env.astep({MIA: NOTHING})


class Nonsense(Fixed):
    async def evaluate(self, transcript, context):
        return {MIA: "very good"}


async def test_a_judge_that_answers_nonsense_leaves_everyone_unscored():
    env = environment(2, After(turns=1), Nonsense())
    env.reset()
    await env.astep({MIA: NOTHING})
    assert all(isinstance(judgement, Unscored) for judgement in env.evaluations[0].judgements.values())
    assert env.outcome[MIA].overall is None


class Swapped(Fixed):
    async def evaluate(self, transcript, context):
        names = list(transcript.names)
        return {name: Scored(scores={"tact": Score(value=names.index(name))}) for name in reversed(names)}


async def test_scores_go_by_name_and_not_by_position():
    env = environment(3, After(turns=1), Swapped())
    env.reset()
    step = await env.astep({MIA: NOTHING})
    assert step.rewards == {MIA: 0.0, LEO: 1.0, ZOE: 2.0}


class Constructed(Fixed):
    async def evaluate(self, transcript, context):
        score = Score.model_construct(value="7", reasoning="unchecked")
        return {name: Scored.model_construct(scores={"tact": score}, comments="") for name in transcript.names}


class Halved(Fixed):
    async def evaluate(self, transcript, context):
        half = {"tact": Score(value=1, reasoning="a\ud800b")}
        return {MIA: Scored(scores=half), LEO: Unscored(reason="c\ud800d")}


async def test_a_judgement_that_was_made_without_validation_is_refused():
    env = environment(2, After(turns=1), Constructed())
    env.reset()
    await env.astep({MIA: NOTHING})
    assert env.outcome[MIA].overall is None


@pytest.mark.parametrize("value", [True, "7"])
def test_a_score_is_a_number_and_nothing_that_passes_for_one(value):
    with pytest.raises(ValueError, match="valid number"):
        Score(value=value)


async def test_text_that_is_no_unicode_leaves_an_agent_unscored_and_everything_storable():
    env = environment(2, After(turns=1), Halved())
    env.reset()
    await env.astep({MIA: NOTHING})
    assert [env.outcome[name].overall for name in (MIA, LEO)] == [None, None]
    assert all(env.outcome[name].reasons for name in (MIA, LEO))
    env.evaluations[0].model_dump_json()


async def test_speech_that_is_no_unicode_is_refused():
    env = environment()
    env.reset()
    with pytest.raises(ActionError, match="Mia Davis used half a surrogate pair at turn 0"):
        await env.astep({MIA: speak("a\ud800b")})


class Slow(Fixed):
    async def evaluate(self, transcript, context):
        await asyncio.sleep(60)


async def test_a_judge_that_hangs_is_given_up_after_its_timeout():
    env = environment(2, After(turns=1), Slow(timeout=0.05))
    env.reset()
    await env.astep({MIA: NOTHING})
    assert env.outcome[MIA].reasons == ("Slow: no answer within 0.05 s",)


class Exploding(After):
    async def evaluate(self, transcript, context):
        raise RuntimeError("boom")


async def test_a_response_evaluator_that_raises_is_named():
    env = environment(2, Exploding())
    env.reset()
    with pytest.raises(PluginError, match="Exploding failed judging turn 1: RuntimeError: boom"):
        await env.astep({MIA: NOTHING})


class Picks(InSeatOrder):
    who: tuple[str, ...] = ()

    def in_turn(self, transcript, random):
        return self.who


@pytest.mark.parametrize(
    ("who", "problem"), [((), "nobody acts at turn 0"), (("X",), "'X' cannot act"), ((MIA, MIA), "'Mia Davis' cannot")]
)
def test_an_ordering_that_picks_nobody_or_a_stranger_is_named(who, problem):
    with pytest.raises(PluginError, match=f"Picks failed choosing who acts: {problem}"):
        environment(ordering=Picks(who=who)).reset()


def test_two_evaluators_must_mean_the_same_by_a_dimension():
    class Other(Fixed):
        @property
        def dimensions(self):
            return super().dimensions.model_copy(
                update={"dimensions": (super().dimensions["tact"].model_copy(update={"high": 3}),), "name": "Other"}
            )

    with pytest.raises(ValueError, match="dimension 'tact' is not the same in Manners and Other"):
        environment(2, After(), Fixed(), Other())


async def test_two_evaluators_of_one_class_are_numbered_and_averaged():
    env = environment(2, After(turns=1), Fixed(score=2), Fixed(score=4))
    env.reset()
    step = await env.astep({MIA: NOTHING})
    assert [evaluation.evaluator for evaluation in env.evaluations] == ["Fixed #1", "Fixed #2"]
    assert step.rewards[MIA] == 3.0


def test_a_cast_that_does_not_fit_the_goals_is_refused():
    three = combo(3)
    with pytest.raises(ValueError, match="scenario 'market' has 3 goals and cannot seat 2 agents"):
        ParallelSotopiaEnv(three.environment, three.agents[:2], ordering=InSeatOrder())


@pytest.mark.parametrize(
    ("first", "problem"), [(MIA, "two agents called 'Mia Davis'"), ("Environment", "that name is reserved")]
)
def test_names_must_be_fit_to_key_an_episode(first, problem):
    from tests.core.casts import character

    two = combo()
    with pytest.raises(ValueError, match=problem):
        ParallelSotopiaEnv(two.environment, [character(first), character(MIA).model_copy(update={"pk": "x"})])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"evaluators": [After]}, TypeError, "is no evaluator; give instances"),
        ({"evaluators": ["RuleBasedTerminatedEvaluator"]}, TypeError, "is no evaluator; give instances"),
        ({"mode": "omnicient"}, ValueError, "mode is 'omnicient'; expected one of standard, omniscient, lite"),
        ({"missing": "avail"}, ValueError, "missing is 'avail'; expected one of strict, available"),
        ({"action_types": ["shout"]}, ValueError, "'shout' is no action type; expected some of none, speak"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, error, message):
    import subprocess
    import sys

    # In a process without runtime type checks, as a user's script is.
    code = (
        "from sotopia_core import ParallelSotopiaEnv\n"
        "from tests.core.casts import After, combo\n"
        f"ParallelSotopiaEnv(combo(), **{options!r})".replace(repr(After), "After")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1].startswith(f"{error.__name__}: ")
    assert message in done.stderr


async def test_what_is_no_action_is_refused():
    import subprocess
    import sys

    code = (
        "import asyncio\n"
        "from sotopia_core import ParallelSotopiaEnv\n"
        "from tests.core.casts import combo\n"
        "env = ParallelSotopiaEnv(combo()); env.reset()\n"
        "asyncio.run(env.astep({'Mia Davis': {'action_type': 'speak'}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "ActionError: Mia Davis gave dict, not an AgentAction" in done.stderr


def test_seats_hold_what_their_agent_may_know_and_random_numbers_of_their_own():
    first, second = environment(seed=3).seats()
    assert (first.name, first.goal) == (MIA, "the goal of Mia Davis")
    assert first.random(2).random() == first.random(2).random()
    draws = {first.random(2).random(), first.random(3).random(), second.random(2).random()}
    assert len(draws) == 3
    assert environment(seed=3).seats()[0].random(2).random() in draws
    assert environment(seed=4).seats()[0].random(2).random() not in draws


async def test_a_message_to_oneself_alone_is_a_note_that_nobody_else_perceives():
    env = environment(3, After(turns=9))
    env.reset()
    step = await env.astep({MIA: speak("remember the oven", MIA)})
    assert [event.action.argument for event in step.observations[MIA].events] == ["remember the oven"]
    assert step.observations[LEO].events == step.observations[ZOE].events == ()


async def test_a_message_to_several_reaches_each_of_them_with_all_the_names_whatever_stands_twice():
    env = environment(4, After(turns=9))
    env.reset()
    step = await env.astep({MIA: speak("psst", UGO, LEO, UGO)})
    assert [len(step.observations[name].events) for name in NAMES] == [1, 1, 0, 1]
    assert step.observations[LEO].events[0].action.to == (UGO, LEO, UGO)


async def test_a_message_to_somebody_who_left_is_no_error_and_reaches_those_still_there():
    env = environment(3, After(turns=9))
    env.reset()
    await env.astep({MIA: LEAVE})
    step = await env.astep({LEO: speak("come back", MIA, ZOE)})
    assert step.observations[MIA].events == ()
    assert [event.sender for event in step.observations[ZOE].events] == [LEO]


async def test_who_leaves_is_still_sent_what_the_others_did_in_the_same_turn_and_nothing_after():
    env = environment(3, After(turns=9), ordering=Everyone())
    env.reset()
    step = await env.astep({MIA: LEAVE, LEO: speak("wait", MIA), ZOE: speak("bye")})
    assert [event.action.argument for event in step.observations[MIA].events] == ["", "wait", "bye"]
    assert not step.observations[MIA].in_turn
    step = await env.astep({LEO: speak("gone"), ZOE: NOTHING})
    assert step.observations[MIA].events == ()


async def test_all_may_leave_in_one_turn_and_everybody_is_scored_by_name():
    env = environment(4, After(turns=9), Swapped(), ordering=Everyone())
    env.reset()
    step = await env.astep(dict.fromkeys(NAMES, LEAVE))
    assert env.done
    assert env.transcript.remaining == ()
    assert step.rewards == {name: float(seat) for seat, name in enumerate(NAMES)}


async def test_scoring_can_be_left_for_later():
    env = environment(2, After(turns=1), Fixed(score=7))
    env.reset()
    with pytest.raises(ValueError, match="the episode goes on at turn 0"):
        await env.score()
    await env.advance({MIA: NOTHING})
    assert env.done
    assert env.evaluations == ()
    assert env.outcome == {}
    outcome = await env.score()
    assert {name: reward.overall for name, reward in outcome.items()} == {MIA: 7.0, LEO: 7.0}
    assert outcome == env.outcome


async def test_what_was_sent_and_done_at_each_turn_can_be_told_later():
    env = environment(3, After(turns=3))
    seen, done = [env.reset()], []
    for actions in ({MIA: speak("psst", LEO)}, {LEO: LEAVE}, {ZOE: speak("well")}):
        done.append(actions)
        step = await env.astep(actions)
        seen.append({name: step.observations[name] for name in env.observations})
    assert list(env.history()) == list(zip(seen, [*done, {}], strict=True))
    assert LEO in seen[2]
    assert LEO not in seen[3]
    assert seen[1][ZOE].events == ()
