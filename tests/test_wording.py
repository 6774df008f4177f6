"""What is said about data that pydantic refused: one line, with the place, the expectation and the finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    RootModel,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from sotopia_core.wording import explain, location, shown, unknown_key


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class Colour(Enum):
    red = "red"
    blue = "blue"


class Closeness(IntEnum):
    stranger = 0
    friend = 3


class Cat(Strict):
    kind: Literal["cat"]
    lives: int = Field(default=9, ge=0, le=9)


class Dog(Strict):
    kind: Literal["dog"]
    tricks: list[str] = []


class Judge(Strict):
    model: str
    temperature: float = Field(default=0.0, ge=0, le=2)


class Run(Strict):
    name: str
    trials: int = Field(default=1, ge=1)
    seed: int = 0


class Whole(Strict):
    run: Run
    agents: list[Judge] = []
    models: dict[str, Judge] = {}


@dataclass
class Point:
    x: int
    y: int


class Size(TypedDict):
    width: int


class Plugin:
    """A class of which an option must be an instance."""


class Names(RootModel[list[str]]):
    """A list that is a model."""


class Options(Strict):
    number: int = 0
    fraction: float = 0.0
    finite: float = Field(default=0.0, allow_inf_nan=False)
    money: Decimal = Decimal(0)
    text: str = ""
    flag: bool = False
    nothing: None = None
    path: Path = Path()
    day: date = date(2024, 1, 1)
    items: list[int] = []
    pair: tuple[int, str] = (0, "")
    many: tuple[str, ...] = ()
    unique: set[int] = set()
    frozen: frozenset[int] = frozenset()
    table: dict[str, int] = {}
    by_number: dict[int, str] = {}
    judge: Judge | None = None
    point: Point | None = None
    size: Size | None = None
    names: Names | None = None
    at_least: int = Field(default=1, ge=1)
    more_than: float = Field(default=1, gt=0)
    between: float = Field(default=1, ge=0, le=2)
    open_between: Annotated[float, Field(gt=0, lt=1)] = 0.5
    at_most: list[Annotated[int, Field(le=5)]] = []
    less_than: int | None = Field(default=None, lt=5)
    named: str = Field(default="x", min_length=1)
    short: str = Field(default="x", max_length=3)
    coded: str = Field(default="a", pattern="^a")
    two: list[int] = Field(default=[1, 2], min_length=2, max_length=3)
    even: int = Field(default=2, multiple_of=2)
    mode: Literal["standard", "omniscient", "lite"] = "standard"
    colour: Colour = Colour.red
    closeness: Closeness = Closeness.stranger
    plugin: InstanceOf[Plugin] | None = None
    api_key: str = ""
    hidden: SecretStr = SecretStr("")
    positive: int = 1
    either: str | list[str] = ""
    limit: Annotated[int, Field(ge=0)] | Literal["all"] = "all"
    model: str | InstanceOf[Plugin] = ""
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []
    pet_or_name: Annotated[Cat | Dog, Field(discriminator="kind")] | str = ""
    judge_or_name: Judge | str = ""
    judge_or_point: Judge | Run | None = None
    listed: list[int | str] = []

    @field_validator("positive")
    @classmethod
    def _is_positive(cls, value: int) -> int:
        if value < 1:
            raise ValueError("must be positive,\n  as counts are")
        return value


def said(model: type[BaseModel], data: Any, within: str = "") -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    text = explain(caught.value, model, within)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("number", "forty", "number: expected a whole number, found 'forty'"),
        ("number", [1], "number: expected a whole number, found [1]"),
        ("number", 4.5, "number: expected a whole number, found 4.5"),
        ("number", "1" * 5000, f"number: expected a whole number with fewer digits, found '{'1' * 59}…'"),
        ("number", None, "number: expected a whole number, found null"),
        ("fraction", "half", "fraction: expected a number, found 'half'"),
        ("fraction", [], "fraction: expected a number, found []"),
        ("finite", float("nan"), "finite: expected a finite number, found nan"),
        ("money", "much", "money: expected a number, found 'much'"),
        ("money", [], "money: expected a number, found []"),
        ("text", 5, "text: expected text, found 5"),
        ("text", True, "text: expected text, found true"),
        ("text", {"a": 1, "b": 2}, "text: expected text, found a table with the keys 'a', 'b'"),
        ("flag", "maybe", "flag: expected true or false, found 'maybe'"),
        ("flag", [], "flag: expected true or false, found []"),
        ("nothing", 1, "nothing: expected null, found 1"),
        ("path", 5, "path: expected a path, found 5"),
        ("day", "soon", "day: expected a valid date or datetime, input is too short, found 'soon'"),
        ("items", "1, 2", "items: expected a list, found '1, 2'"),
        ("items", [1, "x"], "items[1]: expected a whole number, found 'x'"),
        ("pair", [1], "pair: missing entry 1, counted from 0"),
        ("pair", [1, "a", 2], "pair: expected at most 2 entries, found 3"),
        ("pair", [1, 2], "pair[1]: expected text, found 2"),
        ("many", {}, "many: expected a list, found an empty table"),
        ("unique", "x", "unique: expected a list, found 'x'"),
        ("frozen", "x", "frozen: expected a list, found 'x'"),
        ("table", [1, 2, 3, 4], "table: expected a table of keys and values, found [1, 2, 3, …]"),
        ("table", {"a b": "x"}, "table.'a b': expected a whole number, found 'x'"),
        ("by_number", {"x": "y"}, "by_number: expected a key that is a whole number, found 'x'"),
        ("judge", "gpt", "judge: expected a table of keys and values, found 'gpt'"),
        ("point", 5, "point: expected a table of keys and values, found 5"),
        ("point", {"x": 1}, "point: missing key 'y'"),
        ("size", {"width": "wide"}, "size.width: expected a whole number, found 'wide'"),
        ("names", ["a", 1], "names[1]: expected text, found 1"),
    ],
)
def test_a_wrong_type_is_said_with_what_was_expected_and_what_was_found(key, value, text):
    assert said(Options, {key: value}) == text


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("at_least", 0, "at_least: expected a whole number of at least 1, found 0"),
        ("more_than", 0, "more_than: expected a number of more than 0, found 0"),
        ("between", 3, "between: expected a number from 0 to 2, found 3"),
        ("between", -1, "between: expected a number from 0 to 2, found -1"),
        ("open_between", 1, "open_between: expected a number of more than 0 and less than 1, found 1"),
        ("at_most", [1, 6], "at_most[1]: expected a whole number of at most 5, found 6"),
        ("less_than", 5, "less_than: expected a whole number of less than 5, found 5"),
        ("named", "", "named: expected text of at least 1 character, found ''"),
        ("short", "long", "short: expected text of at most 3 characters, found 'long'"),
        ("coded", "b", "coded: expected text that matches '^a', found 'b'"),
        ("two", [1], "two: expected at least 2 entries, found 1"),
        ("two", [1, 2, 3, 4], "two: expected at most 3 entries, found 4"),
        ("even", 3, "even: expected a multiple of 2, found 3"),
    ],
)
def test_a_value_out_of_range_is_said_with_the_whole_range(key, value, text):
    assert said(Options, {key: value}) == text


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (
            "mode",
            "omnicient",
            "mode: expected 'standard', 'omniscient' or 'lite', found 'omnicient'; did you mean 'omniscient'?",
        ),
        ("mode", 5, "mode: expected 'standard', 'omniscient' or 'lite', found 5"),
        ("colour", "reed", "colour: expected 'red' or 'blue', found 'reed'; did you mean 'red'?"),
        (
            "closeness",
            "freind",
            "closeness: expected 0 (stranger) or 3 (friend), found 'freind'; did you mean 'friend'?",
        ),
        ("closeness", 7, "closeness: expected 0 (stranger) or 3 (friend), found 7"),
    ],
)
def test_choices_are_listed_with_the_nearest_one(key, value, text):
    assert said(Options, {key: value}) == text


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("either", 5, "either: expected text or a list, found 5"),
        ("either", ["a", 5], "either[1]: expected text, found 5"),
        ("limit", -3, "limit: expected a whole number of at least 0 or 'all', found -3"),
        ("limit", "al", "limit: expected a whole number or 'all', found 'al'; did you mean 'all'?"),
        ("model", 5, "model: expected text, found 5"),
        ("plugin", 5, "plugin: expected an instance of Plugin, found 5"),
        ("pet", {"kind": "cow"}, "pet.kind: expected 'cat' or 'dog', found 'cow'"),
        ("pet", {"kind": "caat"}, "pet.kind: expected 'cat' or 'dog', found 'caat'; did you mean 'cat'?"),
        ("pet", {}, "pet: missing key 'kind'"),
        ("pet", 5, "pet: expected a table of keys and values, found 5"),
        ("pet", {"kind": "cat", "lives": 10}, "pet.lives: expected a whole number from 0 to 9, found 10"),
        ("pets", [{"kind": "dog", "trick": []}], "pets[0]: unknown key 'trick'; did you mean 'tricks'?"),
        ("pet_or_name", 5, "pet_or_name: expected a table of keys and values or text, found 5"),
        (
            "pet_or_name",
            {"kind": "cat", "lives": "many"},
            "pet_or_name.lives: expected a whole number, found 'many'",
        ),
        ("judge_or_name", {"modle": "x"}, "judge_or_name: unknown key 'modle'; did you mean 'model'?"),
        ("judge_or_point", {"name": "x", "sede": 1}, "judge_or_point: unknown key 'sede'; did you mean 'seed'?"),
        ("listed", [1, None], "listed[1]: expected a whole number or text, found null"),
    ],
)
def test_the_branches_of_a_union_are_one_problem(key, value, text):
    assert said(Options, {key: value}) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"run": {"name": "x", "trails": 5}}, "run: unknown key 'trails'; did you mean 'trials'?"),
        ({"run": {"name": "x", "xyz": 5}}, "run: unknown key 'xyz'; the keys known here are name, trials, seed"),
        ({"run": {}}, "run: missing key 'name'"),
        ({}, "missing key 'run'"),
        ({"runs": {"name": "x"}}, "unknown key 'runs'; did you mean 'run'?"),
        ({"run": {"nmae": "x"}}, "run: unknown key 'nmae'; did you mean 'name'?"),
        ({"run": {"name": "x"}, "agents": [{"model": 5}]}, "agents[0].model: expected text, found 5"),
        ({"run": {"name": "x"}, "models": {"my judge": {}}}, "models.'my judge': missing key 'model'"),
    ],
)
def test_keys_unknown_or_missing_are_named_with_the_table_they_belong_to(data, text):
    assert said(Whole, data) == text


def test_one_problem_is_said_and_the_others_are_counted():
    text = said(Whole, {"run": {"name": 5, "trials": 0, "sed": 1}})
    assert text == "run.name: expected text, found 5 (and 2 more)"


def test_a_misspelt_key_and_its_absence_are_one_problem():
    assert said(Whole, {"run": {"nmae": "x", "trials": 0}}).endswith("(and 1 more)")


def test_the_branches_of_several_unions_are_counted_apart():
    text = said(Options, {"either": 5, "listed": [None, 2.5]})
    assert text == "either: expected text or a list, found 5 (and 2 more)"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"model": 5}, "agents[0].model: expected text, found 5"),
        ({"modle": "x"}, "agents[0]: unknown key 'modle'; did you mean 'model'?"),
        ("x", "agents[0]: expected a table of keys and values, found 'x'"),
    ],
)
def test_a_place_given_by_the_caller_comes_before_each_location(data, text):
    assert said(Judge, data, within="agents[0]") == text


def test_the_reason_of_a_validator_is_said_as_it_is_on_one_line():
    assert said(Options, {"positive": 0}) == "positive: must be positive, as counts are"


def test_the_reason_of_a_validator_of_the_whole_model_needs_no_place():
    class Range(Strict):
        low: int
        high: int

        @model_validator(mode="after")
        def _ordered(self) -> Range:
            assert self.low < self.high, "low must lie below high"
            return self

    assert said(Range, {"low": 2, "high": 1}).startswith("low must lie below high")
    assert said(Range, {"low": 2, "high": 1}, within="range").startswith("range: low must lie below high")


def test_an_alias_is_the_name_that_data_uses():
    class Aliased(Strict):
        model_name: str = Field(alias="model-name")

    assert said(Aliased, {"model_name": "x"}) == "unknown key 'model_name'; did you mean 'model-name'?"
    assert said(Aliased, {"model-name": 5}) == "model-name: expected text, found 5"


def test_an_error_without_a_wording_of_its_own_is_said_in_pydantics_words():
    class Frozen(BaseModel):
        model_config = ConfigDict(frozen=True)
        x: int

    value = Frozen(x=1)
    with pytest.raises(ValidationError) as caught:
        value.x = 2  # type: ignore[misc]
    assert explain(caught.value, Frozen) == "x: instance is frozen, found 2"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_key", ["sk-1234"]),
        ("hidden", ["sk-1234"]),
        ("text", {"api_key": "sk-1234"}),
        ("text", [{"api_key": "sk-1234"}]),
        ("plugin", SecretStr("sk-1234")),
    ],
)
def test_what_may_be_a_key_or_a_password_is_not_shown(key, value):
    assert "sk-1234" not in said(Options, {key: value})


def test_a_value_under_a_secret_key_is_said_to_be_left_out():
    assert said(Options, {"api_key": 5}) == "api_key: expected text, found a value that is not shown here"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (0.5, "0.5"),
        ("it's", '"it\'s"'),
        ("line\nbreak\x1b", r"'line\nbreak\x1b'"),
        ("\ud800", r"'\ud800'"),
        ("x" * 100, f"'{'x' * 59}…'"),
        ([], "[]"),
        ([1, [2], "3"], "[1, […], '3']"),
        ([1, 2, 3, 4], "[1, 2, 3, …]"),
        ({}, "an empty table"),
        ({"a": 1}, "a table with the key 'a'"),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, "a table with the keys 'a', 'b', 'c', …"),
        (date(2024, 2, 29), "2024-02-29"),
        (Plugin(), "an instance of Plugin"),
    ],
)
def test_values_are_shown_as_files_write_them(value, text):
    assert shown(value) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=JSON, key=st.sampled_from(list(Options.model_fields)))
def test_whatever_is_refused_is_explained_in_one_line_of_bounded_length(value, key):
    try:
        Options.model_validate({key: value})
    except ValidationError as error:
        text = explain(error, Options)
        assert text.startswith(key)
        assert len(text.splitlines()) == 1
        assert len(text) < 600


@given(data=st.dictionaries(st.text(), JSON, max_size=4))
def test_unknown_keys_of_any_spelling_are_explained_in_one_line(data):
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(data)
    assert len(explain(caught.value, Whole).splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("run", "trials"), "run.trials"),
        (("agents", 0, "model"), "agents[0].model"),
        (("models", "gpt-4o", "use"), "models.gpt-4o.use"),
        (("models", "gpt 4.o", "use"), "models.'gpt 4.o'.use"),
        ((0, "use"), "[0].use"),
    ],
)
def test_locations_are_written_as_run_files_are_read(path, text):
    assert location(path) == text


def test_an_unknown_key_without_known_ones_is_just_named():
    assert unknown_key("x", []) == "unknown key 'x'"


def test_a_gigantic_key_is_cut():
    assert len(unknown_key("k" * 1_000_000, ["kind"])) < 150
