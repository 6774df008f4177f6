"""``sotopia init``: a run file that plays as it is, and that nothing overwrites by accident."""

import pytest
import tomli

from sotopia_core.config import load_config
from sotopia_core.database.pool import find_pool
from sotopia_core.errors import InputError
from sotopia_core.registry import Registry
from sotopia_core.wiring import wire
from tests.cli.kept import ask


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_run_file_is_valid_and_needs_no_model_but_the_offline_one(folder):
    ask("init")
    wiring = wire(load_config([folder / "run.toml"]), Registry.installed())
    assert list(wiring.models.made) == ["offline"]
    assert wiring.stand_in
    assert wiring.config.pool.packs == ("starter",)


def test_the_next_command_is_printed(folder):
    assert ask("init").stdout == "wrote run.toml; play it with:\n\n  sotopia run run.toml\n"
    assert "\n  sotopia run 'my run.toml'\n" in ask("init", "my run.toml").stdout


def test_what_the_comments_propose_is_valid_too(folder):
    ask("init", "run.toml")
    lines = (folder / "run.toml").read_text(encoding="utf-8").splitlines()
    proposals = [line.removeprefix("# ") for line in lines]
    start = proposals.index("[models.judge]")
    judge = tomli.loads("\n".join(proposals[start : start + 4]))
    assert judge == {"models": {"judge": {"use": "LiteLLM", "model": "openai/gpt-4o", "temperature": 0.0}}}
    start = proposals.index("[dimensions.Courtesy]")
    (folder / "own.toml").write_text("\n".join(proposals[start : start + 3]), encoding="utf-8")
    judged = 'terminal_evaluators.0.use="ReachGoalLLMEvaluator[Courtesy]"'
    wiring = wire(load_config([folder / "run.toml", folder / "own.toml"], [judged]), Registry.installed())
    assert wiring.dimensions[0].names == ("listening", "tact")
    named = next(line for line in proposals if line.startswith("environments = "))
    loaded = load_config([folder / "run.toml"], [f"pool.{named.partition('#')[0]}"])
    pool = find_pool(loaded.config.pool, folder, Registry.installed(), None, relationships=False).pool
    assert [environment.codename for environment in pool.environments] == ["cargo_bike_sale"]
    start = proposals.index("[storage]")
    (folder / "kept.toml").write_text("\n".join(proposals[start : start + 3]), encoding="utf-8")
    stored = wire(load_config([folder / "run.toml", folder / "kept.toml"]), Registry.installed())
    assert stored.storage is not None
    assert stored.storage.url.endswith("first-run.db")


def test_a_file_that_is_there_is_kept_unless_forced(folder):
    (folder / "run.toml").write_text("mine", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"run\.toml is there already; name another file, or overwrite it with --force"
    ):
        ask("init")
    assert (folder / "run.toml").read_text(encoding="utf-8") == "mine"
    ask("init", "--force")
    assert "[[agents]]" in (folder / "run.toml").read_text(encoding="utf-8")


def test_a_missing_folder_is_named():
    with pytest.raises(InputError, match=r"absent/run\.toml: there is no folder absent; make it first"):
        ask("init", "absent/run.toml")


def test_a_folder_in_the_place_of_the_file_is_refused(folder):
    (folder / "runs").mkdir()
    with pytest.raises(InputError, match=r"runs: cannot be written: Is a directory"):
        ask("init", "runs", "--force")
