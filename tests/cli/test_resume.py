"""``sotopia resume``: what it goes on with, what it refuses, and what it says."""

import json
import subprocess
import time

from tests.cli.command import COMMAND, environment, sotopia
from tests.cli.long_runs import RUN, begin, count, has_tables, until


def test_a_killed_run_goes_on_at_once_and_ends_as_if_it_had_not_been_killed(killed):
    (killed / "run.toml").unlink()
    begun = time.monotonic()
    done = sotopia("resume", "long", "--json", cwd=killed)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - begun < 12  # not before a lease that a dead process holds would have expired
    told = json.loads(done.stdout)
    assert told["episodes"] == {"scored": 60, "unscored": 0, "unjudged": 0, "failed": 0}
    assert len(set(told["pks"])) == 60
    episodes = json.loads(sotopia("list", "episodes", "--json", cwd=killed).stdout)
    assert sorted(one["trial"] for one in episodes) == list(range(60))
    (run,) = json.loads(sotopia("list", "runs", "--json", cwd=killed).stdout)
    assert (run["status"], run["counts"], run["pk"]) == ("finished", {"scored": 60}, told["run"])
    assert run["usage"]["agents"]["calls"] == sum(
        usage["calls"] for one in episodes for role, usage in one["usage"].items() if role in one["agent_names"]
    )


def test_resuming_what_is_complete_plays_nothing(killed):
    first = json.loads(sotopia("resume", "long", "--json", cwd=killed).stdout)
    entries = count(killed, "journal")
    again = sotopia("resume", first["run"], cwd=killed)
    assert again.returncode == 0
    assert "60 scored" in again.stdout
    assert count(killed, "journal") == entries


def test_what_cannot_be_resumed_is_said_in_one_line(tmp_path):
    done = sotopia("resume", "long", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there is no store at sqlite:///sotopia.db" in done.stderr
    (tmp_path / "run.toml").write_text(RUN.format(trials=1), encoding="utf-8")
    assert sotopia("run", "run.toml", cwd=tmp_path).returncode == 0
    done = sotopia("resume", "lung", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "sotopia: error: no run has the pk or the name 'lung'; did you mean 'long'?; sotopia runs list shows all\n"
    )
    done = sotopia("resume", "long", "--only", "unscore", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "sotopia: error: --only unscore: nothing is called so; did you mean 'unscored'?\n"


def test_a_run_that_is_being_played_is_not_played_twice(tmp_path):
    run = begin(tmp_path, trials=100_000)
    try:
        until(lambda: (tmp_path / "sotopia.db").exists() and has_tables(tmp_path) and count(tmp_path, "journal") > 20)
        done = sotopia("resume", "long", cwd=tmp_path)
        assert done.returncode == 2
        assert f"process {run.pid} on " in done.stderr
        assert " plays the run " in done.stderr
        assert run.poll() is None
    finally:
        run.kill()
        run.communicate()


def test_an_episode_that_was_broken_off_replays_to_the_same(killed):
    told = json.loads(sotopia("resume", "long", "--json", cwd=killed).stdout)
    done = sotopia("replay", told["pks"][0], cwd=killed)
    assert done.returncode == 0
    assert done.stdout.startswith(f"episode {told['pks'][0]}: the same ")
    replayed = json.loads(sotopia("replay", told["pks"][0], "--json", cwd=killed).stdout)
    assert (replayed["faithful"], replayed["departures"]) == (True, [])
    sotopia("runs", "prune", "long", cwd=killed)
    done = sotopia("replay", told["pks"][0], cwd=killed)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "has no journal any more; it was pruned" in done.stderr


def test_of_two_processes_that_resume_one_run_at_once_one_plays_it(killed):
    both = [
        subprocess.Popen(
            [*COMMAND, "resume", "long"],
            cwd=killed,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    try:
        told = [process.communicate(timeout=60)[1].decode() for process in both]
    finally:
        for process in both:
            process.kill()
            process.wait()
    statuses = [process.returncode for process in both]
    assert sorted(statuses) in ([0, 2], [0, 0])  # the second may come when the first is through
    if 2 in statuses:
        assert " plays the run " in told[statuses.index(2)]
    episodes = json.loads(sotopia("list", "episodes", "--json", cwd=killed).stdout)
    assert sorted(one["trial"] for one in episodes) == list(range(60))
    (run,) = json.loads(sotopia("runs", "list", "--json", cwd=killed).stdout)
    assert (run["state"], run["episodes"]["scored"]) == ("finished", 60)
