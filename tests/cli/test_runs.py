"""``sotopia runs``: how far runs are, and how to have one end."""

import json
import signal
import subprocess

import pytest

from tests.cli.command import COMMAND, environment, sotopia
from tests.cli.long_runs import begin, count, until


@pytest.fixture
def playing(tmp_path):
    """A folder in which a run is being played, and its process."""
    run = begin(tmp_path, trials=100_000)
    try:
        until(lambda: "running" in sotopia("runs", "list", cwd=tmp_path).stdout)
        until(lambda: count(tmp_path, "journal") > 20)
        yield tmp_path, run
    finally:
        run.kill()
        run.communicate()


def runs(folder, *options):
    return json.loads(sotopia("runs", *options, "--json", cwd=folder).stdout)


def test_a_run_that_died_is_told_from_one_that_runs(killed):
    (listed,) = runs(killed, "list")
    assert (listed["state"], listed["planned"]) == ("died", 60)
    assert listed["missing"] == 60 - sum(listed["episodes"].values())
    shown = sotopia("runs", "show", "long", cwd=killed).stdout
    assert "state     died" in shown
    assert f"; sotopia resume {listed['run']} goes on" in shown
    sotopia("resume", "long", cwd=killed)
    assert runs(killed, "show", "long")["state"] == "finished"
    assert runs(killed, "show", "long")["usage"]["agents"]["calls"] > 0
    assert "incomplete" not in sotopia("runs", "show", "long", cwd=killed).stdout


def test_a_run_is_cancelled_from_another_process_and_can_be_resumed(playing):
    folder, run = playing
    assert runs(folder, "show", "long")["state"] == "running"
    done = sotopia("runs", "cancel", "long", cwd=folder)
    assert done.returncode == 0
    assert " is cancelled; sotopia resume " in done.stdout
    _, errors = run.communicate(timeout=10)
    assert run.returncode == 130
    assert errors.decode().splitlines()[-1].startswith("note: cancelled: ")
    assert runs(folder, "list")[0]["state"] == "cancelled"
    again = subprocess.Popen([*COMMAND, "resume", "long"], cwd=folder, env=environment(), stderr=subprocess.DEVNULL)
    try:
        until(lambda: runs(folder, "list")[0]["state"] == "running")
        again.send_signal(signal.SIGINT)
        assert again.wait(10) == 130
    finally:
        again.kill()
        again.wait()
    assert runs(folder, "list")[0]["state"] == "interrupted"


def test_cancelling_a_run_that_nobody_plays_marks_it(killed):
    assert runs(killed, "cancel", "long")["state"] == "cancelled"
    assert "was over before: cancelled" in sotopia("runs", "cancel", "long", cwd=killed).stdout


def test_pruning_drops_the_journals_of_complete_episodes_alone(killed):
    with_journal = count(killed, "journal")
    dropped = runs(killed, "prune", "long")["entries"]
    assert count(killed, "journal") == with_journal - dropped > 0
    sotopia("resume", "long", cwd=killed)
    assert "journal entries dropped" in sotopia("runs", "prune", "long", "--all", cwd=killed).stdout
    assert count(killed, "journal") == 0
    assert runs(killed, "show", "long")["episodes"]["scored"] == 60
