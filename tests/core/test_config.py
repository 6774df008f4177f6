"""Run files: composition, overrides, and errors of one line that name file and key."""

import pytest

from sotopia_core.config import load_config
from sotopia_core.errors import ConfigError

BASE = """
[run]
name = "base"
trials = 2

[models.judge]
use = "LiteLLM"
model = "openai/gpt-4o"

[[agents]]
use = "LLMAgent"
model = "offline"

[[agents]]
use = "LLMAgent"
model = "offline"
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="run.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def load(write, text=BASE, *overrides):
    return load_config([write(text)], overrides)


def test_defaults_are_filled_in(write):
    config = load(write).config
    assert config.run.concurrency == 20
    assert config.ordering.use == "RoundRobin"
    assert config.response_evaluators[0].use == "RuleBasedTerminatedEvaluator"
    assert config.terminal_evaluators == ()


def test_options_are_everything_but_use(write):
    assert load(write).config.models["judge"].options == {"model": "openai/gpt-4o"}


def test_the_later_file_overwrites_tables_merge_and_arrays_are_replaced(write):
    later = '[run]\ntrials = 5\n[models.judge]\ntemperature = 0.0\n[[agents]]\nuse = "HumanAgent"\n'
    config = load_config([write(BASE), write(later, "later.toml")]).config
    assert (config.run.name, config.run.trials) == ("base", 5)
    assert config.models["judge"].options == {"model": "openai/gpt-4o", "temperature": 0.0}
    assert [agent.use for agent in config.agents] == ["HumanAgent"]


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("run.trials=7", lambda c: c.run.trials == 7),
        ('run.name="seven"', lambda c: c.run.name == "seven"),
        ("run.name=seven", lambda c: c.run.name == "seven"),
        ("run.mode=lite", lambda c: c.run.mode == "lite"),
        ('agents.0.model="offline"', lambda c: c.agents[0].options["model"] == "offline"),
        ("agents.1.model=openai/gpt-4o", lambda c: c.agents[1].options["model"] == "openai/gpt-4o"),
        ("pool.environments=['a', 'b']", lambda c: c.pool.environments == ("a", "b")),
        ("sampler.size=3", lambda c: (c.sampler.use, c.sampler.options) == ("UniformSampler", {"size": 3})),
        ("storage={use='SQLite', path='x.db'}", lambda c: c.storage.options == {"path": "x.db"}),
    ],
)
def test_overrides_reach_every_key(write, override, read):
    assert read(load(write, BASE, override).config)


def test_relative_paths_belong_to_the_file_that_names_them(write, tmp_path):
    (tmp_path / "sub").mkdir()
    other = tmp_path / "sub" / "pool.toml"
    other.write_text('[pool]\nfiles = ["a.jsonl"]\n', encoding="utf-8")
    loaded = load_config([write(BASE), other])
    assert loaded.base(("pool", "files")) == tmp_path / "sub"
    assert loaded.base(("agents", 0, "template")) == tmp_path


BAD = [
    (BASE.replace("trials = 2", "trails = 2"), "run: unknown key 'trails'; did you mean 'trials'?"),
    (BASE + "[pol]\n", "unknown key 'pol'; did you mean 'pool'?"),
    (BASE.replace("trials = 2", 'trials = "two"'), "run.trials: expected a whole number"),
    (BASE.replace("trials = 2", "trials = true"), "run.trials: expected a whole number, found true"),
    (BASE.replace("trials = 2", "trials = 0"), "run.trials"),
    (BASE.replace("trials = 2", 'mode = "lit"'), "run.mode"),
    (BASE.replace('use = "LiteLLM"', "temperature = 1.0"), "models.judge"),
    ("[run]\n", "agents"),
    (BASE.replace('[[agents]]\nuse = "LLMAgent"\nmodel = "offline"', ""), "agents"),
    ("[run\n", "is not valid TOML"),
    ("run = 3\n" + '[[agents]]\nuse = "x"\n', "run"),
]


@pytest.mark.parametrize(("text", "where"), BAD)
def test_what_is_wrong_is_said_in_one_line_with_file_and_key(write, tmp_path, text, where):
    with pytest.raises(ConfigError) as caught:
        load(write, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'run.toml'}: ")
    assert where in message
    assert "\n" not in message


def test_the_file_that_holds_the_mistake_is_named(write, tmp_path):
    with pytest.raises(ConfigError, match="second.toml: run.seed: expected a whole number"):
        load_config([write(BASE), write('[run]\nseed = "x"\n', "second.toml")])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.trials", "--set run.trials: expected KEY=VALUE"),
        ("run.trials=0", "--set run.trials: run.trials"),
        ("run.name=[1", r"--set run.name=\[1: '\[1' is not a TOML value"),
        ("agents.5.model='x'", "--set agents.5.model: agents has no item '5'; it has 2, counted from 0"),
        ("agents.x.model='x'", "agents has no item 'x'"),
        ("run.trails=1", "--set run.trails: run: unknown key 'trails'"),
    ],
)
def test_a_wrong_override_is_named(write, override, message):
    with pytest.raises(ConfigError, match=message):
        load(write, BASE, override)


def test_a_missing_file_a_folder_and_wrong_bytes_are_said(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: no such file"):
        load_config([tmp_path / "nowhere.toml"])
    with pytest.raises(ConfigError, match="is a directory, not a file"):
        load_config([tmp_path])
    (tmp_path / "latin.toml").write_bytes(b'[run]\nname = "caf\xe9"\n')
    with pytest.raises(ConfigError, match=r"latin\.toml: is not UTF-8 \(byte 17\)"):
        load_config([tmp_path / "latin.toml"])


def test_a_resolved_run_file_can_be_loaded_again(write):
    from sotopia_core.config import RunConfig

    config = load(write).config
    assert RunConfig.model_validate(config.to_document()) == config
