"""More than two at the table, from a run file to what is shown of it."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import sotopia

NAMES = ("Mia", "Leo", "Noor", "Ugo")
RUN = """
[run]
tag = "table"

{agents}

[pool]
files = ["people.jsonl"]

[sampler]
use = "ConstraintBasedSampler"

[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = 8

[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "offline"
"""
SCRIPTS = {
    "Mia": '["Hello, all.", {action_type = "speak", argument = "Only you two.", to = ["Leo", "Ugo"]}]',
    "Leo": '[{action_type = "speak", argument = "For Noor alone: $350.", to = ["Noor"]}]',
    "Noor": '[{action_type = "leave"}]',
    "Ugo": '[{action_type = "action", argument = "writes to Noor, who has left", to = ["Noor"]}, "Good night."]',
}


def write(folder, names=NAMES, goals=4):
    people = [{"first_name": name, "secret": f"{name}'s secret", "age": 30} for name in NAMES]
    scenario = {
        "codename": "table",
        "scenario": "Four people sit at one table.",
        "agent_goals": [f"the goal of {name}" for name in NAMES[:goals]],
        "agent_constraint": list(NAMES[:goals]),
    }
    lines = [json.dumps(record) for record in (*people, scenario)]
    (folder / "people.jsonl").write_text("\n".join(lines), encoding="utf-8")
    tables = [f'[[agents]]\nuse = "ScriptedAgent"\nactions = {SCRIPTS[name]}\nthen = "none"\n' for name in names]
    (folder / "run.toml").write_text(RUN.format(agents="\n".join(tables)), encoding="utf-8")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    write(folder)
    done = sotopia("run", "run.toml", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)["pks"][0]


def test_an_episode_of_four_is_played_judged_and_kept_by_name(played):
    folder, pk = played
    kept = json.loads(sotopia("show", pk, "--json", cwd=folder).stdout)
    assert kept["agent_names"] == list(NAMES)
    assert set(kept["outcome"]) == set(NAMES)
    assert len(kept["rewards"]) == len(NAMES) == len(kept["models"]) - 1
    actors = [next(iter(turn["actions"])) for turn in kept["turns"][:-1]]
    assert actors == ["Mia", "Leo", "Noor", "Ugo", "Mia", "Leo", "Ugo", "Mia"]
    first = kept["messages"][0]
    assert [receiver for sender, receiver, _ in first if sender == "Environment"] == list(NAMES)
    assert [sender for sender, receiver, _ in first if receiver == "Environment"] == list(NAMES)
    assert [pair["first_name"] for pair in kept["combo"]["agents"]] == list(NAMES)


PUBLIC = ('Mia said: "Hello, all."', "Noor left the conversation")
TO_NOOR = 'Leo (to Noor) said: "For Noor alone: $350."'
TO_TWO = 'Mia (to Leo, Ugo) said: "Only you two."'
TOO_LATE = "Ugo (to Noor) [action] writes to Noor, who has left"
LATER = 'Ugo said: "Good night."'


@pytest.mark.parametrize(
    ("name", "sees"),
    [
        ("Mia", {*PUBLIC, TO_TWO, LATER}),
        ("Leo", {*PUBLIC, TO_NOOR, TO_TWO, LATER}),
        ("Noor", {*PUBLIC, TO_NOOR}),
        ("Ugo", {*PUBLIC, TO_TWO, TOO_LATE, LATER}),
    ],
)
def test_each_is_shown_what_they_were_sent_and_no_more(played, name, sees):
    folder, pk = played
    shown = sotopia("show", pk, "--as", name, cwd=folder).stdout
    for text in (*PUBLIC, TO_NOOR, TO_TWO, TOO_LATE, LATER):
        assert (text in shown) == (text in sees), text
    for other in NAMES:
        assert (f"{other}'s secret" in shown) == (other == name)
        assert (f"the goal of {other}" in shown) == (other == name)


def test_lists_and_transcripts_hold_everybody(played):
    folder, pk = played
    listed = sotopia("list", "episodes", "--where", "tag=table", cwd=folder).stdout
    shown = sotopia("show", pk, cwd=folder).stdout
    for name in NAMES:
        assert name in listed
        assert f"\n  {name}\n" in shown
    assert TO_TWO in shown
    assert "Ugo" in json.loads(sotopia("list", "episodes", "--json", cwd=folder).stdout)[0]["agent_names"]


def test_there_is_nobody_of_a_name_that_takes_no_part(played):
    folder, pk = played
    done = sotopia("show", pk, "--as", "Zoe", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"sotopia: error: --as Zoe: takes no part in {pk}; the agents are Mia, Leo, Noor, Ugo"
    )


@pytest.mark.parametrize("seats", [2, 3])
def test_more_agents_than_goals_is_an_error_before_anything_is_played(tmp_path, seats):
    write(tmp_path, goals=seats)
    done = sotopia("run", "run.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip() == f"sotopia: error: no scenario in people.jsonl has 4 goals; they have {seats}"


def test_a_name_that_nobody_has_cannot_be_addressed(tmp_path):
    write(tmp_path)
    text = (tmp_path / "run.toml").read_text(encoding="utf-8").replace('to = ["Noor"]', 'to = ["Nora"]', 1)
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    done = sotopia("run", "run.toml", "--json", cwd=tmp_path)
    assert done.returncode == 3
    kept = json.loads(sotopia("show", json.loads(done.stdout)["pks"][0], "--json", cwd=tmp_path).stdout)
    assert kept["status"] == "failed"
    assert kept["cause"] == "Leo addressed 'Nora'; the agents are Mia, Leo, Noor, Ugo"
    assert len(kept["turns"]) == 1
