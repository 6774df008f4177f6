"""When an interaction is over, by rules, and what is said about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sotopia_core.interfaces import EvaluationContext, Transcript, Verdict
from sotopia_core.messages import ACTION_TYPES, AgentAction, Background, Event, Participant
from sotopia_evaluators.rules import RuleBasedTerminatedEvaluator

NAMES = ("Mia Davis", "Leo Williams", "Ana Ruiz")


def transcript(*, turn=1, kinds=(), left=(), names=NAMES):
    background = Background(viewer="Environment", scenario="", participants=tuple(Participant(name=n) for n in names))
    events = tuple(
        Event(turn=number, sender=names[number % len(names)], action=AgentAction(action_type=kind))
        for number, kind in enumerate(kinds)
    )
    return Transcript(background=background, turn=turn, events=events, left=frozenset(left))


async def verdict_on(evaluator, **facts) -> Verdict:
    return await evaluator.evaluate(transcript(**facts), EvaluationContext())


def test_the_defaults_are_twenty_turns_and_two_stale_ones():
    evaluator = RuleBasedTerminatedEvaluator()
    assert (evaluator.max_turn_number, evaluator.max_stale_turn) == (20, 2)


async def test_an_interaction_goes_on_while_no_rule_ends_it():
    verdict = await verdict_on(RuleBasedTerminatedEvaluator(), turn=19, kinds=("speak", "none", "none"))
    assert verdict == Verdict(terminated=False, comments="")


async def test_it_ends_when_the_turn_number_reaches_the_maximum():
    evaluator = RuleBasedTerminatedEvaluator(max_turn_number=4)
    assert not (await verdict_on(evaluator, turn=3)).terminated
    verdict = await verdict_on(evaluator, turn=4)
    assert verdict == Verdict(terminated=True, comments="turn 4 reached the maximum of 4")
    assert (await verdict_on(evaluator, turn=5)).terminated


async def test_it_ends_when_fewer_than_two_remain_and_names_who_left():
    evaluator = RuleBasedTerminatedEvaluator()
    assert not (await verdict_on(evaluator, left=("Leo Williams",))).terminated
    verdict = await verdict_on(evaluator, left=("Leo Williams", "Mia Davis"))
    assert verdict.terminated
    assert verdict.comments == "Mia Davis and Leo Williams left, and fewer than two agents remain"
    pair = await verdict_on(evaluator, left=("Leo Williams",), names=NAMES[:2])
    assert pair.comments == "Leo Williams left, and fewer than two agents remain"


async def test_it_ends_when_more_than_the_allowed_number_of_trailing_actions_are_none():
    evaluator = RuleBasedTerminatedEvaluator(max_stale_turn=2)
    assert not (await verdict_on(evaluator, kinds=("none", "speak", "none", "none"))).terminated
    verdict = await verdict_on(evaluator, kinds=("speak", "none", "none", "none"))
    assert verdict == Verdict(terminated=True, comments="the last 3 actions were 'none', and at most 2 may be")


async def test_with_no_stale_turn_allowed_the_first_none_ends_it():
    evaluator = RuleBasedTerminatedEvaluator(max_stale_turn=0)
    assert not (await verdict_on(evaluator, kinds=("speak",))).terminated
    verdict = await verdict_on(evaluator, kinds=("speak", "none"))
    assert verdict == Verdict(terminated=True, comments="the last action was 'none', and at most 0 may be")


async def test_every_rule_that_ends_it_is_given():
    verdict = await verdict_on(
        RuleBasedTerminatedEvaluator(max_turn_number=3), turn=3, kinds=("none",) * 3, left=NAMES[1:]
    )
    assert verdict.comments.split("; ") == [
        "turn 3 reached the maximum of 3",
        "Leo Williams and Ana Ruiz left, and fewer than two agents remain",
        "the last 3 actions were 'none', and at most 2 may be",
    ]


@given(
    kinds=st.lists(st.sampled_from(ACTION_TYPES), max_size=8),
    turn=st.integers(0, 30),
    left=st.sets(st.sampled_from(NAMES)),
    max_turn_number=st.integers(1, 25),
    max_stale_turn=st.integers(0, 5),
)
async def test_it_ends_exactly_where_one_of_the_three_rules_holds(kinds, turn, left, max_turn_number, max_stale_turn):
    stale = len(kinds) > max_stale_turn and all(kind == "none" for kind in kinds[-max_stale_turn - 1 :])
    over = turn >= max_turn_number or len(left) >= 2 or stale
    evaluator = RuleBasedTerminatedEvaluator(max_turn_number=max_turn_number, max_stale_turn=max_stale_turn)
    verdict = await verdict_on(evaluator, turn=turn, kinds=kinds, left=left)
    assert verdict.terminated == over
    assert bool(verdict.comments) == over


@pytest.mark.parametrize("options", [{"max_turn_number": 0}, {"max_stale_turn": -1}, {"max_turns": 3}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        RuleBasedTerminatedEvaluator(**options)
