"""``sotopia config``: a run file's facts or its one error, and the schema."""

import json

import pytest

from sotopia_core.errors import ConfigError, InputError, UnknownComponentError
from sotopia_core.registry import Registry
from sotopia_core.schema import run_file_schema
from tests.cli.kept import ask

OFFLINE = """
[run]
trials = 3
[[agents]]
use = "LLMAgent"
model = "offline"
[[agents]]
use = "LLMAgent"
model = "offline"
[pool]
packs = ["starter"]
[sampler]
use = "UniformSampler"
size = 20
[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "offline"
"""


@pytest.fixture
def run_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOTOPIA_STORAGE", raising=False)
    monkeypatch.delenv("REDIS_OM_URL", raising=False)
    (tmp_path / "a.toml").write_text(OFFLINE, encoding="utf-8")
    return "a.toml"


def facts(*arguments):
    """The valid line, and the facts by label."""
    first, *lines = ask("config", "check", *arguments).stdout.splitlines()
    told, label = {}, ""
    for line in lines:
        label = line[2:13].strip() or label
        told.setdefault(label, []).append(line[13:])
    return first, told


def test_a_valid_file_is_told_fact_by_fact(run_file):
    first, told = facts(run_file)
    assert first == "a.toml: valid"
    assert told["seats"] == ["LLMAgent (model = 'offline')"] * 2
    assert told["models"] == ["offline: Offline, which is no language model"]
    assert told["ordering"] == ["RoundRobin"]
    assert told["sampler"] == ["UniformSampler (size = 20)"]
    assert told["judged by"] == ["ReachGoalLLMEvaluator[SotopiaDimensions] (model = 'offline')"]
    assert told["episodes"] == ["3 trials of each combo, kept in sqlite:///sotopia.db"]
    assert told["pool"][0].startswith("the starter pack: ")


def test_checking_makes_no_store(run_file, tmp_path):
    facts(run_file)
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


def test_later_files_and_overrides_are_told_as_they_will_be_played(run_file, tmp_path):
    (tmp_path / "b.toml").write_text('agents = [{ use = "LLMAgent", model = "offline" }]', encoding="utf-8")
    first, told = facts(run_file, "b.toml", "--set", "run.save=false", "--set", "terminal_evaluators=[]")
    assert first == "a.toml + b.toml: valid"
    assert told["seats"] == ["LLMAgent (model = 'offline') in every seat"]
    assert told["judged by"] == ["nobody; episodes stay unjudged"]
    assert told["episodes"] == ["3 trials of each combo, kept nowhere (run.save = false)"]


def test_the_store_is_the_run_files_or_the_environments(run_file, monkeypatch):
    monkeypatch.setenv("SOTOPIA_STORAGE", "sqlite:///elsewhere.db")
    assert facts(run_file)[1]["episodes"] == ["3 trials of each combo, kept in sqlite:///elsewhere.db"]
    stored = facts(run_file, "--set", 'storage={use="SQLite",path="mine.db"}')[1]
    assert stored["episodes"] == ["3 trials of each combo, kept in sqlite:///mine.db"]


def test_without_files_and_packs_the_pool_is_the_store(run_file):
    assert facts(run_file, "--set", "pool.packs=[]")[1]["pool"] == [
        "what the store holds, or the starter pack where it holds no scenario"
    ]


@pytest.mark.parametrize(
    ("override", "kind", "message"),
    [
        ("run.trails=3", ConfigError, "unknown key 'trails'; did you mean 'trials'?"),
        ("agents.0.modle=offline", ConfigError, "did you mean 'model'?"),
        ("sampler.use=UniformSamplr", UnknownComponentError, "did you mean 'UniformSampler'?"),
        ("agents.1.model=ofline", ConfigError, "did you mean 'offline'?"),
        ("pool.packs=['startr']", ConfigError, "no pack is called 'startr'; did you mean 'starter'?"),
        ("pool.files=['absent/*.jsonl']", InputError, "absent"),
        ("plugins.disable=['sotopia_agents']", UnknownComponentError, "sotopia_agents"),
    ],
)
def test_an_invalid_file_is_one_error(run_file, override, kind, message):
    with pytest.raises(kind) as caught:
        ask("config", "check", run_file, "--set", override)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_schema_is_printed_as_json():
    assert json.loads(ask("config", "schema").stdout) == run_file_schema(Registry.installed())
