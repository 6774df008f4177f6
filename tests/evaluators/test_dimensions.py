"""The dimensions of Sotopia: names, ranges, and rubrics that a judge can apply."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from sotopia_core.evaluation import DimensionSet, check_compatible
from sotopia_core.rubrics import load_dimensions
from sotopia_evaluators.dimensions import GoalDimension, SotopiaDimensions
from sotopia_evaluators.plugin import sotopia_dimensions

# Zhou et al., "SOTOPIA: Interactive Evaluation for Social Intelligence in Language Agents", ICLR 2024.
RANGES = {
    "believability": (0, 10),
    "relationship": (-5, 5),
    "knowledge": (0, 10),
    "secret": (-10, 0),
    "social_rules": (-10, 0),
    "financial_and_material_benefits": (-5, 5),
    "goal": (0, 10),
}
SOTOPIA = DimensionSet.from_model(SotopiaDimensions)


def test_the_seven_dimensions_have_the_published_names_order_and_ranges():
    assert {d.name: (d.low, d.high) for d in SOTOPIA.dimensions} == RANGES
    assert SOTOPIA.names == tuple(RANGES)


def test_they_are_what_the_rubric_file_says():
    path = Path(str(files("sotopia_evaluators"))) / "rubrics" / "sotopia.toml"
    assert load_dimensions(path).dimensions == SOTOPIA.dimensions


def test_all_scores_are_whole_numbers_and_weigh_the_same():
    assert all(dimension.integer and dimension.weight is None for dimension in SOTOPIA.dimensions)


@pytest.mark.parametrize("name", RANGES)
def test_a_rubric_asks_a_question_names_the_evidence_and_anchors_the_range_at_both_ends_and_within(name):
    dimension = SOTOPIA[name]
    assert "?" in dimension.rubric.split("Evidence:")[0]
    assert "Evidence:" in dimension.rubric
    anchors = [
        (int(low), int(high or low)) for low, high in re.findall(r"(?m)^(-?\d+)(?: to (-?\d+))?: ", dimension.rubric)
    ]
    assert anchors[0][0] == dimension.low
    assert anchors[-1][1] == dimension.high
    assert len(anchors) >= 3
    assert anchors == sorted(anchors)
    assert all(dimension.low <= low <= high <= dimension.high for low, high in anchors)


@pytest.mark.parametrize("name", RANGES)
def test_a_rubric_says_what_to_give_where_there_was_no_occasion(name):
    without_occasion = re.search(r"(?s)Where .*?\bgive (-?\d+)|This is also the score where", SOTOPIA[name].rubric)
    assert without_occasion is not None


def test_the_goal_alone_is_the_same_dimension_so_the_two_sets_can_be_averaged():
    goal = DimensionSet.from_model(GoalDimension)
    assert goal.names == ("goal",)
    assert goal["goal"] == SOTOPIA["goal"]
    check_compatible([SOTOPIA, goal])
    assert goal.digest != SOTOPIA.digest


def test_the_kit_offers_both_sets_by_reference():
    assert sotopia_dimensions() == [f"{m.__module__}:{m.__name__}" for m in (SotopiaDimensions, GoalDimension)]
