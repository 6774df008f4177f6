"""The getting-started notebook: every cell runs in a kernel, says what it promises, and leaves nothing behind."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, ROOT, environment

NOTEBOOK = EXAMPLES / "getting_started.ipynb"
SECONDS_A_CELL = 60
SECONDS = 300

EXECUTE = f"""
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
client = NotebookClient(notebook, timeout={SECONDS_A_CELL}, kernel_name="of-these-tests")
client.resources["metadata"] = {{"path": sys.argv[2]}}
client.execute()
nbformat.write(notebook, sys.argv[3])
"""

needs_a_kernel = pytest.mark.skipif(
    not (find_spec("nbclient") and find_spec("ipykernel")), reason="nbclient or ipykernel is missing"
)


def cells(notebook):
    return {cell["id"]: cell for cell in notebook["cells"]}


def printed(cell):
    streams = [output for output in cell["outputs"] if output["output_type"] == "stream"]
    assert {output["name"] for output in streams} <= {"stdout"}, streams
    return "".join("".join(output["text"]) for output in streams)


def execute(path, base):
    """Execute a notebook in a kernel that has a home, a working directory and a temporary folder of its own."""
    folders = {name: base / name for name in ("home", "here", "temporary", "jupyter", "ipython", "out")}
    for folder in folders.values():
        folder.mkdir()
    kernel = folders["jupyter"] / "kernels" / "of-these-tests"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    result = folders["out"] / "executed.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, path, folders["here"], result],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=folders["here"],
        env=environment(
            HOME=str(folders["home"]),
            TMPDIR=str(folders["temporary"]),
            JUPYTER_DATA_DIR=str(folders["jupyter"]),
            JUPYTER_RUNTIME_DIR=str(folders["jupyter"] / "runtime"),
            JUPYTER_CONFIG_DIR=str(folders["jupyter"] / "config"),
            IPYTHONDIR=str(folders["ipython"]),
            PYTHONDONTWRITEBYTECODE="1",
        ),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(result.read_text(encoding="utf-8")), folders


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return execute(NOTEBOOK, tmp_path_factory.mktemp("notebook"))


@pytest.fixture(scope="module")
def outputs(executed):
    return cells(executed[0])


@needs_a_kernel
@pytest.mark.xdist_group("notebook")
class TestExecuted:
    def test_every_code_cell_ran_in_order_without_an_error(self, outputs):
        code = [cell for cell in outputs.values() if cell["cell_type"] == "code"]
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        assert len(code) > 10
        assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]

    def test_it_shows_the_starter_pack(self, outputs):
        assert len(printed(outputs["read-pack"]).splitlines()) == 16
        assert "cargo_bike_sale: 2 agents, stranger" in printed(outputs["scenarios"])

    def test_it_shows_what_was_said_and_how_it_was_scored(self, outputs):
        assert 'Mia Davis said: "' in printed(outputs["messages"])
        assert 'Leo Park said: "' in printed(outputs["messages"])
        scores = printed(outputs["scores"])
        assert scores.startswith("scored\n")
        assert scores.count("  overall_score: ") == 2
        assert scores.count("  goal: ") == 2
        assert "Mia Davis, goal " in printed(outputs["reasons"])

    def test_it_shows_what_one_agent_saw_and_nothing_else(self, outputs):
        seen = printed(outputs["background"])
        assert "Mia keeps the street's only pair of loppers" in seen
        assert "Mia Davis's goal: Unknown" in seen
        assert "He broke his own ladder" in seen
        assert "promised the ladder to her sister" not in seen

    def test_it_finds_episodes_by_tag(self, outputs):
        assert printed(outputs["play-many"]).count(": scored, ") == 4
        (found,) = [o for o in outputs["save"]["outputs"] if o["output_type"] == "execute_result"]
        assert "".join(found["data"]["text/plain"]) == "{'first': 1, 'drawn': 4, 'neighbours': 1}"

    def test_it_changes_the_dimensions_and_the_agent(self, outputs):
        assert printed(outputs["own-dimensions"]).count(", courtesy ") == 2
        assert printed(outputs["own-agent"]).startswith("Mia Davis said: ")

    def test_it_leaves_nothing_behind(self, executed):
        _, folders = executed
        left = [path for name in ("here", "home", "temporary") for path in folders[name].rglob("*")]
        assert left == []


def test_no_output_is_kept_in_the_file():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}


def test_its_links_lead_to_pages_that_are_there():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    prose = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    pages = re.findall(r"\]\(([^)]+)\)", prose)
    assert len(pages) > 3
    assert [page for page in pages if not (EXAMPLES / page).is_file()] == []


def test_it_names_no_place_on_somebodys_machine():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert str(Path.home()) + os.sep not in text
