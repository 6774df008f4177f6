"""Replies that are no strict JSON of the type asked for: which are used, as what, and which are refused, and why."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_agents.replies import Company
from sotopia_agents.replies import reply_type as action_type
from sotopia_core.errors import ModelError
from sotopia_core.evaluation import DimensionSet
from sotopia_core.interfaces import Model
from sotopia_core.lenient_json import objects_in
from sotopia_core.messages import ACTION_TYPES
from sotopia_core.models import ChatMessage, ModelRequest
from sotopia_core.repair import repair
from sotopia_evaluators.dimensions import GoalDimension
from sotopia_evaluators.reply import reply_type as judgement_type
from sotopia_testing.scripted_model import ScriptedModel

Action = action_type(ACTION_TYPES)
TABLE = Company("Mia Davis", ("Leo Park", "Bo Ek"))
Judgement = judgement_type(DimensionSet.from_model(GoalDimension))
NAMES = ("Mia Davis", "Leo Park")
PROSE = Path(__file__).parents[3] / "shared" / "data" / "oddities" / "judge_replies_in_prose.jsonl"


def act(text: str) -> tuple[str, str, list[str]]:
    reply = repair(Action, text, TABLE)
    return reply.action_type, reply.argument, reply.to


def judge(text: str) -> dict[str, int]:
    judged: dict[str, Any] = repair(Judgement, text, NAMES).model_dump()
    return {name: one["goal"]["score"] for name, one in judged.items()}


def goal(score: object, reasoning: str = "So.") -> dict[str, Any]:
    return {"goal": {"reasoning": reasoning, "score": score}}


HI = ("speak", "Hi!", [])
NOTE = ("speak", "Psst!", ["Leo Park"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('```json\n{"action_type": "speak", "argument": "Hi!"}\n```', HI, id="fence"),
        pytest.param('Sure!\n{"action_type": "speak", "argument": "Hi!"}\nBye.', HI, id="prose around"),
        pytest.param('<think>{"a": {</think>{"action_type": "speak", "argument": "Hi!"}', HI, id="thoughts"),
        pytest.param('{"action_type": "speak", "argument": "Hi!",}', HI, id="trailing comma"),
        pytest.param('{"action_type": "speak", "argument": "Psst!", "to": ["Leo Park",]}', NOTE, id="and in a list"),
        pytest.param("{'action_type': 'speak', 'argument': 'Hi!'}", HI, id="single quotes"),
        pytest.param(
            "{'action_type': 'speak', 'argument': 'don't', 'to': []}", ("speak", "don't", []), id="apostrophe"
        ),
        pytest.param("{“action_type”: “speak”, “argument”: “Hi!”}", HI, id="typographic quotes"),
        pytest.param('{"action_type": "speak", "argument": "a\nb"}', ("speak", "a\nb", []), id="line break"),
        pytest.param('{"action_type": "speak", "argument": "Hi!", "to": None}', HI, id="Python's None"),
        pytest.param('{action_type: "speak", argument: "Hi!"}', HI, id="keys without quotes"),
        pytest.param('{"action_type": "speak", // greet\n "argument": "Hi!"}', HI, id="comment"),
        pytest.param('{"Action Type": "speak", "Argument": "Hi!"}', HI, id="title-case keys"),
        pytest.param('{"action_type": "Speak", "argument": "Hi!"}', HI, id="title-case choice"),
        pytest.param(
            '{"action_type": "non verbal-communication", "argument": "nods"}',
            ("non-verbal communication", "nods", []),
            id="choice in another spelling",
        ),
        pytest.param('{"reply": {"action_type": "speak", "argument": "Hi!"}}', HI, id="wrapped"),
        pytest.param('[{"action_type": "speak", "argument": "Hi!"}]', HI, id="in a list"),
        pytest.param('"{\\"action_type\\": \\"speak\\", \\"argument\\": \\"Hi!\\"}"', HI, id="encoded twice"),
        pytest.param('{"action_type": "leave", "argument": null, "to": null}', ("leave", "", []), id="null"),
        pytest.param('{"action_type": "speak", "argument": "Psst!", "to": "leo park"}', NOTE, id="one recipient"),
        pytest.param('{"action_type": "speak", "argument": "Hi!", "mood": "glad"}', HI, id="a key too many"),
        pytest.param('{"action_type": "speak", "argument": "Psst!", "to": ["Leo Park"]', NOTE, id="braces missing"),
        pytest.param(
            '{"action_type": "speak", "argument": "\\ud83d\\ude42 \\ud83d"}', ("speak", "🙂 \ufffd", []), id="\\u"
        ),
        pytest.param(
            'I feel {goal}. {"action_type": "speak", "argument": "{goal}"}', ("speak", "{goal}", []), id="{x}"
        ),
    ],
)
def test_an_action_that_is_plain_is_taken(text: str, expected: tuple[str, str, list[str]]) -> None:
    assert act(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("I greet Leo.", "it holds no JSON objects", id="prose"),
        pytest.param(
            '{"action_type": "dance", "argument": "x"}', "at action_type: Input should be 'none'", id="outside"
        ),
        pytest.param('{"argument": "x"}', "at action_type: Field required", id="no type"),
        pytest.param(
            '{"action_type": "speak", "argument": "x", "to": ["Zoe"]}',
            "'Zoe' cannot be addressed",
            id="invalid recipient",
        ),
        pytest.param(
            '{"action_type": "speak", "argument": "Psst!", "to": ["Leo Pa',
            "a string is cut off",
            id="recipient cut off",
        ),
        pytest.param('{"action_type": "speak", "argument": "I would ', "a string is cut off", id="argument cut off"),
        pytest.param(
            '{"action_type": "speak", "argument": "Psst!"', "it is cut off: to may have followed", id="would be public"
        ),
        pytest.param(
            '{"action_type": "speak", "argument": "Psst!", "to": ["Bo Ek"', "expected ',' or ']'", id="list cut off"
        ),
        pytest.param(
            '{"action_type": "speak", "argument": "a"} or {"action_type": "leave"}',
            "it holds 2 JSON objects that fit",
            id="two answers",
        ),
        pytest.param(
            '{"action_type": "speak" "argument": "x"}', "line 1, column 25: expected ',' or '}'", id="no comma"
        ),
        pytest.param(
            '{"action_type": "leave", "Action_Type": "speak"}', "the key 'action_type' is there twice", id="twice"
        ),
        pytest.param('{"a": ' + "[" * 100_000, "it is nested too deeply", id="deep"),
    ],
)
def test_an_action_that_is_not_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ModelError) as caught:
        act(text)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("the reply is no ActionReply: ")
    assert caught.value.raw == text


def test_a_part_of_a_broken_reply_is_never_taken_for_the_whole() -> None:
    quoted = json.dumps({"action_type": "leave"})
    for text in (f'{{"action_type": "speak", "argument": "a" {quoted}}}', f'{{"action_type": "speak", "to": [{quoted}'):
        with pytest.raises(ModelError, match="its JSON is broken"):
            act(text)


BOTH = {"Mia Davis": goal(7), "Leo Park": goal(0)}
SCORES = {"Mia Davis": 7, "Leo Park": 0}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(dict(reversed(BOTH.items()))), id="agents in another order"),
        pytest.param(json.dumps(BOTH | {"Zoe Roth": goal(3)}), id="an agent too many"),
        pytest.param(json.dumps({"mia davis": goal(7), "LEO_PARK": goal(0)}), id="names in another spelling"),
        pytest.param(json.dumps({"Mia Davis": goal("7"), "Leo Park": goal(" 0 ")}), id="numbers as strings"),
        pytest.param(json.dumps({"Mia Davis": goal(7.0), "Leo Park": goal("+0")}), id="a point in a whole number"),
        pytest.param(json.dumps(BOTH).replace('"goal"', '"Goal"').replace("score", "Score"), id="title-case keys"),
        pytest.param(repr(BOTH), id="a Python literal"),
        pytest.param(json.dumps(BOTH)[:-2], id="closing braces missing"),
        pytest.param(
            f"Mia did well, 9 out of 10.\n```\n{json.dumps(BOTH)}\n```\nOverall 5.", id="other numbers in prose"
        ),
        pytest.param(json.dumps({"judgement": BOTH}), id="wrapped"),
    ],
)
def test_a_judgement_that_is_plain_is_taken_by_name(text: str) -> None:
    assert judge(text) == SCORES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Mia Davis: 7 out of 10. Leo Park: 8.", "it holds no JSON objects", id="scores in prose"),
        pytest.param(json.dumps({"Mia Davis": goal(7)}), "'Leo Park' is not judged", id="an agent missing"),
        pytest.param(json.dumps({"Zoe": goal(7), "Ann": goal(3)}), "'Mia Davis' is not judged", id="other agents"),
        pytest.param(json.dumps(BOTH | {"Leo Park": goal(11)}), "less than or equal to 10", id="off the scale"),
        pytest.param(json.dumps(BOTH | {"Leo Park": goal(-1)}), "greater than or equal to 0", id="below the scale"),
        pytest.param(json.dumps(BOTH | {"Leo Park": goal(7.5)}), "valid integer", id="between two scores"),
        pytest.param(json.dumps(BOTH | {"Leo Park": goal(True)}), "a score is a number", id="no number"),
        pytest.param(json.dumps(BOTH | {"Leo Park": goal(None)}), "score: Field required", id="null"),
        pytest.param(json.dumps(BOTH | {"Leo Park": goal("seven")}), "valid integer", id="a word"),
        pytest.param(json.dumps(BOTH | {"Leo Park": goal("7/10")}), "valid integer", id="a fraction in a string"),
        pytest.param(json.dumps(BOTH)[:-4] + "7/10}}}", "expected a plain value", id="a fraction"),
        pytest.param(json.dumps(BOTH)[:-4] + "7 or 8}}}", "expected ',' or '}'", id="two scores"),
        pytest.param(json.dumps(BOTH)[:-4] + "NaN}}}", "expected a value", id="not a number"),
        pytest.param(json.dumps(BOTH)[:-3], "a value may be cut off", id="a number at the end, 0 of 10 perhaps"),
        pytest.param(json.dumps(BOTH)[:-14], "score: Field required", id="cut off before the score"),
        pytest.param(
            json.dumps(BOTH) + json.dumps(BOTH | {"Leo Park": goal(1)}), "2 JSON objects that fit", id="twice"
        ),
    ],
)
def test_a_judgement_that_is_not_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ModelError) as caught:
        judge(text)
    assert expected in str(caught.value)


@pytest.mark.skipif(not PROSE.exists(), reason="../shared/data/oddities is not here")
def test_judges_that_answered_in_prose_give_no_score() -> None:
    decoder, text, at = json.JSONDecoder(), PROSE.read_text(encoding="utf-8"), 0
    replies: list[str] = []
    while at < len(text.rstrip()):
        episode, at = decoder.raw_decode(text, at)
        replies += [step["response"] for step in episode["log"]]
        at += len(text[at:]) - len(text[at:].lstrip())
    assert len(replies) == 72
    for reply in replies:
        with pytest.raises(ModelError, match="it holds no JSON objects, where one was expected"):
            judge(reply)


async def test_a_repaired_value_says_so_and_costs_no_second_question() -> None:
    model: Model = ScriptedModel(replies=["Well: {'action_type': 'leave'}"])
    request = ModelRequest(
        messages=(ChatMessage(role="user", content="?"),), response_type=Action, context=TABLE, purpose="act"
    )
    reply = await model.generate(request)
    assert (reply.obtained, reply.usage.calls) == ("repaired", 1)
    assert reply.value is not None
    assert reply.value.action_type == "leave"


async def test_a_huge_reply_is_not_read_and_not_quoted_whole() -> None:
    huge = json.dumps({"action_type": "speak", "argument": "x" * 300_000})
    model = ScriptedModel(replies=[huge, '{"action_type": "leave"}'], re_asks=1)
    reply = await model.generate(
        ModelRequest(messages=(ChatMessage(role="user", content="?"),), response_type=Action, context=TABLE)
    )
    assert reply.obtained == "re-asked"
    assert sum(len(message.content) for message in model.requests[1].messages) < 11_000
    assert "characters long, more than 200000" in model.requests[1].messages[-1].content


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_strict_json_is_read_as_it_is(value: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    (found,) = objects_in(text)
    assert (found.value, found.end, found.unclosed) == (value, len(text), False)


@given(st.text(st.sampled_from("{}[]\"':, \n\\u17aTrue/#*-.eN"), max_size=60))
def test_any_text_gives_objects_or_a_reason(text: str) -> None:
    with suppress(ValueError):
        for found in objects_in(text):
            assert isinstance(found.value, dict)
