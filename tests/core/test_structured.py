"""What a type is asked for by, and what a reply's text is taken for."""

import json
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from sotopia_core.errors import ModelError
from sotopia_core.messages import ACTION_TYPES, AgentAction
from sotopia_core.structured import instructions_for, json_schema_for, parse

text = st.text(st.characters(exclude_categories=["Cs"]))
actions = st.builds(
    AgentAction, action_type=st.sampled_from(ACTION_TYPES), argument=text, to=st.lists(text, max_size=3).map(tuple)
)


class Assessment(BaseModel):
    """A docstring, which is for programmers."""

    reasoning: str = Field(min_length=1)
    score: int = Field(ge=0, le=10, description="How well the goal was reached")


class Everything(BaseModel):
    kind: Literal["only"]
    mood: Enum("Mood", {"good": "good", "bad": "bad"})  # type: ignore[valid-type]
    share: float = Field(gt=0, lt=1.5)
    maybe: Assessment | None = Field(default=None, description="If there was one")
    several: list[Assessment] = Field(min_length=1)
    sure: bool = True


def test_the_schema_of_an_action() -> None:
    assert json_schema_for(AgentAction) == {
        "type": "object",
        "properties": {
            "action_type": {"type": "string", "enum": list(ACTION_TYPES)},
            "argument": {"type": "string"},
            "to": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["action_type", "argument", "to"],
        "additionalProperties": False,
    }


def test_definitions_are_put_in_place_bounds_said_in_words_and_everything_is_required() -> None:
    assessment: dict[str, Any] = {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string", "description": "(at least 1 characters)"},
            "score": {"type": "integer", "description": "How well the goal was reached (at least 0, at most 10)"},
        },
        "required": ["reasoning", "score"],
        "additionalProperties": False,
    }
    assert json_schema_for(Everything) == {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["only"]},
            "mood": {"type": "string", "enum": ["good", "bad"]},
            "share": {"type": "number", "description": "(more than 0, less than 1.5)"},
            "maybe": {"description": "If there was one", "anyOf": [assessment, {"type": "null"}]},
            "several": {"type": "array", "items": assessment, "description": "(at least 1 items)"},
            "sure": {"type": "boolean"},
        },
        "required": ["kind", "mood", "share", "maybe", "several", "sure"],
        "additionalProperties": False,
    }


def test_properties_go_by_their_aliases() -> None:
    judgement = create_model("Judgement", agent_1=(Assessment, Field(alias="Mia Davis")))
    assert list(json_schema_for(judgement)["properties"]) == ["Mia Davis"]
    reply = json.dumps({"Mia Davis": {"reasoning": "So.", "score": 10}})
    assert parse(judgement, reply).model_dump() == {"agent_1": {"reasoning": "So.", "score": 10}}


class Family(BaseModel):
    children: list["Family"]


@pytest.mark.parametrize(
    ("response_type", "expected"),
    [
        (Family, "Family.children[] refers to itself"),
        (RootModel[list[int]], "RootModel[list[int]] is no JSON object"),
        (create_model("Scores", by_name=(dict[str, int], ...)), "Scores.by_name has free keys"),
        (create_model("Open", __config__=ConfigDict(extra="allow")), "Open has free keys"),
        (create_model("Pair", both=(tuple[int, str], ...)), "Pair.both is a list whose items have no one type"),
        (create_model("Loose", what=(Any, ...)), "Loose.what can be anything"),
    ],
)
def test_types_that_no_strict_schema_can_say_are_refused(response_type: type[BaseModel], expected: str) -> None:
    with pytest.raises(TypeError) as caught:
        json_schema_for(response_type)
    assert str(caught.value).startswith(f"{expected}, so no model can be asked for it")


def test_instructions_hold_the_schema() -> None:
    schema = json_schema_for(create_model("Zoë", name=(str, Field(description="Zoë's"))))
    instructions = instructions_for(schema)
    assert instructions.startswith("Answer with one JSON object and nothing else")
    assert json.loads(instructions.partition("\n")[2]) == schema
    assert "Zoë's" in instructions


@given(actions)
def test_every_action_survives(action: AgentAction) -> None:
    assert parse(AgentAction, action.model_dump_json()) == action
    assert parse(AgentAction, json.dumps(action.model_dump(mode="json"))) == action


