"""The starter pack: characters and scenarios that are valid, marked up correctly and enough to begin with."""

import json
import re
from pathlib import Path

import pytest

from sotopia_core.profiles import AgentProfile, EnvironmentProfile, check_names
from sotopia_packs.plugin import sotopia_packs

MARK = re.compile(r"<(/?)(extra_info|clarification_hint|strategy_hint|p)((?: [^<>]*)?)>")


@pytest.fixture(scope="module")
def starter():
    (pack,) = sotopia_packs()
    return pack


def lines_of(pack, name):
    (path,) = [path for path in pack.files if path.name == name]
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def characters(starter):
    return [AgentProfile.model_validate_json(line) for line in lines_of(starter, "characters.jsonl")]


@pytest.fixture(scope="module")
def scenarios(starter):
    return [EnvironmentProfile.model_validate_json(line) for line in lines_of(starter, "scenarios.jsonl")]


def texts_of(scenario):
    return [scenario.scenario, *scenario.agent_goals]


def marks_problem(text, seats):
    """Say what is wrong with the author's marks in a text, or return None."""
    opened = []
    for closing, name, attributes in MARK.findall(text):
        if closing:
            if not opened or opened.pop() != name:
                return f"</{name}> closes nothing"
        elif name == "p" and not re.fullmatch(rf' viewer="(environment|agent_[0-{seats - 1}])"', attributes):
            return f"<p{attributes}> has no such viewer"
        else:
            opened.append(name)
    if opened:
        return f"<{opened[-1]}> is not closed"
    left_over = MARK.sub("", text)
    return "a stray angle bracket" if "<" in left_over or ">" in left_over else None


def test_the_pack_is_called_starter_and_its_files_are_there(starter):
    assert starter.name == "starter"
    assert starter.description
    assert [path.name for path in starter.files] == ["characters.jsonl", "scenarios.jsonl"]
    assert all(isinstance(path, Path) and path.is_file() for path in starter.files)


def test_there_are_at_least_twelve_characters_and_twelve_scenarios(characters, scenarios):
    assert len(characters) >= 12
    assert len(scenarios) >= 12


def test_at_least_two_scenarios_seat_three_or_more(scenarios):
    assert sum(len(scenario.agent_goals) >= 3 for scenario in scenarios) >= 2


def test_every_scenario_can_be_cast_from_the_pack(characters, scenarios):
    assert all(2 <= len(scenario.agent_goals) <= len(characters) for scenario in scenarios)


def test_primary_keys_codenames_and_names_are_distinct(characters, scenarios):
    pks = [record.pk for record in (*characters, *scenarios)]
    assert len(pks) == len(set(pks))
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", pk) for pk in pks)
    assert len({scenario.codename for scenario in scenarios}) == len(scenarios)
    check_names([character.name for character in characters], "the starter pack")


def test_every_record_is_tagged_and_complete(characters, scenarios):
    assert {record.tag for record in (*characters, *scenarios)} == {"starter"}
    for character in characters:
        for field in (
            "age",
            "occupation",
            "gender",
            "gender_pronoun",
            "public_info",
            "personality_and_values",
            "secret",
        ):
            assert getattr(character, field), f"{character.name}: {field}"
    for scenario in scenarios:
        assert scenario.codename
        assert scenario.scenario.strip()
        assert all(goal.strip() for goal in scenario.agent_goals)


def test_marks_in_scenarios_and_goals_are_balanced_and_name_seats_that_exist(scenarios):
    problems = {
        scenario.codename: problem
        for scenario in scenarios
        for text in texts_of(scenario)
        if (problem := marks_problem(text, len(scenario.agent_goals)))
    }
    assert problems == {}


@pytest.mark.parametrize(
    "text",
    [
        "<extra_info>open",
        "shut</extra_info>",
        "<extra_info>a<strategy_hint>b</extra_info></strategy_hint>",
        '<p viewer="agent_2">x</p>',
        "<p>x</p>",
        "a < b",
    ],
)
def test_the_check_for_marks_finds_broken_ones(text):
    assert marks_problem(text, 2) is not None


def test_the_pack_uses_the_marks_that_it_is_there_to_show(scenarios):
    used = {name for scenario in scenarios for text in texts_of(scenario) for _, name, _ in MARK.findall(text)}
    assert used == {"extra_info", "clarification_hint", "strategy_hint", "p"}


def test_no_record_has_fields_beyond_its_kind(starter):
    for name, kind in (("characters.jsonl", AgentProfile), ("scenarios.jsonl", EnvironmentProfile)):
        for line in lines_of(starter, name):
            assert set(json.loads(line)) <= set(kind.model_fields)
