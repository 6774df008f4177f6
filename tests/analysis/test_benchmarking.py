"""``sotopia benchmark``: both seats on the same combos, nothing played twice, gone on with where it was broken off."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("polars", reason="the extra analysis is not installed")

from sotopia_core.database.locate import storage_from_url
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import ConfigError, InputError
from sotopia_core.profiles import AgentProfile
from sotopia_core.registry import Registry
from tests.analysis.test_commands import ask
from tests.cli.kept import LEO, MIA, agent, combo, scenario

PARTNER = '{use = "ScriptedAgent", actions = ["Hello!", "All right."], then = "repeat"}'
SMALL = ("--judge", "offline", "--pack", "starter", "--size", "2", "--set", "response_evaluators.0.max_turn_number=4")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


def kept(url, kind):
    with storage_from_url(Registry.installed(), url).open() as store:
        return list(store.iterate(kind))


def test_a_model_takes_both_seats_of_the_same_combos(url):
    done = ask("benchmark", "offline", "--partner", PARTNER, *SMALL, "--tag", "first", "--store", url, "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert {(row["model"], row["dimension"]): row["n"] for row in document["rows"]}["offline", "goal"] == 4
    assert any("rule-based stand-in" in note for note in document["notes"])
    episodes = kept(url, EpisodeLog)
    assert (
        sorted(e.models[1:] for e in episodes)
        == [("ScriptedAgent", "offline")] * 2 + [("offline", "ScriptedAgent")] * 2
    )
    first, second = (
        {(e.environment, e.agents) for e in episodes if e.models[1] == m} for m in ("offline", "ScriptedAgent")
    )
    assert first == second
    assert {e.tag for e in episodes} == {"first"}


def test_the_same_again_plays_nothing_and_goes_on_where_something_is_missing(url):
    command = ("benchmark", "offline", "--partner", PARTNER, *SMALL, "--store", url, "--json")
    ask(*command)
    before = {e.pk: e for e in kept(url, EpisodeLog)}
    again = ask(*command)
    assert again.stderr.count("played already, as run") == 2
    assert {e.pk: e for e in kept(url, EpisodeLog)} == before
    with storage_from_url(Registry.installed(), url).open() as store:
        lost = min(before)
        run = store.get(RunRecord, before[lost].run)
        store.delete(EpisodeLog, lost)
        store.put(run.model_copy(update={"status": "interrupted", "counts": {"scored": 1}}))
    resumed = ask(*command)
    assert resumed.stderr.count("going on with run") == 1
    after = {e.pk: e for e in kept(url, EpisodeLog)}
    assert after.keys() == before.keys()
    assert after[lost].rewards == before[lost].rewards
    assert {pk: e for pk, e in after.items() if pk != lost} == {pk: e for pk, e in before.items() if pk != lost}


def test_a_file_of_combos_alone_is_played_with_the_stores_scenarios_and_characters(url, tmp_path):
    records = [scenario(), agent(MIA), agent(LEO)]
    with storage_from_url(Registry.installed(), url).open() as store:
        store.put_many(records)
    path = tmp_path / "combos.jsonl"
    path.write_text(combo().model_dump_json() + "\n", encoding="utf-8")
    command = ("benchmark", "offline", "--partner", PARTNER, "--judge", "offline", "--combos", path, "--store", url)
    document = json.loads(ask(*command, "--dry-run", "--json").stdout)
    assert [run["combos"] for run in document["runs"]] == [1, 1]
    with storage_from_url(Registry.installed(), url).open() as store:
        store.delete(AgentProfile, "AGENT-Leo")
    with pytest.raises(InputError, match=f"combo COMBO-1 names the agent AGENT-Leo, which is not in {path}"):
        ask(*command, "--dry-run")


def test_what_changed_since_is_not_gone_on_with(url):
    command = ("benchmark", "offline", "--partner", "offline", *SMALL, "--store", url)
    ask(*command)
    with storage_from_url(Registry.installed(), url).open() as store:
        (run,) = store.iterate(RunRecord)
        store.put(run.model_copy(update={"counts": {}, "versions": {**run.versions, "sotopia-core": "0.0.1"}}))
    told = rf"since the run {run.pk} was played, sotopia-core 0.0.1 became .*; sotopia resume {run.pk} --accept-changes"
    with pytest.raises(InputError, match=told):
        ask(*command)


def test_a_dry_run_keeps_nothing_and_estimates_from_earlier_episodes_or_from_what_the_stand_in_plays(url):
    command = ("benchmark", "offline", "--partner", "offline", *SMALL, "--store", url)
    assert "as some played by the stand-in take" in ask(*command, "--dry-run").stdout
    silent = ("benchmark", '{use = "ScriptedAgent"}', "--partner", "offline", *SMALL, "--store", url)
    assert "no earlier episode with these models tells what they will take" in ask(*silent, "--dry-run").stdout
    assert not (storage := storage_from_url(Registry.installed(), url)).exists(), storage
    ask(*command, "--tag", "pilot")
    document = json.loads(ask(*command, "--trials", "5", "--dry-run", "--json").stdout)
    assert (document["episodes"], document["estimated_from"]) == (10, 2)
    calls = sum(usage.calls for e in kept(url, EpisodeLog) for usage in e.usage.values())
    assert document["usage"]["calls"] == 5 * calls
    assert "nothing is left to play" in ask(*command, "--tag", "pilot", "--dry-run").stdout


def test_published_figures_are_marked_as_not_comparable(url, tmp_path):
    path = tmp_path / "figures.toml"
    path.write_text('[[figures]]\nmodel = "x"\ndimension = "goal"\nmean = 7.0\nsetting = "?"\nsource = "A paper"\n')
    command = ("benchmark", "offline", "--partner", "offline", *SMALL, "--store", url)
    done = ask(*command, "--published-file", path)
    assert "A paper" in done.stdout
    assert "published figures are not directly comparable" in done.stderr
    assert "arXiv:2403.08715" in ask(*command, "--published").stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("offline",), InputError, "nobody is asked to judge; name a judge with --judge, or a run file that has one"),
        (("{use = Parrot}",), ConfigError, "{use = Parrot}: is no TOML table: "),
        (("{model = 'x'}",), ConfigError, "{model = 'x'}: names no agent; write {use = \"LLMAgent\", ...}"),
        (("offlin", "--judge", "offline"), ConfigError, "--set agents: agents[0].model: model 'offlin' is neither in"),
        (
            ("offline", "--judge", "offline", "--pack", "startr"),
            ConfigError,
            "no pack is called 'startr'; did you mean",
        ),
        (("offline", "--judge", "offline", "--pack", "starter"), InputError, "the starter pack has no stored combos"),
    ],
)
def test_bad_input_is_one_line(url, arguments, error, message):
    target, *options = arguments
    with pytest.raises(error) as caught:
        ask("benchmark", target, "--partner", "offline", *options, "--store", url)
    assert str(caught.value).startswith(message)


def test_another_benchmark_does_not_go_by_the_same_tag(url):
    command = ("benchmark", "offline", "--partner", "offline", *SMALL, "--store", url, "--tag", "mine")
    ask(*command)
    with pytest.raises(
        InputError, match=r"under the tag 'mine' something else was played \(run .*\); choose another with --tag"
    ):
        ask(*command, "--trials", "2")
