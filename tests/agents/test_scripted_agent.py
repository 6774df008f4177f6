"""ScriptedAgent: the actions of a script, one at a time, and what comes after."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sotopia_agents.scripted import ScriptedAgent
from sotopia_core.messages import ACTION_TYPES, AgentAction, Observation

HELLO = AgentAction(action_type="speak", argument="Hello!")
NOD = AgentAction(action_type="non-verbal communication", argument="nods", to=("Bob",))
LEAVE = AgentAction(action_type="leave")
NONE = AgentAction(action_type="none")


async def play(agent: ScriptedAgent, turns: int) -> list[AgentAction]:
    return [await agent.aact(Observation(turn=t, agent="Ada", available_actions=ACTION_TYPES)) for t in range(turns)]


async def test_it_takes_the_actions_in_order_and_then_leaves():
    agent = ScriptedAgent(actions=(HELLO, NOD))
    assert await play(agent, 4) == [HELLO, NOD, LEAVE, LEAVE]


async def test_it_can_do_nothing_after_the_script():
    assert await play(ScriptedAgent(actions=(HELLO,), then="none"), 3) == [HELLO, NONE, NONE]


async def test_it_can_start_the_script_again():
    assert await play(ScriptedAgent(actions=(HELLO, NOD), then="repeat"), 5) == [HELLO, NOD, HELLO, NOD, HELLO]


async def test_an_empty_script_leaves_at_once():
    assert await play(ScriptedAgent(), 1) == [LEAVE]


async def test_a_string_in_a_script_is_spoken_exactly():
    words = "I <3 you, {goal} \u2028 {{ x }}"
    agent = ScriptedAgent.model_validate(
        {"actions": [words, {"action_type": "non-verbal communication", "argument": "nods", "to": ["Bob"]}]}
    )
    assert await play(agent, 2) == [AgentAction(action_type="speak", argument=words), NOD]


async def test_it_acts_whether_or_not_the_action_is_open_to_it():
    agent = ScriptedAgent(actions=(HELLO,))
    assert await agent.aact(Observation(turn=0, agent="Ada", available_actions=("none", "leave"))) == HELLO


async def test_a_script_can_stand_in_a_file_one_action_a_line(tmp_path: Path):
    words = "two\nlines \u2028 and \x85 more"
    file = tmp_path / "script.jsonl"
    speech = AgentAction(action_type="speak", argument=words).model_dump_json()
    file.write_text(f'"Hello!"\n\n{speech}\n{NOD.model_dump_json()}', encoding="utf-8")
    agent = ScriptedAgent(file=file)
    assert await play(agent, 4) == [HELLO, AgentAction(action_type="speak", argument=words), NOD, LEAVE]


def test_the_content_of_a_script_counts_and_not_where_it_stands(tmp_path: Path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('"Hello!"\n', encoding="utf-8")
    options = ScriptedAgent(actions=(HELLO,)).content_options()
    assert options["actions"] == [{"action_type": "speak", "argument": "Hello!", "to": []}]
    assert ScriptedAgent(file=tmp_path / "a.jsonl").content_options() == options
    assert ScriptedAgent(file=tmp_path / "b.jsonl").content_options() == options
    assert ScriptedAgent(actions=(NOD,)).content_options() != options


def test_a_file_of_a_run_file_lies_beside_it(tmp_path: Path):
    (tmp_path / "script.jsonl").write_text('"Hello!"\n', encoding="utf-8")
    agent = ScriptedAgent.model_validate({"file": "script.jsonl"}, context={"base_of": lambda field: tmp_path})
    assert agent.content_options()["actions"] == [HELLO.model_dump(mode="json")]


async def test_a_replayed_action_is_not_taken_again():
    agent = ScriptedAgent(actions=(HELLO, NOD))
    await agent.replay(Observation(turn=0, agent="Ada", available_actions=ACTION_TYPES), HELLO)
    assert await play(agent, 2) == [NOD, LEAVE]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"fine"\n{"action_type": "shout"}\n', "line 2: action_type: expected 'none', 'speak'"),
        ('"fine"\n\n{"action_type"\n', "line 3: not JSON: Expecting ':' delimiter"),
        ('{"argument": "hi"}\n', "line 1: missing key 'action_type'"),
        ('{"action_type": "speak", "volume": 3}\n', "line 1: unknown key 'volume'"),
        ("7\n", "line 1: expected a table of keys and values, found 7"),
    ],
)
def test_a_wrong_line_is_named_with_its_file(tmp_path: Path, content: str, message: str):
    file = tmp_path / "script.jsonl"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValidationError) as caught:
        ScriptedAgent(file=file)
    assert f"script {file}, {message}" in caught.value.errors()[0]["msg"]


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ValidationError, match=r"cannot read the script .*gone\.jsonl: No such file or directory"):
        ScriptedAgent(file=tmp_path / "gone.jsonl")


def test_a_file_that_is_no_text_is_named(tmp_path: Path):
    (tmp_path / "script.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ValidationError, match=r"cannot read the script .*script\.jsonl: it is not UTF-8 text"):
        ScriptedAgent(file=tmp_path / "script.jsonl")


def test_two_scripts_are_refused(tmp_path: Path):
    (tmp_path / "script.jsonl").write_text('"Hello!"\n', encoding="utf-8")
    with pytest.raises(ValidationError, match="a script stands in actions or in a file; give one of them"):
        ScriptedAgent(actions=(HELLO,), file=tmp_path / "script.jsonl")


def test_nothing_cannot_be_repeated():
    with pytest.raises(ValidationError, match='then = "repeat" needs a script of at least one action'):
        ScriptedAgent(then="repeat")


def test_an_unknown_action_in_a_script_is_refused_with_its_place():
    with pytest.raises(ValidationError) as caught:
        ScriptedAgent.model_validate({"actions": ["Hello!", {"action_type": "shout"}]})
    assert caught.value.errors()[0]["loc"] == ("actions", 1, "action_type")
