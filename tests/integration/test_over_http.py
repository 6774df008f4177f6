"""Agents and judge over real HTTP: what is sent, what is kept, and what becomes of faults."""

import json
from importlib.util import find_spec
from itertools import pairwise

import pytest

from tests.cli.command import sotopia

pytestmark = [
    pytest.mark.skipif(find_spec("litellm") is None, reason="the extra litellm is missing"),
    pytest.mark.xdist_group("litellm"),
]

RUN = """
[run]
tag = "http"
concurrency = 2

[models.local]
use = "LiteLLM"
model = "openai/scripted"
api_base = "{url}"
api_key_env = "LOCAL_KEY"
timeout = 10.0
attempts = 1

[[agents]]
use = "LLMAgent"
model = "local"
timeout = 60.0

[pool]
packs = ["starter"]
environments = ["cargo_bike_sale"]
agents = ["Lubna Al-Khatib", "Temwa Phiri"]

[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = {turns}

[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "local"
"""

KEY = "sk-planted-7f3a9c"
NASTY = 'I <3 you {goal} {{ x }} {% raw %} <p viewer="agent_1"> </root> &amp; did nothing \U0001f600 \u202e "quoted"'


def play(tmp_path, server, *options, turns=4):
    (tmp_path / "run.toml").write_text(RUN.format(url=server.url, turns=turns), encoding="utf-8")
    done = sotopia("run", "run.toml", "--json", *options, cwd=tmp_path, env={"LOCAL_KEY": KEY})
    told = json.loads(done.stdout) if done.stdout else None
    return done, told


def episode(tmp_path, told):
    return json.loads(sotopia("show", told["pks"][0], "--json", cwd=tmp_path).stdout)


def says(text, *to):
    return json.dumps({"action_type": "speak", "argument": text, "to": list(to)})


def test_an_episode_is_played_and_judged_over_http(tmp_path):
    from sotopia_testing.chat_server import ChatServer

    with ChatServer() as server:
        done, told = play(tmp_path, server)
        requests = [request.body for request in server.requests()]
    assert done.returncode == 0, done.stderr
    assert told["episodes"]["scored"] == 1
    assert len(requests) == 4 + 1
    kept = episode(tmp_path, told)
    assert kept["models"] == ["openai/scripted"] * 3
    assert kept["provenance"]["answered"]["Temwa Phiri"] == ["scripted"]
    assert sum(usage["calls"] for usage in kept["usage"].values()) == 5
    assert all(usage["input_tokens"] > 0 for usage in kept["usage"].values())
    judged = requests[-1]["response_format"]["json_schema"]["schema"]
    assert set(kept["agent_names"]) <= set(judged["properties"])


def test_each_request_begins_with_all_of_the_request_before(tmp_path):
    from sotopia_testing.chat_server import ChatServer

    with ChatServer([says("one"), says("two"), says("three"), says("four"), says("five"), says("six")]) as server:
        play(tmp_path, server, turns=6)
        requests = [request.body["messages"] for request in server.requests()]
    for seat in (0, 1):
        own = requests[seat:6:2]
        assert len(own) == 3
        for earlier, later in pairwise(own):
            assert later[: len(earlier)] == earlier
            assert later[len(earlier)]["role"] == "assistant"


def test_text_is_kept_exactly_from_mouth_to_partner_judge_log_and_page(tmp_path):
    from sotopia_testing.chat_server import ChatServer

    with ChatServer([says(NASTY)]) as server:
        _, told = play(tmp_path, server, turns=2)
        partner, judge = (request.body["messages"] for request in server.requests()[1:])
    assert NASTY in partner[-1]["content"]
    assert NASTY in judge[-1]["content"]
    kept = episode(tmp_path, told)
    assert kept["turns"][0]["actions"]["Temwa Phiri"]["argument"] == NASTY
    shown = sotopia("show", told["pks"][0], "--as", "Lubna Al-Khatib", cwd=tmp_path).stdout
    assert NASTY.replace("\u202e", "\\u202e") in shown


def test_what_is_private_stays_private_on_the_wire(tmp_path):
    from sotopia_testing.chat_server import ChatServer

    with ChatServer() as server:
        play(tmp_path, server)
        first, second = (json.dumps(r.body["messages"], ensure_ascii=False) for r in server.requests()[:2])
    assert "target price is $640" in first
    assert "failed the wiring theory exam" in first
    for own in ("target price is $500", "froze at the scene"):
        assert own in second
        assert own not in first
    for other in ("target price is $640", "failed the wiring theory exam"):
        assert other not in second


def test_prose_instead_of_an_action_fails_its_episode_with_the_reason(tmp_path):
    from sotopia_testing.chat_server import ChatServer

    with ChatServer(["I would rather not say."] * 3) as server:
        done, told = play(tmp_path, server, "--set", "run.trials=2", "--set", "run.concurrency=1")
    assert done.returncode == 3
    assert told["episodes"] == {"scored": 1, "unscored": 0, "unjudged": 0, "failed": 1}
    kept = episode(tmp_path, told)
    assert kept["status"] == "failed"
    assert kept["cause"]
    assert kept["rewards"] == [None, None]


def test_prose_instead_of_a_judgement_leaves_the_episode_unscored_with_the_raw_reply(tmp_path):
    from sotopia_testing.chat_server import ChatServer

    with ChatServer([says("a"), says("b"), *["Both did rather well, I think."] * 3]) as server:
        done, told = play(tmp_path, server, turns=2)
    assert done.returncode == 3
    kept = episode(tmp_path, told)
    assert kept["status"] == "unscored"
    assert kept["rewards"] == [None, None]
    judgement = kept["evaluations"][0]["judgements"]["Temwa Phiri"]
    assert judgement["kind"] == "unscored"
    assert judgement["raw"] == "Both did rather well, I think."


def test_a_refused_key_stops_the_run_with_one_line_and_the_key_appears_nowhere(tmp_path):
    from sotopia_testing.chat_server import ChatServer, Reply

    with ChatServer([Reply(status=401, text=f"Incorrect API key provided: {KEY}")] * 20) as server:
        (tmp_path / "run.toml").write_text(RUN.format(url=server.url, turns=4), encoding="utf-8")
        done = sotopia(
            "--log-level", "debug", "--log-file", "log.txt", "run", "run.toml", cwd=tmp_path, env={"LOCAL_KEY": KEY}
        )
    assert done.returncode == 2
    assert len([line for line in done.stderr.splitlines() if line.startswith("sotopia: error: ")]) == 1
    assert "LOCAL_KEY" in done.stderr
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in done.stdout + done.stderr
