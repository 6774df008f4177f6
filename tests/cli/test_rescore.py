"""``sotopia rescore``: whom it judges, what it prints, and where the scores go."""

import json

import pytest

from tests.cli.command import EXAMPLES, SHARED, sotopia


@pytest.fixture
def played(tmp_path):
    done = sotopia("run", EXAMPLES / "quickstart.toml", "--set", "run.tag=mine", "--json", cwd=tmp_path)
    return tmp_path, json.loads(done.stdout)


def test_scores_are_kept_beside_the_old_ones_and_shown(played):
    folder, told = played
    done = sotopia("rescore", "--tag", "mine", "--judge", "offline", "--dimensions", "GoalDimension", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "judged again: 1 scored; 1 call" in done.stdout
    again = json.loads(
        sotopia(
            "rescore", told["pks"][0], "--judge", "offline", "--dimensions", "GoalDimension", "--json", cwd=folder
        ).stdout
    )
    assert (again["scored"], again["left_alone"]) == (0, 1)
    shown = sotopia("show", told["pks"][0], cwd=folder).stdout
    assert "\nGoalDimension by offline, " in shown
    assert shown.index("believability") < shown.index("GoalDimension by")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--judge", "offline"], "say which episodes: their primary keys, or --tag, or --run"),
        (["--tag", "none", "--judge", "offline"], "no episode has the tag 'none'"),
        (["--tag", "mine"], "name who judges: --judge MODEL, or --config FILE with [[terminal_evaluators]]"),
        (["--tag", "mine", "--judge", "ofline"], "did you mean 'offline'?"),
        (["--tag", "mine", "--judge", "offline", "--dimensions", "GoalDimensions"], "did you mean 'GoalDimension'?"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(played, options, wrong):
    folder, _ = played
    done = sotopia("rescore", *options, cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert wrong in done.stderr


@pytest.mark.skipif(not SHARED.exists(), reason="shared data is absent")
def test_imported_logs_are_judged_again(tmp_path):
    sotopia("import", SHARED / "episodes" / "episode_logs.jsonl", cwd=tmp_path)
    episodes = json.loads(sotopia("list", "episodes", "--json", cwd=tmp_path).stdout)
    done = sotopia("rescore", *(one["pk"] for one in episodes), "--judge", "offline", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scored"] == len(episodes) > 0
