"""``sotopia run --events``: what happens, a line each; and a log that cannot be written harms nobody."""

import json
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, sotopia


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    done = sotopia("run", EXAMPLES / "quickstart.toml", "--events", "events.jsonl", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return folder, json.loads(done.stdout), [json.loads(line) for line in lines]


def test_every_event_is_a_line_with_its_run_and_time(played):
    _, told, events = played
    names = [event["event"] for event in events]
    assert (names[0], names[1], names[-2], names[-1]) == (
        "run_started", "episode_started", "episode_finished", "run_finished",
    )  # fmt: skip
    assert {event["run"] for event in events} == {told["run"]}
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert {event["episode"] for event in events if "episode" in event} == set(told["pks"])


def test_it_holds_what_was_done_and_what_came_of_it(played):
    folder, told, events = played
    episode = json.loads(sotopia("show", told["pks"][0], "--json", cwd=folder).stdout)
    taken = [event for event in events if event["event"] == "turn_taken"]
    assert [event["actions"] for event in taken] == [turn["actions"] for turn in episode["turns"]]
    asked = [event for event in events if event["event"] == "model_called"]
    assert sum(event["usage"]["calls"] for event in asked) == sum(one["calls"] for one in episode["usage"].values())
    assert events[-2]["overall"] == {name: reward["overall"] for name, reward in episode["outcome"].items()}


def test_no_prompt_and_no_secret_stands_in_it(played):
    folder, told, events = played
    episode = json.loads(sotopia("show", told["pks"][0], "--json", cwd=folder).stdout)
    text = json.dumps(events, ensure_ascii=False)
    for observation in episode["turns"][0]["observations"].values():
        own = next(p for p in observation["background"]["participants"] if p["name"] == observation["agent"])
        assert own["profile"]["secret"]
        assert own["profile"]["secret"] not in text


def test_a_second_run_is_appended(played):
    folder, _, events = played
    sotopia("run", EXAMPLES / "quickstart.toml", "--events", "events.jsonl", cwd=folder)
    assert len((folder / "events.jsonl").read_text(encoding="utf-8").splitlines()) == 2 * len(events)


def test_a_file_that_cannot_be_opened_is_said_before_anything_is_played(tmp_path):
    done = sotopia("run", EXAMPLES / "quickstart.toml", "--events", "no/such/folder.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert "--events no/such/folder.jsonl: cannot be written: No such file or directory" in done.stderr
    assert "said:" not in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(("flags", "status"), [((), 0), (("--strict-plugins",), 1)], ids=["lenient", "strict"])
def test_a_hook_that_raises_does_not_harm_the_run_and_is_said_once(tmp_path, flags, status):
    done = sotopia("run", EXAMPLES / "quickstart.toml", *flags, "--events", "/dev/full", cwd=tmp_path)
    assert done.returncode == status
    assert "1 scored" in done.stdout
    assert done.stderr.count("plugin events (this process) failed in sotopia_turn_taken: OSError") == 1
