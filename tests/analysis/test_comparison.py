"""Which parts are paired, why others are not, and what the pairs say."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy", reason="the extra analysis is not installed")
stats = pytest.importorskip("scipy.stats", reason="the extra analysis is not installed")

from sotopia_analysis import compare, holm, scores_of  # noqa: E402
from sotopia_analysis.comparison import effect_size  # noqa: E402
from sotopia_core.errors import InputError  # noqa: E402
from tests.analysis.played import played  # noqa: E402


def against(partner, model, goal, *, scenario="S1", trial=0, pk=None, **fields):
    """An episode of a model against a partner, in which the model sits first and gets this goal."""
    scores = goal if isinstance(goal, str) else (0, goal)
    pk = pk or f"{model}-{partner}-{scenario}-{trial}"
    return played(pk, (model, partner), [scores, (0, 5)], scenario=scenario, trial=trial, **fields)


def goal_of(comparison):
    return next(one for one in comparison.differences if one.dimension == "goal")


def test_parts_are_paired_by_scenario_and_trial():
    episodes = [
        against("p", model, goal, scenario=f"S{s}", trial=t)
        for s in range(3)
        for t in range(2)
        for model, goal in (("a", 6 + s), ("b", 4 + t))
    ]
    found = compare(scores_of(episodes), "a", "b")
    goal = goal_of(found)
    assert found.pairs == 6
    assert found.unpaired == {"a": {}, "b": {}}
    assert (goal.mean_a, goal.mean_b, goal.difference.value) == (7.0, 4.5, 2.5)
    assert (goal.wins, goal.ties, goal.losses) == (6, 0, 0)
    assert (goal.difference.clusters, goal.test.flips, goal.test.p) == (3, 8, 0.25)


def test_what_cannot_be_paired_says_why():
    episodes = [
        against("p", "a", 5),
        against("p", "b", 5),
        against("p", "a", 5, scenario="S2"),
        against("p", "b", 5, trial=1),
        against("q", "a", 5, agents=("A0", "A9"), pk="cast"),
        played("seat", ("p", "a"), [(0, 5), (0, 5)], agents=("A0", "A1")),
        against("q", "b", 5, pk="partner"),
        against("p", "a", 5, pk="z-again"),
    ]
    found = compare(scores_of(episodes), "a", "b")
    assert found.pairs == 1
    assert found.unpaired == {
        "a": {
            "b did not play the scenario": 1,
            "b did not play the scenario with that cast": 1,
            "b did not take that seat": 1,
            "b played it less often": 1,
        },
        "b": {"a did not play that trial": 1, "a had another partner": 1},
    }


def test_those_who_had_the_same_partner_are_paired_first():
    episodes = [
        played("aa", ("a", "a"), [(0, 3), (0, 3)]),
        played("ba", ("b", "a"), [(0, 1), (0, 9)]),
    ]
    found = compare(scores_of(episodes), "a", "b")
    assert found.pairs == 1  # in the first seat, with a as the partner of both
    assert goal_of(found).difference.value == 2.0
    assert found.unpaired == {"a": {"b did not take that seat": 2}, "b": {}}


def test_two_that_play_each_other_are_each_others_partners():
    found = compare(
        scores_of([played("ab", ("a", "b"), [(0, 8), (0, 5)]), played("ba", ("b", "a"), [(0, 4), (0, 7)])]), "a", "b"
    )
    assert (found.pairs, goal_of(found).difference.value) == (2, ((8 - 4) + (7 - 5)) / 2)


def test_those_who_play_with_themselves_are_paired():
    found = compare(
        scores_of([played("aa", ("a", "a"), [(0, 3), (0, 3)]), played("bb", ("b", "b"), [(0, 2), (0, 1)])]), "a", "b"
    )
    assert (found.pairs, goal_of(found).difference.value) == (2, 1.5)


def test_other_partners_count_only_where_it_is_said():
    scores = scores_of([against("p", "a", 8), against("q", "b", 5)])
    with pytest.raises(InputError, match="can be paired: 1 x b had another partner; 1 x a had another partner"):
        compare(scores, "a", "b")
    assert compare(scores, "a", "b", any_partner=True).pairs == 1


def test_a_missing_score_leaves_its_pair_out_and_is_counted():
    episodes = [
        *(against("p", model, goal, scenario=f"S{s}") for s in range(3) for model, goal in (("a", 6), ("b", s))),
        against("p", "a", "no answer", scenario="S3"),
        against("p", "b", 9, scenario="S3"),
    ]
    goal = goal_of(compare(scores_of(episodes), "a", "b"))
    assert (goal.difference.n, goal.missing) == (3, 1)
    assert goal.reasons == {"Judge[Manners]: no answer": 1}
    assert (goal.mean_a, goal.mean_b) == (6.0, 1.0)


def test_logs_without_trials_are_paired_in_the_order_of_their_pks():
    episodes = [
        against("p", model, goal, trial=None, pk=f"{model}{n}")
        for model, goals in (("a", (8, 6)), ("b", (5, 1)))
        for n, goal in enumerate(goals)
    ]
    found = compare(scores_of(episodes), "a", "b")
    assert goal_of(found).difference.value == 4.0
    assert any("2 pairs had no trial of their own" in note for note in found.notes)


def test_the_numbers_are_those_of_scipy_and_of_the_definitions():
    random = np.random.default_rng(1)
    goals = {model: random.integers(0, 11, size=12).astype(float) for model in ("a", "b")}
    episodes = [
        against("p", model, goal, scenario=f"S{s:02}") for model in goals for s, goal in enumerate(goals[model])
    ]
    found = compare(scores_of(episodes), "a", "b")
    goal = goal_of(found)
    away = goals["a"] - goals["b"]
    low, high = stats.t.interval(0.95, 11, away.mean(), stats.sem(away))
    assert (goal.difference.low, goal.difference.high) == pytest.approx((low, high))
    done = stats.permutation_test((away,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert goal.test.p == pytest.approx(done.pvalue)
    spread = ((goals["a"].var(ddof=1) + goals["b"].var(ddof=1)) / 2) ** 0.5
    assert goal.effect == pytest.approx(away.mean() / spread)
    assert goal.win_rate.value == pytest.approx(np.mean((away > 0) + (away == 0) / 2))
    dimensions = [one for one in found.differences if one.dimension != "overall_score"]
    assert [one.holm for one in dimensions] == pytest.approx(holm([one.test.p for one in dimensions]))
    assert found.differences[-1].holm is None


def test_fewer_than_ten_scenarios_are_warned_of():
    episodes = [against("p", model, goal, scenario=f"S{s}") for s in range(9) for model, goal in (("a", 6), ("b", s))]
    (note,) = compare(scores_of(episodes), "a", "b").notes
    assert note.startswith("the fewest scenarios behind a mean are 9: with fewer than 10, intervals rest on")


def test_an_effect_where_nothing_varies_is_none():
    assert effect_size(np.array([3.0, 3.0]), np.array([3.0, 3.0])) is None
    assert effect_size(np.array([3.0]), np.array([1.0])) is None


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("a", "a", "'a' cannot be compared with itself; name two models"),
        ("a", "c", "no episode was played by 'c'; there are a, b, p"),
    ],
)
def test_two_models_are_needed(a, b, message):
    scores = scores_of([against("p", "a", 8), against("p", "b", 5)])
    with pytest.raises(InputError) as caught:
        compare(scores, a, b)
    assert str(caught.value) == message
