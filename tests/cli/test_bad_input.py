"""Bad input: one clear line that says what, where and what to do, exit status 2, and nothing left behind."""

import json
import os
import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sotopia_core.cli.app import main
from tests.cli.command import COMMAND, environment

GOOD = """
[run]
name = "good"

[[agents]]
use = "LLMAgent"
model = "offline"

[[agents]]
use = "LLMAgent"
model = "offline"

[pool]
packs = ["starter"]

[sampler]
use = "UniformSampler"
size = 1

[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = 20

[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "offline"
"""

needs_litellm = pytest.mark.skipif(find_spec("litellm") is None, reason="litellm is not installed")

ADA = {"pk": "A", "first_name": "Ada", "last_name": "Example", "age": 40}
BEN = {"pk": "B", "first_name": "Ben", "last_name": "Example", "age": 41}
TALK = {"pk": "E", "codename": "talk", "scenario": "Two people talk.", "agent_goals": ["Listen.", "Speak."]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("SOTOPIA_STORAGE", "REDIS_OM_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def complaint(here, monkeypatch, capsys):
    """Run ``sotopia`` with a run file and return the one line that it complains with."""

    def run(text=GOOD, *options, files=None):
        for name, content in (files or {}).items():
            content = content if isinstance(content, str) else "\n".join(json.dumps(record) for record in content)
            (here / name).write_text(content, encoding="utf-8")
        (here / "run.toml").write_text(text, encoding="utf-8")
        before = {path.name for path in here.iterdir()}
        monkeypatch.setattr(sys, "argv", ["sotopia", "run", "run.toml", *options])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr()
        assert stopped.value.code == 2, told.err
        assert told.out == ""
        lines = [line for line in told.err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == 1, told.err
        assert lines[0].startswith("sotopia: error: ")
        after = {path.name for path in here.iterdir()}
        assert after == before, "something was left behind"
        return lines[0].removeprefix("sotopia: error: ")

    return run


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[run\n", "run.toml: is not valid TOML: "),
        (GOOD + "[pol]\n", "run.toml: unknown key 'pol'; did you mean 'pool'?"),
        (changed('name = "good"', "trails = 3"), "run.toml: run: unknown key 'trails'; did you mean 'trials'?"),
        (changed('name = "good"', "trials = 0"), "run.toml: run.trials: "),
        (changed('name = "good"', 'trials = "two"'), "run.toml: run.trials: expected a whole number, found 'two'"),
        (changed('name = "good"', "concurrency = 0"), "run.toml: run.concurrency: "),
        (changed("LLMAgent", "LLMAgnt"), "agents[0].use: no agent is called 'LLMAgnt'; did you mean 'LLMAgent'?"),
        (changed('model = "offline"', 'modle = "offline"'), "run.toml: agents[0]: "),
        (changed('model = "offline"', 'model = "offline"\ntemperature = 3'), "run.toml: agents[0].temperature: "),
        (
            changed('model = "offline"', 'model = "gpt-4o"'),
            "run.toml: agents[0].model: model 'gpt-4o' is neither in [models] nor an id such as 'openai/gpt-4o'",
        ),
        (
            changed('model = "offline"', 'model = "m"') + '[models.m]\nuse = "Offline"\nre_ask_model = "offlin"\n',
            "run.toml: models.m.re_ask_model: model 'offlin' is neither in [models] nor an id",
        ),
        (
            changed("[SotopiaDimensions]", "[SotopiaDimension]"),
            "no dimension set is called 'SotopiaDimension'; did you mean 'SotopiaDimensions'?",
        ),
        (changed("[SotopiaDimensions]", ""), "write ReachGoalLLMEvaluator[SotopiaDimensions]"),
        (changed("max_turn_number = 20", "max_turn_number = 0"), "run.toml: response_evaluators[0].max_turn_number: "),
        (changed('packs = ["starter"]', 'packs = ["startr"]'), "no pack is called 'startr'; did you mean 'starter'?"),
        (
            changed("[sampler]", 'environments = ["cargo_bike_sal"]\n[sampler]'),
            "pool.environments: no scenario in the starter pack has the pk or name 'cargo_bike_sal'; "
            "did you mean 'cargo_bike_sale'?",
        ),
        (
            changed("[sampler]", 'tag = "none"\n[sampler]'),
            "pool.tag: no scenario in the starter pack has the tag 'none'",
        ),
        (
            changed("[sampler]", "[dimensions.Mine]\nwarmth = { range = [1, 0] }\n[sampler]"),
            "dimensions.Mine: warmth: ",
        ),
        (
            changed("[sampler]", "[dimensions.Mine]\n[sampler]"),
            "dimensions.Mine: dimension set 'Mine' has no dimensions",
        ),
        (changed("[sampler]", '[plugins]\ndisable = ["nonsense"]\n[sampler]'), "cannot disable 'nonsense'"),
        (changed("[sampler]", '[storage]\nuse = "SQLit"\n[sampler]'), "storage.use: no storage is called 'SQLit'"),
    ],
)
def test_a_run_file_that_does_not_fit(complaint, text, expected):
    assert expected in complaint(text)


def test_a_missing_run_file(here, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sotopia", "run", "nowhere.toml"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "sotopia: error: nowhere.toml: no such file\n"


@needs_litellm
def test_a_missing_key_names_the_variable_and_not_a_traceback(complaint):
    told = complaint(changed('model = "offline"', 'model = "openai/gpt-4o"'))
    assert "agents[0].model" in told
    assert "OPENAI_API_KEY" in told


def test_a_missing_extra_says_what_to_install(complaint, monkeypatch):
    from sotopia_core import registry

    monkeypatch.setattr(registry, "_is_installed", lambda name: name != "litellm")
    told = complaint(changed('model = "offline"', 'model = "openai/gpt-4o"'))
    assert "LiteLLM needs litellm, not installed here; run: pip install 'sotopia-core[litellm]'" in told


FILES = changed('packs = ["starter"]', 'files = ["*.jsonl"]')


def test_a_scenario_without_enough_goals(complaint):
    told = complaint(FILES, files={"pool.jsonl": [ADA, BEN, TALK | {"agent_goals": ["Listen."]}]})
    assert "2 goals" in told


def test_a_combo_whose_cast_does_not_fit_its_goals(complaint):
    text = FILES.replace("UniformSampler", "CombosSampler")
    combo = {"pk": "C", "env_id": "E", "agent_ids": ["A", "B"]}
    told = complaint(text, files={"pool.jsonl": [ADA, BEN, TALK | {"agent_goals": ["One.", "Two.", "Three."]}, combo]})
    assert "has 3 goals and cannot seat 2 agents" in told


def test_a_sampler_with_nothing_to_draw(complaint):
    assert "*.jsonl has too few agents: its scenarios need 2" in complaint(FILES, files={"pool.jsonl": [TALK]})


def test_two_agents_with_one_name(complaint):
    text = FILES.replace("UniformSampler", "CombosSampler")
    combo = {"pk": "C", "env_id": "E", "agent_ids": ["A", "B"]}
    told = complaint(text, files={"pool.jsonl": [ADA, BEN | {"first_name": "Ada"}, TALK, combo]})
    assert "two agents called 'Ada Example'" in told


def test_a_bad_record_in_the_middle_of_a_file_is_named_by_its_line(complaint):
    told = complaint(FILES, files={"pool.jsonl": [ADA, BEN | {"age": "forty"}, TALK]})
    assert "pool.jsonl, line 2: age: expected a whole number, found 'forty'" in told


def test_a_broken_line_in_the_middle_of_a_file(complaint):
    lines = "\n".join([json.dumps(ADA), '{"pk": "B", ', json.dumps(TALK)])
    assert "pool.jsonl, line 2" in complaint(FILES, files={"pool.jsonl": lines})


def test_a_pattern_that_matches_nothing(complaint):
    assert "*.jsonl" in complaint(FILES)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////nowhere/at/all.db", "/nowhere/at"),
        ("sqlit:///x.db", "no storage answers to sqlit://; did you mean 'sqlite'?"),
        ("x.db", "'x.db' is not a store's URL; write sqlite:///path/to/file.db"),
        ("sqlite:///run.toml", "run.toml"),
    ],
)
def test_a_store_that_cannot_be_opened(complaint, url, expected):
    assert expected in complaint(GOOD, "--store", url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere, so nothing is unwritable")
def test_a_store_in_a_folder_that_cannot_be_written(complaint, here):
    (here / "locked").mkdir(mode=0o555)
    assert "locked" in complaint(GOOD, "--store", "sqlite:///locked/x.db")


def test_an_override_that_is_none(complaint):
    assert complaint(GOOD, "--set", "run.trials") == "--set run.trials: expected KEY=VALUE, such as run.trials=3"


def test_a_log_file_that_cannot_be_written(here, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sotopia", "--log-file", "no/such/folder.log", "plugins", "list"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "--log-file no/such/folder.log: cannot be written" in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_what_was_stored_stays_readable(here):
    """A limit on the size of files stands in for a full disk: writing past it fails just so."""
    (here / "run.toml").write_text(GOOD, encoding="utf-8")

    def limit():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    done = subprocess.run(
        [*COMMAND, "run", "run.toml", "--set", "run.trials=500"],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limit,
        env=environment(),
    )
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("sotopia: error: ")]
    assert len(errors) == 1
    assert "sotopia.db" in errors[0]
    assert "Traceback" not in done.stderr
    listed = subprocess.run(
        [*COMMAND, "list", "episodes", "--json"],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
    episodes = json.loads(listed.stdout)
    assert 0 < len(episodes) < 500
    assert all(episode["status"] == "scored" for episode in episodes)


@needs_litellm
def test_too_few_file_descriptors_for_the_concurrency(here):
    local = '\n[models.local]\nuse = "LiteLLM"\nmodel = "openai/local"\napi_base = "http://127.0.0.1:9/v1"\n'
    text = changed('model = "offline"', 'model = "local"') + local
    (here / "run.toml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "run", "run.toml", "--set", "run.concurrency=500", "--set", "run.trials=500"],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)),
        env=environment(),
    )
    assert done.returncode == 2, done.stderr
    assert "run.concurrency = 500 needs 564 open files and this system allows 200; lower it to 136" in done.stderr


def test_an_output_that_cannot_be_written_is_one_line(here):
    (here / "run.toml").write_text(GOOD, encoding="utf-8")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "run", "run.toml", "--json"],
            cwd=here,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env=environment(),
        )
    assert done.returncode == 2
    assert done.stderr == "sotopia: error: the output cannot be written: No space left on device\n"


def test_control_characters_in_an_error_are_shown_and_not_sent(here, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sotopia", "run", "a\x1b[31mb.toml"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err == "sotopia: error: a\\x1b[31mb.toml: no such file\n"
