"""A third party's plugin, installed as a wheel into a clean environment, played and uninstalled; and a broken one."""

import json
import subprocess

import pytest

from sotopia_core.cli.plugins.scaffold import scaffold
from tests.packaging.environments import (
    BARE,
    NEEDS_WHEELHOUSE,
    ROOT,
    build_wheel,
    clean_environment,
    pip,
    plugins_found,
    run,
)

pytestmark = [pytest.mark.xdist_group("packaging"), NEEDS_WHEELHOUSE]

EXAMPLE = ROOT / "examples" / "sotopia-bargaining"
BROKEN = {
    "pyproject.toml": """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "sotopia-broken"
version = "0.3"
dependencies = ["sotopia-core"]
[project.entry-points.sotopia]
broken = "sotopia_broken.plugin"
""",
    "sotopia_broken/__init__.py": "",
    "sotopia_broken/plugin.py": "import a_package_that_nobody_has\n",
}


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """A clean environment with the kernel and the example, both from wheels."""
    example = build_wheel(EXAMPLE, tmp_path_factory.mktemp("example"))
    return clean_environment(tmp_path_factory.mktemp("venv") / "venv", wheel, example)


def sotopia(python, *arguments, cwd):
    return subprocess.run(
        [str(python.parent / "sotopia"), *arguments],
        cwd=cwd,
        env=BARE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def states(python, cwd):
    return {plugin["name"]: (plugin["state"], plugin["version"]) for plugin in plugins_found(python, cwd)}


def test_it_needs_the_kernel_alone():
    text = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dependencies = ["sotopia-core>=0.1"]' in text


def test_a_run_file_uses_it_and_the_outcomes_are_computed(python, tmp_path):
    assert states(python, tmp_path)["bargaining"] == ("loaded", "0.1.0")
    done = sotopia(python, "run", str(EXAMPLE / "bargain.toml"), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["episodes"]["scored"] == 10
    episode = json.loads(sotopia(python, "show", told["pks"][0], "--json", cwd=tmp_path).stdout)
    gains = [reward["scores"]["gain"] for reward in episode["outcome"].values()]
    assert sum(gains) == pytest.approx(1)
    assert "are gained" in next(iter(episode["evaluations"][0]["judgements"].values()))["scores"]["gain"]["reasoning"]
    assert episode["provenance"]["versions"]["sotopia-bargaining"] == "0.1.0"


def test_a_plugin_that_was_just_begun_can_be_installed_beside_it(python, tmp_path):
    plugin = scaffold("agents", "newcomer")
    plugin.write(tmp_path / plugin.distribution)
    pip(python, "install", tmp_path / plugin.distribution)
    (tmp_path / "run.toml").write_text(
        '[[agents]]\nuse = "Newcomer"\n[[agents]]\nuse = "Bargainer"\n[pool]\npacks = ["bargains"]\n', encoding="utf-8"
    )
    assert sotopia(python, "run", "run.toml", cwd=tmp_path).returncode == 0
    pip(python, "uninstall", "--yes", plugin.distribution)
    assert "newcomer" not in states(python, tmp_path)


def test_a_broken_plugin_harms_nobody_and_is_named(python, tmp_path):
    for name, text in BROKEN.items():
        path = tmp_path / "sotopia-broken" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    pip(python, "install", tmp_path / "sotopia-broken")
    try:
        assert states(python, tmp_path)["broken"] == ("quarantined", "0.3")
        assert sotopia(python, "run", str(EXAMPLE / "bargain.toml"), cwd=tmp_path).returncode == 0
        doctor = sotopia(python, "plugins", "doctor", cwd=tmp_path)
        assert doctor.returncode == 1
        assert "plugin broken (sotopia-broken 0.3)" in doctor.stdout
        (tmp_path / "run.toml").write_text('[[agents]]\nuse = "Promised"\n', encoding="utf-8")
        asked = sotopia(python, "run", "run.toml", cwd=tmp_path)
        assert asked.returncode == 2
        assert (
            "plugin broken (sotopia-broken 0.3) could not be loaded: "
            "ModuleNotFoundError: No module named 'a_package_that_nobody_has'" in asked.stderr
        )
        strict = sotopia(python, "run", str(EXAMPLE / "bargain.toml"), "--strict-plugins", cwd=tmp_path)
        assert strict.returncode == 1
        assert "plugin broken (sotopia-broken 0.3) failed to load" in strict.stderr
    finally:
        pip(python, "uninstall", "--yes", "sotopia-broken")
    assert "broken" not in states(python, tmp_path)


def test_uninstalled_it_is_gone(python, tmp_path):
    pip(python, "uninstall", "--yes", "sotopia-bargaining")
    assert "bargaining" not in states(python, tmp_path)
    done = sotopia(python, "run", str(EXAMPLE / "bargain.toml"), cwd=tmp_path)
    assert done.returncode == 2
    assert "no agent is called 'Bargainer'" in done.stderr
    assert run(python.parent / "sotopia", "plugins", "doctor", cwd=tmp_path, env=BARE).endswith("nothing is wrong\n")
