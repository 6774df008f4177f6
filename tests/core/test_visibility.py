"""The information barrier: who is shown what, before and during an interaction."""

import pytest

from sotopia_core.messages import ENVIRONMENT, AgentAction, Event
from sotopia_core.profiles import RelationshipProfile
from sotopia_core.visibility import background_for, background_for_judge, events_for
from tests.core.casts import combo

ACQUAINTED = {"age", "gender", "occupation", "gender_pronoun", "public_info"}


@pytest.mark.parametrize(
    ("relationship", "seen"),
    [
        (0, set()),
        (1, set()),
        (2, ACQUAINTED),
        (3, ACQUAINTED | {"personality_and_values"}),
        (4, ACQUAINTED | {"personality_and_values"}),
        (5, ACQUAINTED | {"personality_and_values"}),
    ],
)
def test_the_relationship_decides_what_is_seen_of_the_other(relationship, seen):
    background = background_for(combo(relationship=relationship), 0)
    assert set(background.participant("Leo Park").profile) == seen


def test_ones_own_profile_is_whole():
    own = background_for(combo(relationship=0), 1).participant("Leo Park").profile
    assert own["secret"] == "Leo's secret"
    assert {"big_five", "decision_making_style", "mbti"} <= set(own)


@pytest.mark.parametrize("mode", ["standard", "lite"])
def test_the_others_goal_is_unknown_and_ones_own_is_known(mode):
    background = background_for(combo(), 0, mode)
    assert background.goal == "the goal of Mia Davis"
    assert background.participant("Leo Park").goal is None


def test_omniscient_mode_shows_goals_and_nothing_else():
    ordinary, omniscient = (background_for(combo(relationship=2), 0, mode) for mode in ("standard", "omniscient"))
    assert omniscient.participant("Leo Park").goal == "the goal of Leo Park"
    assert omniscient.participant("Leo Park").profile == ordinary.participant("Leo Park").profile
    assert "Leo's secret" not in omniscient.model_dump_json()


def test_omniscient_mode_keeps_the_owners_marks_to_the_owner():
    goals = ("Sell it. <extra_info>It is broken.</extra_info>", "Buy it.")
    background = background_for(combo(agent_goals=goals), 1, "omniscient")
    assert background.participant("Mia Davis").goal == "Sell it. "


def test_lite_mode_leaves_of_the_others_the_name_alone():
    background = background_for(combo(relationship=5), 0, "lite")
    assert background.participant("Leo Park").profile == {}
    assert background.participant("Mia Davis").profile["secret"] == "Mia's secret"


def test_no_secret_reaches_another_seat_in_any_mode_or_relationship():
    for mode in ("standard", "omniscient", "lite"):
        for relationship in range(6):
            cast = combo(size=4, relationship=relationship)
            for seat in range(4):
                text = background_for(cast, seat, mode).model_dump_json()
                for other, agent in enumerate(cast.agents):
                    assert (agent.secret in text) == (other == seat)


def test_a_stored_relationship_holds_between_its_two_alone():
    cast = combo(size=3, relationship=0)
    stored = RelationshipProfile(agent_1_id="pk-Leo", agent_2_id="pk-Mia", relationship=5)
    cast = cast.model_copy(update={"relationships": (stored,)})
    background = background_for(cast, 0)
    assert background.participant("Leo Park").profile
    assert not background.participant("Zoë Ní Bhriain").profile


def test_the_judge_sees_everything():
    background = background_for_judge(combo(relationship=0, scenario='A. <p viewer="environment">B.</p>'))
    assert background.viewer == ENVIRONMENT
    assert background.scenario == "A. B."
    assert [p.profile["secret"] for p in background.participants] == ["Mia's secret", "Leo's secret"]
    assert [p.goal for p in background.participants] == ["the goal of Mia Davis", "the goal of Leo Park"]


def _event(action_type, *to):
    return Event(turn=0, sender="A", action=AgentAction(action_type=action_type, argument="psst", to=to))


@pytest.mark.parametrize("action_type", ["speak", "action", "non-verbal communication"])
def test_a_private_action_reaches_its_sender_and_recipients_alone(action_type):
    event = _event(action_type, "B")
    assert [events_for([event], viewer) for viewer in "ABC"] == [(event,), (event,), ()]


def test_a_public_action_reaches_everybody():
    event = _event("speak")
    assert all(events_for([event], viewer) == (event,) for viewer in "ABC")


def test_a_private_departure_is_seen_without_its_words():
    event = _event("leave", "B")
    assert events_for([event], "C") == (Event(turn=0, sender="A", action=AgentAction(action_type="leave")),)
    assert events_for([event], "B") == (event,)
