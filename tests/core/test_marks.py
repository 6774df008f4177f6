"""The marks of authors: who reads which passage, and what is said of marks that are malformed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.marks import JUDGE, problems, resolve


@pytest.mark.parametrize(
    ("viewer", "expected"),
    [(0, "Sell it. (Cost: 5)"), (1, "Sell it. ()"), (JUDGE, "Sell it. (Cost: 5)")],
)
def test_extra_info_in_a_goal_belongs_to_the_owner_and_the_judge(viewer, expected):
    assert resolve("Sell it. (<extra_info>Cost: 5</extra_info>)", viewer, owner=0) == expected


@pytest.mark.parametrize("mark", ["extra_info", "clarification_hint", "strategy_hint"])
def test_the_owners_marks_in_a_scenario_are_open_to_everyone(mark):
    assert resolve(f"a <{mark}>b</{mark}> c", 3) == "a b c"


@pytest.mark.parametrize(
    ("viewer", "expected"), [(0, "A party. "), (1, "A party. "), (JUDGE, "A party. They share Harvey.")]
)
def test_a_passage_for_the_environment_is_for_the_judge_alone(viewer, expected):
    assert resolve('A party. <p viewer="environment">They share Harvey.</p>', viewer) == expected


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize(("viewer", "expected"), [(0, "xz"), (1, "xyz"), (JUDGE, "xyz")])
def test_a_passage_for_a_seat_is_for_that_seat_and_the_judge(viewer, expected, quote):
    assert resolve(f"x<p viewer={quote}agent_1{quote}>y</p>z", viewer) == expected


def test_passages_nest_and_each_mark_must_admit_the_viewer():
    text = '<extra_info>a<p viewer="agent_1">b</p></extra_info>'
    assert [resolve(text, viewer, owner=0) for viewer in (0, 1, JUDGE)] == ["a", "", "ab"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<extra_info>never closed", "<extra_info>: never closed"),
        ("nothing to close</strategy_hint>", "</strategy_hint>: nothing to close"),
        ('<p viewer="agent_x">a</p>', '<p viewer="agent_x">: expected viewer="agent_N"'),
        ("<p>a</p>", '<p>: expected viewer="agent_N"'),
    ],
)
def test_malformed_marks_are_reported_and_stay_in_the_text(text, problem):
    assert resolve(text, 0) == text
    assert any(found.startswith(problem) for found in problems(text))


def test_crossed_marks_keep_what_pairs_up():
    text = "<extra_info>a<strategy_hint>b</extra_info>c</strategy_hint>"
    assert resolve(text, 1, owner=0) == "c</strategy_hint>"
    assert resolve(text, 0, owner=0) == "a<strategy_hint>bc</strategy_hint>"
    assert len(problems(text)) == 2


@pytest.mark.parametrize("text", ["a < b and b > c", "I <3 you", "<b>bold</b>", "{goal} &amp; {{ x }}", "<p", "</>"])
def test_whatever_is_no_mark_is_text_for_everyone(text):
    assert [resolve(text, viewer, owner=0) for viewer in (0, 1, JUDGE)] == [text] * 3
    assert problems(text) == []


@given(st.text(), st.text())
def test_text_around_and_inside_of_a_mark_is_kept_exactly(outside, inside):
    text = f"{outside}<extra_info>{inside}</extra_info>"
    if not problems(text) and "<" not in outside + inside:
        assert resolve(text, 0, owner=0) == outside + inside
        assert resolve(text, 1, owner=0) == outside


def test_many_unclosed_marks_are_read_in_reasonable_time():
    text = "<extra_info>" * 5_000 + "</strategy_hint>" * 5_000
    assert resolve(text, 0) == text
