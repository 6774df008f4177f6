"""``sotopia diff``: what two runs differ in before their scores are compared."""

import json

import pytest

from tests.cli.command import EXAMPLES, sotopia


@pytest.fixture
def two(tmp_path):
    quickstart = EXAMPLES / "quickstart.toml"
    sotopia("run", quickstart, "--set", "run.name=one", "--set", "run.tag=a", cwd=tmp_path)
    options = ["--set", "run.name=two", "--set", "run.seed=9", "--set", "run.trials=2"]
    sotopia("run", quickstart, *options, "--set", "agents.0.temperature=0.1", cwd=tmp_path)
    return tmp_path


def test_the_run_files_are_compared_before_the_scores(two):
    done = sotopia("diff", "one", "two", cwd=two)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("agents.0.temperature") < done.stdout.index("overall score")
    told = json.loads(sotopia("diff", "one", "two", "--json", cwd=two).stdout)
    found = {one["where"]: one["values"] for one in told["differences"]}
    assert found.keys() == {"run.seed", "run.trials", "agents.0.temperature"}  # neither name nor tag
    assert found["agents.0.temperature"][1] == "0.1"
    overall = [one for one in told["scores"] if one["dimension"] == "overall_score"]
    assert [[run["n"] for run in one["runs"]] for one in overall] == [[2, 4]]


def test_a_run_is_the_same_as_itself(two):
    done = sotopia("diff", "one", "one", cwd=two)
    assert done.stdout.startswith("the two runs were played with the same\n")
    assert "+0.00" in done.stdout


def test_a_run_that_is_not_there_is_named(two):
    done = sotopia("diff", "one", "tow", cwd=two)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no run has the pk or the name 'tow'; did you mean 'two'?" in done.stderr
