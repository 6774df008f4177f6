"""Dimensions and scores: nothing vanishes, nothing is invented."""

import math
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from sotopia_core.evaluation import (
    Dimension,
    DimensionSet,
    Evaluation,
    Score,
    Scored,
    Unscored,
    aggregate,
    check_compatible,
    check_judgements,
)

SEVEN = {
    "believability": (0, 10),
    "relationship": (-5, 5),
    "knowledge": (0, 10),
    "secret": (-10, 0),
    "social_rules": (-10, 0),
    "financial_and_material_benefits": (-5, 5),
    "goal": (0, 10),
}


def dimension_set(name="Seven", ranges=SEVEN, weights=None):
    weights = weights or {}
    return DimensionSet(
        name=name,
        dimensions=tuple(Dimension(name=n, low=lo, high=hi, weight=weights.get(n)) for n, (lo, hi) in ranges.items()),
    )


def evaluation(judgements, dimensions=None, evaluator="judge"):
    dimensions = dimensions or dimension_set()
    return Evaluation(
        evaluator=evaluator,
        dimension_set=dimensions.name,
        digest=dimensions.digest,
        dimensions={d.name: d.weight for d in dimensions.dimensions},
        judgements=judgements,
    )


def scored(overall=None, **scores):
    return Scored(scores={name: Score(value=value) for name, value in scores.items()}, overall=overall)


FULL = dict(zip(SEVEN, (10, 4, 0, 0, 0, 0, 8), strict=True))


def test_the_overall_score_is_the_unweighted_mean_of_the_dimensions():
    reward = aggregate([evaluation({"Mia": scored(**FULL)})], ["Mia"])["Mia"]
    assert reward.overall == pytest.approx(3.142857, abs=1e-6)
    assert reward.scores == FULL


def test_a_dimension_is_the_mean_over_evaluators():
    rewards = aggregate(
        [evaluation({"Mia": scored(**FULL)}), evaluation({"Mia": scored(**FULL | {"goal": 2})}, evaluator="other")],
        ["Mia"],
    )
    assert rewards["Mia"].scores["goal"] == 5


def test_weights_weigh_and_dimensions_without_one_weigh_one():
    dimensions = dimension_set(ranges={"a": (0, 10), "b": (0, 10)}, weights={"a": 3.0})
    reward = aggregate([evaluation({"Mia": scored(a=10, b=2)}, dimensions)], ["Mia"])["Mia"]
    assert reward.overall == pytest.approx((3 * 10 + 2) / 4)


def test_an_overall_score_that_the_evaluator_gave_stands():
    reward = aggregate([evaluation({"Mia": scored(overall=-1.0, **FULL)})], ["Mia"])["Mia"]
    assert reward.overall == -1.0


def test_a_judge_that_failed_leaves_every_dimension_unscored_and_says_why():
    good, bad = evaluation({"Mia": scored(**FULL)}), evaluation({"Mia": Unscored(reason="prose")}, evaluator="second")
    reward = aggregate([good, bad], ["Mia"])["Mia"]
    assert reward.overall is None
    assert set(reward.scores.values()) == {None}
    assert reward.reasons == ("second: prose",)


def test_one_missing_dimension_leaves_no_overall_score():
    partial = {name: value for name, value in FULL.items() if name != "secret"}
    reward = aggregate([evaluation({"Mia": scored(**partial)})], ["Mia"])["Mia"]
    assert reward.overall is None
    assert reward.scores == {**FULL, "secret": None}
    assert reward.reasons == ("judge: no score for secret",)


def test_available_takes_means_over_what_is_there_and_still_says_what_is_not():
    good, bad = evaluation({"Mia": scored(**FULL)}), evaluation({"Mia": Unscored(reason="prose")})
    reward = aggregate([good, bad], ["Mia"], "available")["Mia"]
    assert reward.overall == pytest.approx(22 / 7)
    assert reward.reasons == ("judge: prose",)


def test_available_invents_nothing_where_nothing_is_there():
    reward = aggregate([evaluation({"Mia": Unscored(reason="prose")})], ["Mia"], "available")["Mia"]
    assert reward.overall is None


def test_no_evaluation_gives_no_rewards():
    assert aggregate([], ["Mia"]) == {}


def test_one_agents_failure_leaves_the_other_scored():
    rewards = aggregate([evaluation({"Mia": scored(**FULL), "Leo": Unscored(reason="x")})], ["Mia", "Leo"])
    assert rewards["Mia"].complete
    assert not rewards["Leo"].complete


