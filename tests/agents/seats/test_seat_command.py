"""``sotopia seat``: real terminals, real Redis, whole runs."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sotopia_testing.redis_server import RedisServer
from tests.agents.seats.terminals import SOTOPIA, Terminal
from tests.redis_servers import StartRedis

PEOPLE = """
[run]
name = "people"
concurrency = 1

[[agents]]
use = "RedisAgent"

[[agents]]
{second}

[pool]
files = ["market.jsonl"]

[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = {turns}
"""
MARKET = [
    {
        "pk": "market",
        "codename": "market",
        "scenario": "They meet at a market.",
        "agent_goals": ["Sell the bike.", "Buy the bike."],
    },
    {"pk": "mia", "first_name": "Mia", "last_name": "Davis", "secret": "The bike is stolen."},
    {"pk": "leo", "first_name": "Leo", "last_name": "Park", "secret": "Leo has no money."},
]
ASKED = "Your action:"

Open = Callable[..., Terminal]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Open]:
    """Opens terminals with a command and a broker, and closes them in the end."""
    terminals: list[Terminal] = []

    def open_terminal(*command: str, url: str) -> Terminal:
        terminals.append(Terminal(SOTOPIA, *command, folder=tmp_path, SOTOPIA_BROKER=url))
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        terminal.close()


def lay(folder: Path, turns: int, second: str = 'use = "RedisAgent"') -> None:
    lines = [json.dumps(record) for record in MARKET]
    (folder / "market.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "run.toml").write_text(PEOPLE.format(turns=turns, second=second), encoding="utf-8")


def say(terminal: Terminal, words: str) -> None:
    terminal.wait_for(ASKED)
    terminal.wait_for("> ")
    terminal.type("speak\n")
    terminal.wait_for("What do you say?")
    terminal.wait_for("> ")
    terminal.type(f"{words}\n")


def run_of(terminal: Terminal) -> str:
    terminal.wait_for("in another terminal: sotopia seat ")
    return terminal.wait_for("\n").strip()


def episode_of(folder: Path) -> dict[str, object]:
    done = subprocess.run(
        [SOTOPIA, "list", "episodes", "--json"], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    (episode,) = json.loads(done.stdout)
    return dict(episode)


def said(episode: dict[str, object]) -> list[str]:
    turns = episode["turns"]
    assert isinstance(turns, list)
    return [action["argument"] for turn in turns for action in turn["actions"].values()]


def test_two_people_in_two_terminals_play_each_other(tmp_path, table, plain_redis: RedisServer):
    lay(tmp_path, turns=4)
    url = plain_redis.url
    playing = table("run", "run.toml", url=url)
    run = run_of(playing)
    mia = table("seat", run, "--agent", "Mia Davis", url=url)
    leo = table("seat", run, "--agent", "Leo Park", url=url)
    shown = mia.wait_for("your turn to act")
    assert "The bike is stolen." in shown
    assert "Sell the bike." in shown
    assert "Buy the bike." not in shown
    say(mia, "I <3 this bike, {goal} [bold]!")
    shown = leo.wait_for("your turn to act")
    assert "Leo has no money." in shown
    assert 'Mia Davis said: "I <3 this bike, {goal} [bold]!"' in shown
    say(leo, "How much?")
    assert 'Leo Park said: "How much?"' in mia.wait_for("your turn to act")
    say(mia, "Ten.")
    say(leo, "Deal.")
    for terminal in (mia, leo):
        terminal.wait_for("The conversation is over")
    assert playing.end() == 0
    for terminal in (mia, leo):
        assert terminal.end() == 0
        assert "No further seat of this run is open to you." in terminal.seen
    assert said(episode_of(tmp_path)) == ["I <3 this bike, {goal} [bold]!", "How much?", "Ten.", "Deal."]
    assert "stolen" not in leo.seen
    assert "no money" not in mia.seen


def test_a_person_plays_a_model(tmp_path, table, redis_stack: RedisServer):
    lay(tmp_path, turns=4, second='use = "LLMAgent"\nmodel = "offline"')
    playing = table("run", "run.toml", url=redis_stack.url)
    person = table("seat", url=redis_stack.url)
    say(person, "Hello!")
    assert "Leo Park" in person.wait_for("your turn to act")
    say(person, "Bye.")
    assert playing.end() == 0
    assert person.end() == 0
    assert episode_of(tmp_path)["agent_classes"] == ["RedisAgent", "LLMAgent"]


def test_a_person_who_goes_and_comes_back_finds_the_history_and_the_open_question(tmp_path, table, plain_redis):
    lay(tmp_path, turns=4, second='use = "LLMAgent"\nmodel = "offline"')
    playing = table("run", "run.toml", url=plain_redis.url)
    first = table("seat", url=plain_redis.url)
    say(first, "Hello!")
    first.wait_for("your turn to act")
    first.wait_for("> ")
    first.type("\x03")  # Ctrl-C
    assert first.end() == 130
    assert "You have gone, and the seat of Mia Davis stays. Come back with: sotopia seat " in first.seen
    second = table("seat", url=plain_redis.url)
    shown = second.wait_for("your turn to act")
    assert "The bike is stolen." in shown
    assert 'Mia Davis said: "Hello!"' in shown
    second.wait_for("> ")
    second.type("\x04")  # Ctrl-D
    assert second.end() == 3
    third = table("seat", url=plain_redis.url)
    say(third, "Bye.")
    assert playing.end() == 0
    assert third.end() == 0
    assert said(episode_of(tmp_path))[::2] == ["Hello!", "Bye."]


def test_a_run_killed_during_a_persons_turn_is_resumed_and_nobody_is_asked_twice(tmp_path, table, plain_redis):
    lay(tmp_path, turns=4)
    url = plain_redis.url
    playing = table("run", "run.toml", url=url)
    run = run_of(playing)
    mia, leo = (table("seat", run, "--agent", name, url=url) for name in ("Mia Davis", "Leo Park"))
    say(mia, "One.")
    leo.wait_for(ASKED)
    playing.kill()
    leo.type("speak\nTwo, while nobody played.\n")
    leo.wait_for("What do you say?")
    time.sleep(0.5)
    resumed = table("resume", run, url=url)
    say(mia, "Three.")
    say(leo, "Four.")
    assert resumed.end() == 0
    assert (mia.end(), leo.end()) == (0, 0)
    assert said(episode_of(tmp_path)) == ["One.", "Two, while nobody played.", "Three.", "Four."]
    assert (mia.seen.count(ASKED), leo.seen.count(ASKED)) == (2, 2)
    replayed = table("replay", str(episode_of(tmp_path)["pk"]), url="redis://127.0.0.1:1")  # nobody is sought for it
    assert replayed.end() == 0, replayed.seen


def test_a_person_is_told_when_the_time_is_over_and_is_asked_again_at_the_next_turn(tmp_path, table, plain_redis):
    lay(tmp_path, turns=4, second='use = "LLMAgent"\nmodel = "offline"')
    url = plain_redis.url
    options = ("--set", "agents.0.timeout=1.0", "--set", "agents.0.on_timeout='none'")
    person = table("seat", url=url)
    person.wait_for("Waiting for a free seat at redis://")
    playing = table("run", "run.toml", *options, url=url)
    person.wait_for("Your time for turn 0 is over: Mia Davis does nothing.")
    person.wait_for("it is turn 2 and your turn to act")
    person.wait_for("Your time for turn 2 is over: Mia Davis does nothing.")
    person.wait_for("The conversation is over")
    assert playing.end() == 0
    assert said(episode_of(tmp_path))[::2] == ["", ""]


def test_open_seats_are_listed_for_people_and_for_scripts(tmp_path, table, plain_redis):
    lay(tmp_path, turns=2)
    playing = table("run", "run.toml", url=plain_redis.url)
    run = run_of(playing)
    deadline = time.monotonic() + 30
    while not (seats := listed(tmp_path, plain_redis.url)) or len(seats) < 2:
        assert time.monotonic() < deadline
    assert [(seat["run"], seat["agent"], seat["holder"], seat["played"]) for seat in seats] == [
        (run, "Mia Davis", None, True),
        (run, "Leo Park", None, True),
    ]
    table_text = command(tmp_path, plain_redis.url, "seat", "--list").stdout
    assert re.search(rf"{run} +\w{{26}} +0 +Mia Davis +free", table_text)
    wrong = command(tmp_path, plain_redis.url, "seat", run, "--agent", "Mia Davies", "--wait", "0")
    assert wrong.returncode == 2
    assert (
        f"sotopia: error: no seat of run {run} for 'Mia Davies' is open; did you mean 'Mia Davis'?; "
        f"there are Mia Davis in run {run}, Leo Park in run {run}\n" == wrong.stderr
    )


def command(folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SOTOPIA, *words, "--broker", url], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def listed(folder: Path, url: str) -> list[dict[str, object]]:
    done = command(folder, url, "seat", "--list", "--json")
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_a_wrong_password_is_one_clear_line(tmp_path, start_redis: StartRedis):
    server = start_redis(modules=False, password="right")
    for url in (server.url.replace("right", "wrong"), f"redis://127.0.0.1:{server.port}"):
        done = command(tmp_path, url, "seat", "--wait", "20")
        assert done.returncode == 2
        assert f"the broker at {url.replace('wrong', '***')} refuses to let this user in" in done.stderr
        assert done.stderr.count("\n") == 1
    assert command(tmp_path, server.url, "seat", "--wait", "0").stderr.startswith("sotopia: error: no seat is open")


def test_what_is_no_broker_is_one_clear_line(tmp_path):
    done = command(tmp_path, "redis://127.0.0.1:1", "seat", "--wait", "0")
    assert done.returncode == 2
    assert done.stderr.startswith("sotopia: error: no broker answers at redis://127.0.0.1:1: ")
    assert done.stderr.count("\n") == 1
    done = command(tmp_path, "localhost:6379", "seat")
    assert "'localhost:6379' is no address of a broker; expected redis://HOST:PORT" in done.stderr
    done = command(tmp_path, "memory://", "seat", "--json")
    assert done.stderr == "sotopia: error: --json goes with --list; a seat is for a person\n"
