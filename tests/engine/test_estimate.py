"""What a run will take is reckoned before anything is sent, and what was taken is held against it."""

import json

import pytest

from sotopia_testing.chat_server import ChatServer
from tests.cli.command import sotopia

RUN = """
[run]
trials = 10
{run}

[models.agent]
use = "OpenAICompatible"
model = "talker"
base_url = "{url}"
input_price = 2.0
output_price = 8.0

[[agents]]
use = "LLMAgent"
model = "agent"

[[agents]]
{other}

[pool]
packs = ["starter"]
environments = ["cargo_bike_sale"]

[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = 4

[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "offline"
"""
TALKER = 'use = "LLMAgent"\nmodel = "agent"'


def run(tmp_path, url, *options, other=TALKER, section=""):
    (tmp_path / "run.toml").write_text(RUN.format(url=url, other=other, run=section), encoding="utf-8")
    done = sotopia("run", "run.toml", "--json", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_dry_run_sends_nothing_and_says_about_what_the_run_takes(tmp_path):
    with ChatServer() as server:
        reckoned = run(tmp_path, server.url, "--dry-run")["estimate"]
        assert server.count() == 0
        assert not (tmp_path / "sotopia.db").exists()
        taken = run(tmp_path, server.url)["spending"]
    assert reckoned["talker"]["agent"]["calls"] == taken["talker"]["agent"]["calls"] == 10 * 4
    assert reckoned["offline"]["judge"]["calls"] == 10
    assert reckoned["offline"]["judge"]["cost"] == 0.0
    about, really = reckoned["talker"]["agent"], taken["talker"]["agent"]
    assert about["input_tokens"] == pytest.approx(really["input_tokens"], rel=0.5)
    assert about["cost"] == pytest.approx((2 * about["input_tokens"] + 8 * about["output_tokens"]) / 1e6)


def test_nobody_is_asked_to_act_for_an_estimate(tmp_path):
    told = run(tmp_path, "http://127.0.0.1:9/v1", "--dry-run", other='use = "HumanAgent"')
    assert told["estimate"] is None


def test_a_budget_does_not_stop_an_estimate(tmp_path):
    told = run(tmp_path, "http://127.0.0.1:9/v1", "--dry-run", "--set", "budget.tokens=1")
    assert told["estimate"]["talker"]["agent"]["calls"] == 40
