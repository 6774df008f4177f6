"""Leaving plugins alone, and being strict: from the command line, the environment and run files."""

import pytest

from sotopia_core.cli.app import plugin_options
from sotopia_core.errors import InputError
from tests.cli.command import EXAMPLES, sotopia

QUICKSTART = EXAMPLES / "quickstart.toml"
BROKEN = "import a_package_that_nobody_has\n"
PARROT = """
from sotopia_core import Agent, AgentAction, hookimpl

@hookimpl
def sotopia_agents():
    return ["{module}:Parrot"]

class Parrot(Agent):
    async def aact(self, observation):
        return AgentAction(action_type="speak", argument="{module}")
"""


@pytest.fixture
def site(tmp_path):
    """A folder on the path in which plugins can be installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def install(site, distribution, module, text, plugin=None, metadata=""):
    (site / f"{module}.py").write_text(text.format(module=module), encoding="utf-8")
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    (info / "METADATA").write_text(head + metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[sotopia]\n{plugin or module} = {module}\n", encoding="utf-8")


def test_the_options_are_taken_from_anywhere_on_the_line():
    assert plugin_options(["run", "--no-plugin", "a", "x.toml", "--strict-plugins", "--no-plugin=b"]) == (
        ["run", "x.toml"], ["a", "b"], True,
    )  # fmt: skip
    assert plugin_options(["run", "--", "--no-plugin"]) == (["run", "--", "--no-plugin"], [], False)
    with pytest.raises(InputError, match="--no-plugin: expected the name of a plugin"):
        plugin_options(["run", "--no-plugin"])


def test_a_plugin_named_on_the_command_line_is_left_alone(site, tmp_path):
    install(site, "sotopia-broken", "broken", BROKEN)
    path = {"PYTHONPATH": str(site)}
    told = sotopia("plugins", "list", "--no-plugin", "broken", cwd=tmp_path, env=path).stdout
    assert "disabled by --no-plugin, or by SOTOPIA_DISABLE_PLUGINS" in told
    assert "ModuleNotFoundError" not in told
    assert "disabled" in sotopia("--no-plugin=sotopia-broken", "plugins", "list", cwd=tmp_path, env=path).stdout


def test_the_environment_disables_plugins_that_need_not_be_there(site, tmp_path):
    install(site, "sotopia-broken", "broken", BROKEN)
    variables = {"PYTHONPATH": str(site), "SOTOPIA_DISABLE_PLUGINS": "absent, broken"}
    done = sotopia("plugins", "list", cwd=tmp_path, env=variables)
    assert done.returncode == 0
    assert "disabled by --no-plugin, or by SOTOPIA_DISABLE_PLUGINS" in done.stdout


def test_a_name_on_the_command_line_must_be_there(tmp_path):
    done = sotopia("--no-plugin", "sotopia_model", "plugins", "list", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "sotopia: error: cannot disable 'sotopia_model': no such plugin; did you mean 'sotopia_models'?\n"
    )


def test_what_a_disabled_plugin_would_offer_is_missed_by_its_name(tmp_path):
    done = sotopia("run", "--no-plugin", "sotopia_models", QUICKSTART, cwd=tmp_path)
    assert done.returncode == 2
    assert "no model is called 'sotopia-core:Offline'" in done.stderr
    assert "plugin sotopia_models (sotopia-core " in done.stderr
    assert ") is disabled" in done.stderr


def test_a_broken_plugin_is_harmless_unless_one_is_strict(site, tmp_path):
    install(site, "sotopia-broken", "broken", BROKEN)
    path = {"PYTHONPATH": str(site)}
    assert sotopia("run", QUICKSTART, cwd=tmp_path, env=path).returncode == 0
    done = sotopia("run", QUICKSTART, "--strict-plugins", cwd=tmp_path, env=path)
    assert done.returncode == 1
    assert done.stderr == (
        "sotopia: error: plugin broken (sotopia-broken 1.0) failed to load: "
        "ModuleNotFoundError: No module named 'a_package_that_nobody_has'\n"
    )
    assert sotopia("run", QUICKSTART, "--strict-plugins", "--no-plugin=broken", cwd=tmp_path, env=path).returncode == 0


def test_a_plugin_that_ends_the_process_at_import_does_not(site, tmp_path):
    install(site, "sotopia-exits", "exits", "import sys\nsys.exit(7)\n")
    done = sotopia("run", QUICKSTART, cwd=tmp_path, env={"PYTHONPATH": str(site)})
    assert done.returncode == 0, done.stderr


def test_a_plugin_for_another_version_of_the_kernel_is_listed_and_not_loaded(site, tmp_path):
    install(site, "sotopia-future", "future", BROKEN, metadata="Requires-Dist: sotopia-core>=99\n")
    told = sotopia("plugins", "list", cwd=tmp_path, env={"PYTHONPATH": str(site)}).stdout
    assert "it needs sotopia-core>=99, and 0." in told
    assert "ModuleNotFoundError" not in told


def test_two_plugins_of_one_name_are_told_apart_by_their_distributions(site, tmp_path):
    install(site, "sotopia-early", "early", PARROT, plugin="bird")
    install(site, "sotopia-late", "late", PARROT, plugin="bird")
    path = {"PYTHONPATH": str(site)}
    told = sotopia("plugins", "list", cwd=tmp_path, env=path).stdout
    assert (
        "sotopia-early has a plugin called 'bird' too, and came first; to choose, disable or uninstall "
        "sotopia-early or sotopia-late" in told
    )
    (tmp_path / "run.toml").write_text('[[agents]]\nuse = "Parrot"\n', encoding="utf-8")
    done = sotopia("run", "run.toml", "--no-plugin", "sotopia-early", cwd=tmp_path, env=path)
    assert done.returncode == 0, done.stderr
    assert 'said: "late"' in done.stdout
