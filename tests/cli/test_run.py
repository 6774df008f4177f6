"""``sotopia run``: what it plays, prints, keeps and exits with."""

import json
import signal
import subprocess
import time

import pytest

from tests.cli.command import COMMAND, EXAMPLES, ROOT, SHARED, environment, sotopia

OFFLINE = """
[[agents]]
use = "LLMAgent"
model = "offline"
[pool]
packs = ["starter"]
[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "offline"
"""


@pytest.fixture
def run_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(OFFLINE, encoding="utf-8")
    return path


def test_the_quickstart_plays_to_its_end_and_shows_the_scores(tmp_path):
    done = sotopia("run", EXAMPLES / "quickstart.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Temwa Phiri said:" in done.stdout
    assert "left the conversation" in done.stdout
    assert "believability" in done.stdout
    assert "1 scored" in done.stdout
    assert "sotopia show" in done.stdout
    assert "no language model" in done.stdout + done.stderr
    assert (tmp_path / "sotopia.db").exists()


def test_json_is_one_object_on_stdout(tmp_path, run_file):
    done = sotopia("run", run_file, "--set", "run.trials=2", "--set", "run.tag=mine", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["tag"] == "mine"
    assert told["episodes"] == {"scored": 2, "unscored": 0, "unjudged": 0, "failed": 0}
    assert len(set(told["pks"])) == 2
    for pk in told["pks"]:
        episode = json.loads(sotopia("show", pk, "--json", cwd=tmp_path).stdout)
        assert (episode["pk"], episode["run"], episode["status"]) == (pk, told["run"], "scored")
        assert episode["provenance"]["offline"] is True
        assert episode["models"] == ["offline"] * 3


def test_the_same_seed_plays_the_same_episode_in_another_process(tmp_path, run_file):
    def messages(seed):
        told = json.loads(sotopia("run", run_file, "--set", f"run.seed={seed}", "--json", cwd=tmp_path).stdout)
        return json.loads(sotopia("show", told["pks"][0], "--json", cwd=tmp_path).stdout)["messages"]

    assert messages(5) == messages(5)
    assert messages(5) != messages(6)


def test_a_dry_run_says_what_would_be_played_and_keeps_nothing(tmp_path, run_file):
    done = sotopia("run", run_file, "--set", "sampler.size=3", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "3 episodes: 3 combos from the starter pack" in done.stdout
    assert not (tmp_path / "sotopia.db").exists()


def test_relative_files_are_found_from_where_they_are_named(tmp_path, run_file):
    """In a run file, beside it; in an override, in the working directory."""
    (tmp_path / "sub").mkdir()
    records = [
        {"pk": "A", "first_name": "Ada"},
        {"pk": "B", "first_name": "Ben"},
        {"pk": "E", "codename": "talk", "scenario": "Two people talk.", "agent_goals": ["Listen.", "Speak."]},
    ]
    (tmp_path / "sub" / "pool.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    (tmp_path / "sub" / "pool.toml").write_text('[pool]\nfiles = ["pool.jsonl"]\npacks = []\n', encoding="utf-8")
    beside = sotopia("run", run_file, "sub/pool.toml", "--dry-run", cwd=tmp_path)
    assert "1 episode: 1 combo from pool.jsonl, 1 trial each" in beside.stdout, beside.stderr
    options = ("--set", 'pool.files=["sub/pool.jsonl"]', "--set", "pool.packs=[]")
    here = sotopia("run", "../run.toml", "--dry-run", *options, cwd=tmp_path / "sub")
    assert here.returncode == 2
    assert "sub/pool.jsonl" in here.stderr
    assert sotopia("run", "run.toml", "--dry-run", *options, cwd=tmp_path).returncode == 0


def test_save_false_plays_and_keeps_nothing(tmp_path, run_file):
    done = sotopia("run", run_file, "--set", "run.save=false", cwd=tmp_path)
    assert done.returncode == 0
    assert "1 scored" in done.stdout
    assert list(tmp_path.iterdir()) == [run_file]


def test_an_empty_store_plays_the_starter_pack_and_says_so(tmp_path, run_file):
    run_file.write_text(OFFLINE.replace("[pool]", "").replace('packs = ["starter"]', ""), encoding="utf-8")
    done = sotopia("run", run_file, cwd=tmp_path)
    assert done.returncode == 0
    assert "so the starter pack is played" in done.stderr


def test_the_exit_status_is_3_when_an_episode_failed_and_the_others_are_kept(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        """
[[agents]]
use = "ScriptedAgent"
actions = [{ action_type = "speak", argument = "psst", to = ["Nobody"] }]
[[agents]]
use = "LLMAgent"
model = "offline"
[pool]
packs = ["starter"]
[sampler]
use = "UniformSampler"
size = 2
""",
        encoding="utf-8",
    )
    done = sotopia("run", path, cwd=tmp_path)
    assert done.returncode == 3
    assert "2 failed" in done.stdout
    assert "addressed 'Nobody'" in done.stderr
    listed = json.loads(sotopia("list", "episodes", "--json", cwd=tmp_path).stdout)
    assert [episode["status"] for episode in listed] == ["failed"] * 2


def test_a_run_without_judges_is_unjudged_and_exits_with_0(tmp_path, run_file):
    done = sotopia("run", run_file, "--set", "terminal_evaluators=[]", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["episodes"]["unjudged"] == 1


def test_a_disabled_plugin_is_not_used(tmp_path, run_file):
    done = sotopia("run", run_file, "--set", 'plugins.disable=["sotopia_models"]', cwd=tmp_path)
    assert done.returncode == 2
    assert "plugin sotopia_models" in done.stderr
    assert "is disabled" in done.stderr


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.toml")))
def test_every_example_is_valid_or_says_what_it_lacks(tmp_path, example):
    done = sotopia("config", "check", EXAMPLES / example, cwd=tmp_path)
    if done.returncode == 2:
        reasons = ("OPENAI_API_KEY", "pip install 'sotopia-core[litellm]'", "agents.json")
        assert any(reason in done.stderr for reason in reasons), done.stderr
        assert len(done.stderr.splitlines()) == 1
    else:
        assert done.returncode == 0, done.stderr


def test_the_documented_python_api_plays_an_interaction(tmp_path):
    done = subprocess.run(
        [COMMAND[0], ROOT / "examples" / "minimalist_demo.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert " said: " in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is absent")
def test_the_published_hard_combos_are_all_played_and_scored(tmp_path):
    profiles = SHARED / "profiles"
    files = [profiles / "native" / "agents.json", profiles / "native" / "envs.json"]
    files.append(profiles / "benchmark_hard70_combos.json")
    chosen = json.dumps([str(path) for path in files])
    done = sotopia("run", EXAMPLES / "hard.toml", "--set", f"pool.files={chosen}", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["episodes"] == {"scored": 70, "unscored": 0, "unjudged": 0, "failed": 0}
    combos = json.loads(files[2].read_text(encoding="utf-8"))
    episodes = json.loads(sotopia("list", "episodes", "--json", cwd=tmp_path).stdout)
    played = {(episode["environment"], *episode["agents"]) for episode in episodes}
    assert played == {(combo["env_id"], *combo["agent_ids"]) for combo in combos}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_a_run_that_is_told_to_stop_ends_cleanly_and_keeps_what_was_finished(tmp_path, run_file, sent):
    run = subprocess.Popen(
        [*COMMAND, "run", run_file, "--set", "run.trials=100000"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        deadline = time.monotonic() + 60
        while _episodes(tmp_path) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        asked = time.monotonic()
        run.send_signal(sent)
        _, errors = run.communicate(timeout=30)
    finally:
        run.kill()
        run.wait()
    assert time.monotonic() - asked < 5
    assert run.returncode == 130
    last = errors.splitlines()[-1]
    assert last.startswith("note: interrupted: ")
    assert "of 100000 episodes of run " in last
    assert "; sotopia resume " in last
    assert "Traceback" not in errors
    listed = json.loads(sotopia("list", "runs", "--json", cwd=tmp_path).stdout)
    assert [one["status"] for one in listed] == ["interrupted"]
    assert sum(listed[0]["counts"].values()) == _episodes(tmp_path) >= 5


def _episodes(folder):
    if not (folder / "sotopia.db").exists():
        return 0
    done = sotopia("list", "episodes", "--json", cwd=folder)
    return len(json.loads(done.stdout)) if done.returncode == 0 else 0
