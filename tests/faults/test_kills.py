"""Real processes, killed with SIGKILL at random moments, and gone on with. ``python -m benchmarks soak`` does more."""

import pytest

from benchmarks.soak import Plan, soak

ORDERINGS = [("RoundRobin", 4), ("Simultaneous", 1)]


@pytest.mark.parametrize(("ordering", "turns"), ORDERINGS)
def test_nothing_is_lost_nothing_is_there_twice_and_nothing_answered_is_asked_again(tmp_path, ordering, turns):
    plan = Plan(ordering, kills=4, episodes=100, turns=turns, within=0.8)
    outcome = soak(plan, tmp_path)
    assert len(outcome.episodes) == sum(outcome.episodes.values()) == plan.episodes
    assert outcome.statuses == {"scored": plan.episodes}
    assert outcome.answers_under_one_key == 0
    assert outcome.asked_again <= sum(outcome.in_flight)
    assert all(flying <= 2 * plan.concurrency for flying in outcome.in_flight)
