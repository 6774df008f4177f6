"""The distribution: what a wheel holds, and what a clean environment finds after installing it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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

LEFT_OUT = ("PYTHONPATH", "VIRTUAL_ENV", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "SOTOPIA_STORAGE")
BARE = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
# What `make` has downloaded beside the interpreter, so that the tests themselves need no package index.
WHEELHOUSE = Path(sys.prefix) / "wheelhouse"

pytestmark = [
    pytest.mark.xdist_group("packaging"),
    pytest.mark.skipif(not WHEELHOUSE.is_dir(), reason=f"{WHEELHOUSE} is missing; make test fills it"),
]


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    script = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    name = run(sys.executable, "-c", script, folder, cwd=ROOT).split()[-1]
    return folder / name


def clean_environment(folder, *what):
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
    run(*pip, "--no-index", "--find-links", WHEELHOUSE, *what, env=BARE)
    return python


def plugins_found(python, cwd):
    return json.loads(run(python.parent / "sotopia", "plugins", "list", "--json", cwd=cwd, env=BARE))


def site_packages(python):
    return Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())


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
