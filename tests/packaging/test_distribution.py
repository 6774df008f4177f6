"""The distribution: what a wheel holds, and what a clean environment finds after installing it."""

import json
import zipfile

import pytest

from tests.packaging.environments import (
    NEEDS_WHEELHOUSE,
    ROOT,
    clean_environment,
    plugins_found,
    run,
    site_packages,
)

BUILT_IN = {
    "sotopia_agents",
    "sotopia_analysis",
    "sotopia_evaluators",
    "sotopia_models",
    "sotopia_orderings",
    "sotopia_packs",
    "sotopia_samplers",
    "sotopia_storage",
}
FOLDERS = BUILT_IN | {"sotopia_core", "sotopia_pettingzoo", "sotopia_testing"}

pytestmark = [pytest.mark.xdist_group("packaging"), NEEDS_WHEELHOUSE]


def test_a_wheel_holds_the_packages_their_data_and_nothing_called_plugins(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == FOLDERS
    for data in (
        "sotopia_core/py.typed",
        "sotopia_core/cli/run_file.toml",
        "sotopia_agents/prompts/system.jinja",
        "sotopia_evaluators/rubrics/sotopia.toml",
        "sotopia_packs/starter/characters.jsonl",
    ):
        assert data in names


def test_an_installed_wheel_offers_every_built_in_and_plays(wheel, tmp_path):
    python = clean_environment(tmp_path / "venv", wheel)
    assert not (site_packages(python) / "plugins").exists()
    plugins = plugins_found(python, tmp_path)
    assert {plugin["name"] for plugin in plugins} == BUILT_IN
    assert all(plugin["state"] == "loaded" for plugin in plugins)
    (tmp_path / "run.toml").write_bytes((ROOT / "examples" / "quickstart.toml").read_bytes())
    told = json.loads(run(python.parent / "sotopia", "run", "run.toml", "--json", cwd=tmp_path))
    assert told["episodes"]["scored"] == 1
    heavy = "import sys, sotopia_core.registry as r; r.Registry.discover(); print('litellm' in sys.modules)"
    assert run(python, "-c", heavy, cwd=tmp_path).strip() == "False"


def test_an_editable_install_offers_every_built_in(tmp_path):
    python = clean_environment(tmp_path / "venv", "--editable", ROOT)
    assert not (site_packages(python) / "plugins").exists()
    assert {plugin["name"] for plugin in plugins_found(python, tmp_path)} == BUILT_IN