def test_an_agent_left_out_is_unscored():
    checked = check_judgements(dimension_set(), ["Mia", "Leo"], {"Leo": scored(**FULL)})
    assert checked["Mia"] == Unscored(reason="the evaluator gave no judgement for this agent")
    assert list(checked) == ["Mia", "Leo"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (11, "goal 11 is outside 0..10"),
        (2.5, "goal 2.5 is not a whole number"),
        (math.nan, "goal nan is outside 0..10"),
    ],
)
def test_a_score_off_the_scale_is_unscored_and_kept_raw(value, reason):
    checked = check_judgements(dimension_set(), ["Mia"], {"Mia": scored(**FULL | {"goal": value})})
    assert isinstance(checked["Mia"], Unscored)
    assert checked["Mia"].reason == reason
    assert checked["Mia"].raw is not None


def test_a_dimension_that_the_set_does_not_have_is_refused():
    checked = check_judgements(dimension_set(), ["Mia"], {"Mia": scored(charm=3)})
    assert checked["Mia"].reason == "'charm' is not a dimension of Seven"


def test_a_judgement_of_somebody_else_is_an_error():
    with pytest.raises(ValueError, match="it judged 'Agent 1', who takes no part; the cast is Mia"):
        check_judgements(dimension_set(), ["Mia"], {"Agent 1": scored(**FULL)})


def test_sets_that_share_a_name_have_different_digests():
    assert dimension_set().digest != dimension_set(ranges=SEVEN | {"goal": (0, 5)}).digest
    assert dimension_set().digest == dimension_set().digest


def test_two_meanings_of_one_dimension_are_refused():
    with pytest.raises(ValueError, match="dimension 'goal' is not the same in Seven and Mine"):
        check_compatible([dimension_set(), dimension_set("Mine", {"goal": (0, 5)})])


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValidationError, match="every dimension has the weight 0"):
        dimension_set(ranges={"a": (0, 1)}, weights={"a": 0.0})


def test_an_overall_that_cannot_be_given_has_its_reason():
    dimensions = dimension_set(ranges={"a": (0, 10), "b": (0, 10)}, weights={"a": 0.0, "b": 1.0})
    reward = aggregate([evaluation({"Mia": scored(a=1)}, dimensions)], ["Mia"], "available")["Mia"]
    assert reward.overall is None
    assert reward.reasons == ("judge: no score for b",)


def test_any_pydantic_model_with_bounds_is_a_dimension_set():
    class Manners(BaseModel):
        tact: Annotated[int, Field(ge=0, le=3, description="How tactful?")]
        warmth: float = Field(ge=-1, le=1, json_schema_extra={"weight": 2.0})

    dimensions = DimensionSet.from_model(Manners)
    assert dimensions.names == ("tact", "warmth")
    assert dimensions["tact"] == Dimension(name="tact", low=0, high=3, rubric="How tactful?")
    assert dimensions["warmth"] == Dimension(name="warmth", low=-1, high=1, integer=False, weight=2.0)


def test_a_field_without_bounds_is_named():
    class Loose(BaseModel):
        tact: int = Field(ge=0)

    with pytest.raises(ValueError, match=r"Loose\.tact is no dimension: it has no upper bound"):
        DimensionSet.from_model(Loose)


@pytest.mark.parametrize(
    ("low", "high", "problem"), [(1, 1, "is empty"), (2, 1, "is empty"), (0, math.inf, "finite number")]
)
def test_an_empty_or_infinite_range_is_refused(low, high, problem):
    with pytest.raises(ValidationError, match=problem):
        Dimension(name="a", low=low, high=high)


_dimensions = st.builds(
    lambda name, low, width, rubric, integer, weight: Dimension(
        name=name, low=low, high=low + width, rubric=rubric, integer=integer, weight=weight
    ),
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.integers(-20, 20),
    st.integers(1, 30),
    st.text(),
    st.booleans(),
    st.none() | st.floats(0.5, 10),
)


@given(st.lists(_dimensions, min_size=1, max_size=5, unique_by=lambda d: d.name))
def test_a_set_survives_the_way_through_a_pydantic_model(dimensions):
    there = DimensionSet(name="Some", dimensions=tuple(dimensions))
    assert DimensionSet.from_model(there.as_model()) == there
