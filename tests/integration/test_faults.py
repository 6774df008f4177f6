"""Runs over a server that misbehaves in every way: each episode ends for a reason, and the sums agree."""

import json
import os
import signal
import subprocess
import time
from importlib.util import find_spec

import pytest

from benchmarks.faults import RUN, play
from benchmarks.startup import script
from sotopia_core.database.locate import storage_from_url
from sotopia_core.episodes import EpisodeLog
from sotopia_core.registry import Registry
from sotopia_testing.chat_server import ChatServer, Reply
from tests.cli.command import sotopia

needs_litellm = pytest.mark.skipif(find_spec("litellm") is None, reason="the extra litellm is missing")


@pytest.mark.parametrize(
    ("provider", "episodes", "share"),
    [
        pytest.param("OpenAICompatible", 100, 0.1, id="a tenth of all answers"),
        pytest.param("OpenAICompatible", 30, 0.6, id="most answers"),
        pytest.param("LiteLLM", 20, 0.2, id="through litellm", marks=needs_litellm),
    ],
)
def test_every_episode_ends_scored_or_with_a_reason(tmp_path, provider, episodes, share):
    ending = play(tmp_path, episodes, provider=provider, share=share, timeout=120)
    assert ending.wrong == []
    assert sum(ending.statuses.values()) == episodes
    assert ending.status == (0 if ending.statuses["scored"] == episodes else 3)
    assert sum(ending.misbehaved.values()) > 0


def config(tmp_path, server, **options):
    given = {"trials": 1, "concurrency": 20, "turns": 4, "on_invalid_action": "fail", "use": "OpenAICompatible"}
    given |= {"model": "scripted", "address": "base_url", "url": server.url} | options
    (tmp_path / "run.toml").write_text(RUN.format(**given), encoding="utf-8")


def kept(tmp_path):
    with storage_from_url(Registry.installed(), f"sqlite:///{tmp_path / 'sotopia.db'}").open() as store:
        return store.find(EpisodeLog)


def test_a_reply_that_cannot_be_used_counts_as_doing_nothing_where_the_run_file_says_so(tmp_path):
    with ChatServer(["I pass."] * 3) as server:
        config(tmp_path, server, on_invalid_action="none")
        done = sotopia("run", "run.toml", "--json", cwd=tmp_path, env={"PLANTED_KEY": "planted-0815"})
    assert done.returncode == 0, done.stderr
    (episode,) = kept(tmp_path)
    first, *later = episode.turns
    (name,) = first.stood_in
    assert first.actions[name].action_type == "none"
    assert first.stood_in[name].startswith("scripted: the reply is no ActionReply: it holds no JSON objects")
    assert not any(turn.stood_in for turn in later)
    assert episode.usage[name].calls == 3 + 1


def test_without_a_word_in_the_run_file_it_ends_the_episode(tmp_path):
    with ChatServer(["I pass."] * 3) as server:
        config(tmp_path, server)
        done = sotopia("run", "run.toml", "--json", cwd=tmp_path, env={"PLANTED_KEY": "planted-0815"})
    assert done.returncode == 3
    (episode,) = kept(tmp_path)
    assert episode.cause is not None
    assert episode.cause.startswith("scripted: the reply is no ActionReply")
    assert [usage.calls for usage in episode.usage.values()] == [3]


def test_a_server_out_of_reach_is_no_unusable_reply(tmp_path):
    with ChatServer([Reply(fault="500")] * 9) as server:
        config(tmp_path, server, on_invalid_action="none")
        done = sotopia(
            "run", "run.toml", "--json", "--set", "models.local.attempts=2", cwd=tmp_path, env={"PLANTED_KEY": "p-0815"}
        )
    assert done.returncode == 3
    (episode,) = kept(tmp_path)
    assert episode.cause is not None
    assert "failed (500)" in episode.cause


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_run_over_a_hanging_server(tmp_path, times):
    with ChatServer(faults={"hang": 1.0}) as server:
        config(tmp_path, server, trials=50)
        with (tmp_path / "out.txt").open("w") as out:
            run = subprocess.Popen(
                [script(), "run", "run.toml"],
                cwd=tmp_path,
                env=os.environ | {"PLANTED_KEY": "planted-0815"},
                stdout=out,
                stderr=out,
            )
            try:
                deadline = time.monotonic() + 20
                while server.count() < 20 and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert server.count() >= 20
                began = time.monotonic()
                for _ in range(times):
                    run.send_signal(signal.SIGINT)
                run.wait(10)
                took = time.monotonic() - began
            finally:
                run.kill()
    text = (tmp_path / "out.txt").read_text()
    assert took < (5 if times == 1 else 3), text
    assert run.returncode in (130, -signal.SIGINT), text
    assert "Traceback" not in text


