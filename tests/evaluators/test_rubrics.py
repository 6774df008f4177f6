"""Rubrics in TOML: what makes a dimension, and what is said where one is wrong."""

import pytest

from sotopia_core.errors import ConfigError
from sotopia_core.evaluation import Dimension, DimensionSet
from sotopia_evaluators.rubrics import load_dimensions, read_dimensions


def written(tmp_path, text, name="warmth.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_tables_is_a_dimension_set_named_after_it(tmp_path):
    path = written(
        tmp_path,
        """
        [warmth]
        range = [0, 10]
        rubric = '''
        How warm?
        0: cold.
        '''

        [reach]
        range = [-1.5, 2]
        rubric = "How far?"
        integer = false
        weight = 2
        """.replace("        ", ""),
    )
    assert load_dimensions(path) == DimensionSet(
        name="warmth",
        dimensions=(
            Dimension(name="warmth", low=0, high=10, rubric="How warm?\n0: cold."),
            Dimension(name="reach", low=-1.5, high=2, rubric="How far?", integer=False, weight=2),
        ),
    )


def test_the_set_can_be_given_another_name(tmp_path):
    path = written(tmp_path, '[warmth]\nrange = [0, 1]\nrubric = "How warm?"')
    assert load_dimensions(path, "Mine").name == "Mine"


def test_what_was_read_survives_the_way_through_a_model(tmp_path):
    path = written(tmp_path, '[warmth]\nrange = [0, 1]\nrubric = "How warm?"\nweight = 0.5')
    dimensions = load_dimensions(path)
    assert DimensionSet.from_model(dimensions.as_model()) == dimensions


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"rubric": "?"}, "range must be two numbers, such as [0, 10]; it is missing"),
        ({"range": [0, 1]}, "rubric must be text that tells a judge how to score; it is missing"),
        ({"range": [0, 1], "rubric": " \n"}, "rubric must be text that tells a judge how to score, not ' \\n'"),
        ({"range": [0, 1], "rubric": 3}, "rubric must be text that tells a judge how to score, not 3"),
        ({"range": [0], "rubric": "?"}, "range must be two numbers, such as [0, 10], not [0]"),
        ({"range": ["0", 1], "rubric": "?"}, "range must be two numbers, such as [0, 10], not ['0', 1]"),
        ({"range": [False, True], "rubric": "?"}, "range must be two numbers, such as [0, 10], not [False, True]"),
        ({"range": [10, 0], "rubric": "?"}, "range [10, 0] is empty or infinite"),
        ({"range": [0, float("inf")], "rubric": "?"}, "range [0, inf] is empty or infinite"),
        ({"range": [float("nan"), 1.0], "rubric": "?"}, "range [nan, 1.0] is empty or infinite"),
        ({"range": [0.5, 9], "rubric": "?"}, "range [0.5, 9] is not for whole scores; write integer = false"),
        ({"range": [0, 1], "rubric": "?", "rubrik": "?"}, "unknown key 'rubrik'; did you mean 'rubric'?"),
        ({"range": [0, 1], "rubric": "?", "integer": 1}, "integer must be true or false, not 1"),
        ({"range": [0, 1], "rubric": "?", "weight": -1}, "weight must be a number of 0 or more, not -1"),
        ({"range": [0, 1], "rubric": "?", "weight": "2"}, "weight must be a number of 0 or more, not '2'"),
        ({"range": [0, 1], "rubric": "?", "weight": float("nan")}, "weight must be a number of 0 or more, not nan"),
        ([0, 10], 'must be a table with range = [0, 10] and rubric = "...", not [0, 10]'),
    ],
)
def test_a_wrong_table_is_one_line_that_names_the_file_the_dimension_and_what_was_expected(table, complaint):
    with pytest.raises(ConfigError) as caught:
        read_dimensions("Mine", {"warmth": table}, "run.toml")
    assert str(caught.value) == f"run.toml: dimension 'warmth': {complaint}"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("4ever", "a name is letters, digits and underscores, and does not begin with a digit"),
        ("so warm", "a name is letters, digits and underscores, and does not begin with a digit"),
        ("overall_score", "a dimension cannot be called 'overall_score'; that is what all of them together give"),
        ("_warmth", "a pydantic model can have no field of that name; choose another"),
        ("model_dump", "a pydantic model can have no field of that name; choose another"),
    ],
)
def test_a_name_that_cannot_be_a_dimension_is_refused(name, complaint):
    with pytest.raises(ConfigError) as caught:
        read_dimensions("Mine", {name: {"range": [0, 1], "rubric": "?"}}, "run.toml")
    assert str(caught.value) == f"run.toml: dimension {name!r}: {complaint}"


def test_a_file_without_tables_is_refused(tmp_path):
    path = written(tmp_path, "# nothing yet")
    with pytest.raises(ConfigError) as caught:
        load_dimensions(path)
    assert str(caught.value) == f'{path}: holds no dimensions; write [NAME], range = [0, 10], rubric = "..."'


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_dimensions(tmp_path / "none.toml")
    assert str(caught.value) == f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory"


def test_a_file_that_is_no_toml_says_where(tmp_path):
    path = written(tmp_path, "[warmth]\nrange = 0, 1")
    with pytest.raises(ConfigError, match=r"warmth\.toml: is not valid TOML: .*line 2") as caught:
        load_dimensions(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "warmth.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as caught:
        load_dimensions(path)
    assert str(caught.value) == f"{path}: is not UTF-8 text"
