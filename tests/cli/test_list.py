"""``sotopia list``: tables for people, whole records as JSON, and conditions in the fields' own types."""

import json

import pytest
from rich.console import Console

from sotopia_core.cli import listing
from sotopia_core.cli.conditions import convert, read_conditions
from sotopia_core.cli.stores import open_to_read
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import InputError, StorageError
from sotopia_core.profiles import AgentProfile, EnvironmentProfile
from tests.cli.kept import (
    BOTH_SCORED,
    LEO,
    LEO_UNSCORED,
    MIA,
    agent,
    ask,
    combo,
    episode,
    imported,
    keep,
    relationship,
    run,
    scenario,
)


@pytest.fixture
def url(tmp_path):
    return keep(
        tmp_path,
        agent(MIA, occupation="Baker", tag="spring"),
        agent(LEO, age=None),
        scenario(tag="spring"),
        combo(),
        relationship(),
        run(),
        episode(pk="B", judgements=BOTH_SCORED, started_at="2025-03-01T10:00:00.000+00:00"),
        episode(pk="A", judgements=LEO_UNSCORED, started_at="2025-03-02T10:00:00.000+00:00", tag="summer"),
        imported(pk="C"),
    )


def lines(*arguments):
    return [line.rstrip() for line in ask("list", *arguments).stdout.splitlines()]


def cells(line):
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_agents_are_listed_with_name_age_occupation_and_tag(url):
    header, leo, mia = lines("agents", "--store", url)
    assert cells(header) == ["pk", "name", "age", "occupation", "tag"]
    assert cells(mia) == ["AGENT-Mia", "Mia Davis", "30", "Baker", "spring"]
    assert cells(leo) == ["AGENT-Leo", "Leo Park"]


def test_environments_are_listed_with_codename_number_of_goals_and_relationship(url):
    header, line = lines("environments", "--store", url)
    assert cells(header) == ["pk", "codename", "goals", "relationship", "tag"]
    assert cells(line) == ["ENV-1", "bicycle_sale", "2", "friend", "spring"]


def test_combos_and_relationships_name_whom_they_mean(url):
    assert cells(lines("combos", "--store", url)[1]) == ["COMBO-1", "bicycle_sale", "Mia Davis, Leo Park"]
    assert cells(lines("relationships", "--store", url)[1]) == ["REL-1", "Mia Davis", "Leo Park", "friend"]


def test_a_combo_whose_agent_is_gone_shows_the_pk(tmp_path):
    url = keep(tmp_path, agent(MIA), combo())
    assert cells(lines("combos", "--store", url)[1]) == ["COMBO-1", "ENV-1", "Mia Davis, AGENT-Leo"]


def test_runs_are_listed_with_what_became_of_their_episodes(url):
    header, line = lines("runs", "--store", url)
    assert cells(header) == ["pk", "name", "tag", "status", "episodes", "started (UTC)"]
    assert cells(line) == ["RUN-1", "pilot", "spring", "finished", "2 scored, 1 failed of 3", "2025-03-01 10:20"]


def test_episodes_are_listed_by_time_with_a_line_for_each_seat_and_a_dash_for_a_missing_score(url):
    header, *rows = lines("episodes", "--store", url)
    assert cells(header) == ["pk", "tag", "status", "agents", "models", "overall"]
    assert [cells(row) for row in rows] == [
        ["C", "scored", "Mia Davis", "gpt-4", "6.00"],
        ["Leo Park", "localhost", "–"],
        ["B", "spring", "scored", "Mia Davis", "gpt-4o-mini", "6.00"],
        ["Leo Park", "llama-3", "0.50"],
        ["A", "summer", "unscored", "Mia Davis", "gpt-4o-mini", "6.00"],
        ["Leo Park", "llama-3", "–"],
    ]


def test_a_limit_takes_the_latest_episodes_and_says_how_many_there_are(url):
    answer = ask("list", "episodes", "--limit", 1, "--store", url)
    assert [cells(line)[0] for line in answer.stdout.splitlines()] == ["pk", "A", "Leo Park"]
    assert "1 of 3 episodes" in answer.stderr
    told = json.loads(ask("list", "episodes", "--limit", 2, "--json", "--store", url).stdout)
    assert [one["pk"] for one in told] == ["B", "A"]


def test_conditions_must_all_hold(url):
    both = ("--where", "tag=spring", "--where", f"agent_names={LEO}")
    assert [cells(line)[0] for line in lines("episodes", *both, "--store", url)] == ["pk", "B", "Leo Park"]
    assert lines("episodes", *both, "--where", "status=failed", "--store", url) == []


def test_json_is_an_array_of_the_whole_records(url):
    told = json.loads(ask("list", "episodes", "--json", "--store", url).stdout)
    assert [one["pk"] for one in told] == ["A", "B", "C"]
    assert [EpisodeLog.model_validate(one) for one in told][1] == episode(
        pk="B", judgements=BOTH_SCORED, started_at="2025-03-01T10:00:00.000+00:00"
    )


