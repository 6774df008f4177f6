"""Constraints of scenarios: every form that files have becomes typed values, or an error that says why not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.constraints import (
    AgeRange,
    SeatConstraint,
    parse_agents,
    parse_ages,
    parse_constraints,
    parse_occupations,
)
from sotopia_core.profiles import AgentProfile, EnvironmentProfile

ADULTS = AgeRange(18, 70)
ANN = AgentProfile(pk="A1", first_name="Ann", last_name="Lee", age=30, occupation="Head  Chef")


@pytest.mark.parametrize("found", [None, "", "  ", "nan", "NaN", "none", "None", "null", "[]", [], [None, None]])
@pytest.mark.parametrize("parse", [parse_ages, parse_occupations, parse_agents])
def test_what_stands_for_nothing_is_no_constraint(parse, found):
    assert parse(found, 2) == (None, None)


class TestAges:
    @pytest.mark.parametrize(
        "found",
        [
            "[(18, 70), (18, 70)]",
            "[[18,70],[18,70]]",
            "((18, 70), (18, 70))",
            "(18, 70), (18, 70)",
            "[(18.0, 70.0), ('18', '70')]",
            [[18, 70], [18, 70]],
            [(18, 70), (18.0, 70)],
        ],
    )
    def test_a_range_for_each_seat(self, found):
        assert parse_ages(found, 2) == (ADULTS, ADULTS)

    @pytest.mark.parametrize("nobody", ["nan", "None", "null"])
    def test_a_seat_may_be_without_one(self, nobody):
        assert parse_ages(f"[(18, 70), {nobody}]", 2) == (ADULTS, None)
        assert parse_ages([None, [18, 70]], 2) == (None, ADULTS)

    @pytest.mark.parametrize(
        ("found", "reason"),
        [
            ("[(70, 18), (18, 70)]", "seat 0: nobody is from 70 to 18 years old; write the lower age first"),
            ([[18, 70], [71, 70]], "seat 1: nobody is from 71 to 70 years old; write the lower age first"),
            ("[(18, 70)]", "expected an entry for each of the 2 seats, found 1 in '[(18, 70)]'"),
            ("[18, 70]", "seat 0: expected two ages in years, such as (18, 70), found '18'"),
            ("[(18, 70, 80), nan]", "seat 0: expected two ages in years, such as (18, 70), found ['18', '70', '80']"),
            ([[18, -70], None], "seat 0: expected two ages in years, such as (18, 70), found [18, -70]"),
            ([[True, 70], None], "seat 0: expected two ages in years, such as (18, 70), found [true, 70]"),
            ("[(young, old), nan]", "seat 0: expected two ages in years, such as (18, 70), found ['young', 'old']"),
            ("18 to 70", "expected a list with an entry for each seat, found '18 to 70'"),
            ("[(18, 70), (18, 70)", "the brackets do not pair up in '[(18, 70), (18, 70)'"),
            ("[(18, 70], (18, 70)]", "the brackets do not pair up in '[(18, 70], (18, 70)]'"),
            ("[(18, 70) (18, 70)]", "a comma is missing in '[(18, 70) (18, 70)]'"),
            ("[(18, 70),, (18, 70)]", "a comma has nothing before it in '[(18, 70),, (18, 70)]'"),
        ],
    )
    def test_anything_else_is_an_error_that_says_why(self, found, reason):
        with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
            parse_ages(found, 2)

    def test_both_ends_of_a_range_are_in_it(self):
        assert [age in ADULTS for age in (17, 18, 70, 71)] == [False, True, True, False]


class TestChoices:
    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            ("[actor, actor]", (("actor",), ("actor",))),
            ("['actor', \"actor\"]", (("actor",), ("actor",))),
            (["actor", "police officer"], (("actor",), ("police officer",))),
            ("[actor, [head chef, waiter]]", (("actor",), ("head chef", "waiter"))),
            ("[['actor'], ['chef, retired', 'farmer\\'s wife']]", (("actor",), ("chef, retired", "farmer's wife"))),
            ("[farmer's wife, nan]", (("farmer's wife",), None)),
            ([["actor", "chef"], None], (("actor", "chef"), None)),
            ("[actor, chef,]", (("actor",), ("chef",))),
        ],
    )
    def test_for_each_seat_one_or_a_list_of_which_any_will_do(self, found, expected):
        assert parse_occupations(found, 2) == expected
        assert parse_agents(found, 2) == expected

    @pytest.mark.parametrize(
        ("found", "reason"),
        [
            ("actor", "expected a list with an entry for each seat, found 'actor'"),
            ("[actor]", "expected an entry for each of the 2 seats, found 1 in '[actor]'"),
            ([[], "actor"], "seat 0: an empty list admits nobody; write null where anybody will do"),
            (["actor", 7], "seat 1: expected an occupation, or a list of them, found 7"),
            (["actor", [["chef"]]], "seat 1: expected an occupation, or a list of them, found [[…]]"),
        ],
    )
    def test_anything_else_is_an_error_that_says_why(self, found, reason):
        with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
            parse_occupations(found, 2)


class TestSeats:
    def scenario(self, **constraints):
        return EnvironmentProfile(scenario="s", agent_goals=("a", "b"), **constraints)

    def test_the_constraints_of_a_scenario_by_seat(self):
        first, second = parse_constraints(
            self.scenario(
                age_constraint="[(18, 70), nan]",
                occupation_constraint="[head chef, nan]",
                agent_constraint=[["Ann Lee", "Bo"], None],
            )
        )
        assert first == SeatConstraint(ADULTS, ("head chef",), ("Ann Lee", "Bo"))
        assert str(first) == "age 18 to 70, occupation 'head chef', agent 'Ann Lee' or 'Bo'"
        assert second == SeatConstraint()
        assert str(second) == "anybody"

    def test_an_error_names_the_field(self):
        with pytest.raises(ValueError, match=r"^occupation_constraint: expected an entry for each of the 2 seats"):
            parse_constraints(self.scenario(occupation_constraint="[actor]"))

    @pytest.mark.parametrize(
        ("constraint", "admitted"),
        [
            (SeatConstraint(), True),
            (SeatConstraint(ages=AgeRange(30, 30)), True),
            (SeatConstraint(ages=AgeRange(31, 40)), False),
            (SeatConstraint(occupations=("waiter", "head CHEF ")), True),
            (SeatConstraint(occupations=("chef",)), False),
            (SeatConstraint(agents=("ann lee",)), True),
            (SeatConstraint(agents=("A1",)), True),
            (SeatConstraint(agents=("Bo",)), False),
            (SeatConstraint(ages=ADULTS, agents=("Bo",)), False),
        ],
    )
    def test_a_seat_admits_who_fulfils_all_that_it_asks_for(self, constraint, admitted):
        assert constraint.admits(ANN) is admitted

    def test_nobody_of_unknown_age_fits_a_range(self):
        assert not SeatConstraint(ages=ADULTS).admits(ANN.model_copy(update={"age": None}))
        assert SeatConstraint().admits(ANN.model_copy(update={"age": None}))


@given(st.text(alphabet="[](),'\"\\ a1n\n", max_size=40), st.integers(0, 3))
def test_every_text_is_read_for_all_seats_or_refused_in_one_line(text, seats):
    for parse in (parse_ages, parse_occupations, parse_agents):
        reasons = []
        try:
            found = parse(text, seats)
        except ValueError as error:
            reasons.append(str(error))
        assert len(reasons[0].splitlines()) == 1 if reasons else len(found) == seats


plain = st.text(min_size=1).filter(lambda word: word.strip() and "\\" not in repr(word))


@given(st.lists(st.lists(plain, min_size=1, max_size=3), min_size=1, max_size=3))
def test_the_text_of_a_list_means_what_the_list_means(choices):
    assert parse_occupations(repr(choices), len(choices)) == parse_occupations(choices, len(choices))