@given(actions, text.filter(lambda prose: "{" not in prose), st.sampled_from(["{}", "```json\n{}\n```", "```\n{}```"]))
def test_every_action_survives_prose_and_a_fence_around_it(action: AgentAction, prose: str, around: str) -> None:
    assert parse(AgentAction, prose + around.replace("{}", action.model_dump_json()) + prose) == action


def test_placeholders_in_prose_are_no_objects() -> None:
    reply = 'As {goal} says, {{name}}: {"reasoning": "{goal}", "score": 3} {'
    assert parse(Assessment, reply) == Assessment(reasoning="{goal}", score=3)


@pytest.mark.parametrize(
    "reply",
    [
        '{"action_type" : "speak", "action_type":"none"}',
        '{"action_type": "speak", "argument": "a", "argument": "a"}',
        '{"action_type": "speak", "to": [], "to": []}',
        '{"action_type":\n"speak","argument":"a: b","argument":"c"}',
        '{"action_type": "none", "action_type": "none", "action_type": "none"}',
    ],
)
def test_of_a_key_that_is_there_twice_neither_value_is_taken(reply: str) -> None:
    with pytest.raises(ModelError, match="is there twice"):
        parse(AgentAction, reply)


def test_colons_in_words_and_spaces_around_a_reply_change_nothing() -> None:
    for words in ("at 5:30", "a: b: c: d", ":", ""):
        for gap in ("", " ", "\n"):
            reply = f'{gap}{{"action_type"{gap}:{gap}"speak", "argument":{gap}"{words}"}}{gap}'
            assert parse(AgentAction, reply) == AgentAction(action_type="speak", argument=words)


def test_what_has_a_default_may_be_left_out() -> None:
    assert parse(AgentAction, '{"action_type": "none"}') == AgentAction(action_type="none")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", "it holds no JSON objects, where one was expected"),
        ("I pass.", "it holds no JSON objects, where one was expected"),
        ('"text"', "it holds no JSON objects, where one was expected"),
        ('{"reasoning": "a", "score": 1} or {"reasoning": "b", "score": 2}', "it holds 2 JSON objects"),
        ('{"reasoning": "a", "score": 1', "its JSON is broken at line 1, column 30: Expecting ',' delimiter"),
        ('{"reasoning": "a",\n"score": }', "its JSON is broken at line 2, column 10: Expecting value"),
        ('{"reasoning": "a\nb", "score": 1}', "its JSON is broken at line 1, column 17: Invalid control character"),
        ('{"reasoning": "a", "score": NaN}', "NaN is no JSON number"),
        ('{"reasoning": "a", "score": 1, "score": 9}', "the key 'score' is there twice"),
        ('{"reasoning": "a", "score": 11}', "at score: Input should be less than or equal to 10"),
        ('{"reasoning": "a", "score": "7"}', "at score: Input should be a valid integer"),
        ('{"reasoning": "a", "score": true}', "at score: Input should be a valid integer"),
        ('{"reasoning": "a", "score": 7.5}', "at score: Input should be a valid integer"),
        ('{"score": 7}', "at reasoning: Field required"),
        ("{}", "at reasoning: Field required (and 1 more)"),
        ('{"reasoning": "\\ud83d", "score": 1}', "Invalid JSON: unexpected end of hex escape at line 1 column 22"),
        ('{"a": ' + "[" * 100_000, "it is nested too deeply"),
    ],
)
def test_a_reply_that_does_not_fit_says_where_and_is_kept(reply: str, expected: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse(Assessment, reply)
    assert str(caught.value).startswith(f"the reply is no Assessment: {expected}")
    assert "\n" not in str(caught.value)
    assert caught.value.raw == reply


def test_the_place_is_named_by_the_aliases_that_the_model_was_shown() -> None:
    judgement = create_model("Judgement", agent_1=(Assessment, Field(alias="Mia Davis")))
    with pytest.raises(ModelError, match=r"^the reply is no Judgement: at Mia Davis\.score: Field required$"):
        parse(judgement, '{"Mia Davis": {"reasoning": "x"}}')


def test_a_part_of_a_broken_reply_is_never_taken_for_the_whole() -> None:
    inner = '{"reasoning": "fine", "score": 9}'
    for broken in (f'{{"reasoning": {inner}, "sco', f'{{"draft": {inner} "final": {inner}}}'):
        with pytest.raises(ModelError, match="its JSON is broken"):
            parse(Assessment, broken)


@given(st.text())
def test_any_text_gives_a_value_or_a_model_error(reply: str) -> None:
    with pytest.raises(ModelError):
        parse(Assessment, reply)