PRICED = ("--set", "models.local.input_price=10.0", "--set", "models.local.output_price=30.0")


def test_money_and_tokens_are_known_by_model_and_by_what_for(tmp_path):
    with ChatServer(["I pass.", Reply(fault="500")]) as server:
        config(tmp_path, server)
        done = sotopia("run", "run.toml", "--json", *PRICED, cwd=tmp_path, env={"PLANTED_KEY": "planted-0815"})
    assert done.returncode == 0, done.stderr
    (episode,) = kept(tmp_path)
    (spent,) = episode.spending.values()
    assert {purpose: usage.calls for purpose, usage in spent.items()} == {
        "agent": 4,
        "re-ask": 1,
        "retry": 1,
        "judge": 1,
    }
    by_role, by_purpose = episode.usage.values(), [usage for what, usage in spent.items() if what != "retry"]
    for one in ("calls", "input_tokens", "output_tokens"):
        assert sum(getattr(usage, one) for usage in by_role) == sum(getattr(usage, one) for usage in by_purpose)
    for usage in by_purpose:
        assert usage.cost == pytest.approx((10 * usage.input_tokens + 30 * usage.output_tokens) / 1e6)
    told = json.loads(done.stdout)["spending"]["scripted"]
    assert told["judge"]["calls"] == 1
    assert told["judge"]["cost"] == pytest.approx(spent["judge"].cost)


def test_a_budget_stops_a_run_cleanly_and_going_on_with_it_finishes_it(tmp_path):
    with ChatServer() as server:
        config(tmp_path, server, trials=6, concurrency=2)
        with (tmp_path / "run.toml").open("a") as file:
            file.write("\n[budget]\nusd = 0.2\n")
        env = {"PLANTED_KEY": "planted-0815"}
        done = sotopia("run", "run.toml", "--json", *PRICED, cwd=tmp_path, env=env)
        told = json.loads(done.stdout)
        assert (done.returncode, told["status"]) == (3, "stopped")
        assert "stopped: the budget is spent: 0.2" in done.stderr
        asked = server.count()
        assert asked < 6 * 5
        for _ in range(9):
            done = sotopia("resume", told["run"], "--json", cwd=tmp_path, env=env)
            if done.returncode != 3:
                break
        assert done.returncode == 0, done.stderr
        # A reply that was under way when the budget was spent is asked for again; none that was kept is.
        assert server.count() <= 6 * 5 + 2 * 9
    assert [episode.status for episode in kept(tmp_path)] == ["scored"] * 6


def test_without_prices_a_budget_of_money_says_what_is_missing(tmp_path):
    with ChatServer() as server:
        config(tmp_path, server)
        with (tmp_path / "run.toml").open("a") as file:
            file.write("\n[budget]\nusd = 1.0\n")
        done = sotopia("run", "run.toml", cwd=tmp_path, env={"PLANTED_KEY": "planted-0815"})
        assert server.count() == 1
    assert done.returncode == 3
    assert "the price of scripted is unknown; give it input_price and output_price" in done.stderr


def test_a_key_that_the_server_repeats_stands_nowhere(tmp_path):
    key = "planted-and-repeated-0815"
    echo = Reply(status=500, text=f"no luck with Bearer {key} or {key}")
    with ChatServer([echo] * 20) as server:
        config(tmp_path, server)
        env, once = {"PLANTED_KEY": key}, ("--set", "models.local.attempts=1")
        said = sotopia("--log-level", "debug", "--log-file", "log.txt", "run", "run.toml", *once, cwd=tmp_path, env=env)
        assert server.requests()[0].headers["authorization"] == f"Bearer {key}"
    (episode,) = kept(tmp_path)
    shown = sotopia("show", episode.pk, "--json", cwd=tmp_path, env=env)
    exported = sotopia("export", "episodes", "episodes.jsonl", cwd=tmp_path, env=env)
    assert (said.returncode, shown.returncode, exported.returncode) == (3, 0, 0), exported.stderr
    assert "no luck with" in str(episode.cause)
    for done in (said, shown, exported):
        assert key not in done.stdout + done.stderr
    for path in tmp_path.iterdir():
        assert key.encode() not in path.read_bytes(), path
