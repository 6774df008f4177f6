"""``sotopia plugins new``: what it writes works untouched, for every kind of component."""

import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sotopia_core.cli.plugins.scaffold import KINDS, scaffold
from sotopia_core.config import load_config
from sotopia_core.registry import Registry
from sotopia_core.wiring import wire
from tests.cli.command import sotopia
from tests.cli.kept import ask

NAMES = {kind: f"loud-{kind.replace('_', '-')}" for kind in KINDS}
RUN = '[pool]\npacks = ["starter"]\n'
AGENT = '[[agents]]\nuse = "LLMAgent"\nmodel = "offline"\n'


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    for kind, name in NAMES.items():
        plugin = scaffold(kind, name)
        plugin.write(folder / plugin.distribution)
    return folder


def run(folder, *command):
    path = os.pathsep.join(str(one) for one in sorted(folder.iterdir()) if one.name.startswith("sotopia-"))
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "MYPYPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_every_new_plugin_passes_its_own_tests(written):
    tests = sorted(str(path) for path in written.glob("*/tests"))
    done = run(written, "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(tests) == len(KINDS)
    assert "skipped" not in done.stdout


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed here")
def test_every_new_plugin_passes_mypy_strict(written):
    sources = sorted(str(path) for path in written.glob("*/sotopia_*")) + sorted(map(str, written.glob("*/tests")))
    done = run(written, "mypy", "--strict", "--cache-dir", str(written / "cache"), *sources)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is not installed here")
@pytest.mark.parametrize("kind", KINDS)
def test_every_new_plugin_is_formatted_and_without_lint(written, kind):
    folder = written / scaffold(kind, NAMES[kind]).distribution
    for command in (["check", "--select", "E,F,I,UP,B,C4,SIM,RUF"], ["format", "--check"]):
        told = run(folder, "ruff", *command, "--isolated", "--line-length", "120", ".")
        assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_says_how_a_run_file_uses_it(written, kind, monkeypatch, tmp_path):
    plugin = scaffold(kind, NAMES[kind])
    monkeypatch.syspath_prepend(str(written / plugin.distribution))
    registry = Registry.discover()
    module = importlib.import_module(f"{plugin.package}.plugin")
    assert registry.register(module, plugin.plugin, plugin.distribution).state == "loaded"
    usage = (written / plugin.distribution / "README.md").read_text().partition("```toml\n")[2].partition("```")[0]
    rest = ("" if "[[agents]]" in usage else AGENT) + ("" if "[pool]" in usage else RUN)
    (tmp_path / "run.toml").write_text(usage + rest, encoding="utf-8")
    wiring = wire(load_config([tmp_path / "run.toml"]), registry)
    assert plugin.distribution not in wiring.versions()  # registered by hand, so without a version
    assert plugin.component in str(wiring.config.to_document()) or kind == "packs"


def test_it_says_what_it_wrote_and_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = json.loads(ask("plugins", "new", "agent", "Loud_Parrot", "--json").stdout)
    assert (told["folder"], told["plugin"], told["shown"]) == ("sotopia-loud-parrot", "loud_parrot", "LoudParrot")
    there = (path for path in Path("sotopia-loud-parrot").rglob("*") if path.is_file())
    assert sorted(told["files"]) == sorted(str(path.relative_to("sotopia-loud-parrot")) for path in there)
    assert "pip install --editable '.[test]'" in told["next"]
    said = ask("plugins", "new", "packs", "tales", "--folder", "elsewhere").stdout
    assert said.startswith("elsewhere:\n  pyproject.toml\n")
    assert said.endswith("  sotopia plugins show tales\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("agentz", "parrot"), "no kind of component is called 'agentz'; did you mean 'agents'?"),
        (("birds", "parrot"), "no kind of component is called 'birds'; there are agents, orderings, samplers"),
        (("agents", "9lives"), "'9lives' makes no name; write words of letters and digits, such as loud-parrot"),
        (("agents", "../up"), "'../up' makes no name"),
        (("agents", "testing"), "sotopia-testing would get in the way of Sotopia's own packages"),
        (("agents", "there"), "sotopia-there is there already; name another with --folder"),
    ],
)
def test_what_makes_no_plugin_is_one_line(tmp_path, arguments, message):
    (tmp_path / "sotopia-there").mkdir()
    done = sotopia("plugins", "new", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sotopia-there"]