def test_json_of_many_records_is_printed_while_they_are_read(url, capsys, monkeypatch):
    store, _ = open_to_read(url)
    printed_before = []

    def iterate(kind, where):
        for record in (agent(MIA, pk=f"A{number}") for number in range(3)):
            printed_before.append(capsys.readouterr().out)
            yield record

    monkeypatch.setattr(store, "iterate", iterate)
    monkeypatch.setattr("sotopia_core.cli.stores.open_to_read", lambda _: (store, url))
    listing.list_("agents", as_json=True)
    assert ['"A0"' in printed_before[1], '"A1"' in printed_before[2]] == [True, True]
    assert [one["pk"] for one in json.loads("".join(printed_before) + capsys.readouterr().out)] == ["A0", "A1", "A2"]


def test_where_nothing_is_found_that_is_said_and_no_failure(url):
    answer = ask("list", "episodes", "--where", "tag=autumn", "--store", url)
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.stderr == f"no episodes with tag=autumn in {url}\n"


def test_where_nothing_is_found_json_is_an_empty_array(url):
    answer = ask("list", "episodes", "--where", "tag=autumn", "--json", "--store", url)
    assert (answer.exit_code, json.loads(answer.stdout)) == (0, [])


def test_text_of_records_is_shown_on_its_line_with_controls_visible(tmp_path):
    url = keep(tmp_path, agent(MIA, occupation="[bold]Ba\x1b[31mker\nand more"))
    assert cells(lines("agents", "--store", url)[1])[-1] == "[bold]Ba\\x1b[31mker\\nand more"


def test_on_a_narrow_terminal_primary_keys_stay_whole(tmp_path, capsys, monkeypatch):
    url = keep(tmp_path, episode(pk="01HJ2ZG98245KRPMNJZTTCDEJZ", tag="a-long-tag_" * 8))
    monkeypatch.setattr("sotopia_core.cli.output.console", lambda: Console(width=80))
    listing.list_("episodes", store=url)
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) == 80
    assert printed[1].startswith("01HJ2ZG98245KRPMNJZTTCDEJZ  a-long-tag")
    assert "Leo Park" in printed[2]


def test_an_unknown_kind_is_answered_with_the_nearest(url):
    with pytest.raises(InputError, match=r"no list of 'episode'; did you mean 'episodes'\?"):
        ask("list", "episode", "--store", url)
    with pytest.raises(InputError, match="there are agents, environments, combos, relationships, episodes, runs"):
        ask("list", "zzz", "--store", url)


def test_a_store_that_is_not_there_is_not_made_by_looking(tmp_path):
    with pytest.raises(StorageError, match=r"there is no store at sqlite:///.*absent\.db"):
        ask("list", "agents", "--store", f"sqlite:///{tmp_path / 'absent.db'}")
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize(
    ("kind", "field", "text", "value"),
    [
        (AgentProfile, "age", "41", 41),
        (AgentProfile, "age", "null", None),
        (AgentProfile, "tag", "null", "null"),
        (AgentProfile, "tag", "41", "41"),
        (AgentProfile, "tag", "", ""),
        (AgentProfile, "moral_values", "Care", "Care"),
        (EnvironmentProfile, "relationship", "friend", 3),
        (EnvironmentProfile, "relationship", "3", 3),
        (EnvironmentProfile, "age_constraint", "nan", "nan"),
        (EpisodeLog, "run", "null", None),
        (EpisodeLog, "run", "01K=", "01K="),
        (EpisodeLog, "status", "unscored", "unscored"),
        (EpisodeLog, "seconds", "1.5", 1.5),
        (EpisodeLog, "agents", "AGENT-Mia", "AGENT-Mia"),
        (RunRecord, "planned", "3", 3),
    ],
)
def test_a_condition_is_read_in_the_type_of_its_field(kind, field, text, value):
    assert (convert(kind, field, text), type(convert(kind, field, text))) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "condition", "message"),
    [
        (AgentProfile, "tag", "--where tag: expected FIELD=VALUE, such as tag=pilot"),
        (AgentProfile, "agee=3", "no field is called 'agee'; did you mean 'age'?"),
        (AgentProfile, "zzz=3", "no field is called 'zzz'; there are pk, first_name, last_name,"),
        (AgentProfile, "age=old", "--where age=old: expected a whole number or null"),
        (AgentProfile, "age=4.5", "expected a whole number or null"),
        (EnvironmentProfile, "relationship=freind", "expected one of stranger, know_by_name, "),
        (EnvironmentProfile, "relationship=9", "expected one of stranger"),
        (EpisodeLog, "status=scord", "expected one of scored, unscored, unjudged, failed; did you mean 'scored'?"),
        (EpisodeLog, "turns=1", "turns cannot be searched; these can: pk, environment, agents,"),
        (EpisodeLog, "rewards=1", "rewards cannot be searched"),
        (RunRecord, "config=x", "config cannot be searched"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_with_what_was_expected(kind, condition, message):
    with pytest.raises(InputError) as caught:
        read_conditions(kind, [condition])
    assert message in str(caught.value)


def test_a_field_is_named_once():
    with pytest.raises(InputError, match="tag was given before; name each field once"):
        read_conditions(AgentProfile, ["tag=a", "tag=b"])
