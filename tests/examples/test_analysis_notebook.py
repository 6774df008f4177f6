"""The notebook on analysis: every cell runs offline in a kernel, says what it promises, and leaves nothing behind."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("polars", reason="the extra analysis is not installed")
pytest.importorskip("matplotlib", reason="the extra analysis is not installed")

from tests.cli.command import EXAMPLES
from tests.examples.test_notebook import cells, execute, needs_a_kernel, printed

NOTEBOOK = EXAMPLES / "analysis.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return execute(NOTEBOOK, tmp_path_factory.mktemp("analysis_notebook"))


@needs_a_kernel
@pytest.mark.xdist_group("notebook")
def test_it_answers_three_questions_offline_and_leaves_nothing_behind(executed):
    notebook, folders = executed
    outputs = cells(notebook)
    code = [cell for cell in outputs.values() if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] == "error"]
    assert printed(outputs["play"]).count("32 scored") == 2
    assert printed(outputs["table"]) == "('ScriptedAgent', 'offline') ('offline',) 128\n"
    assert "a rule-based stand-in: those scores say nothing about any language model" in printed(outputs["describe"])
    assert printed(outputs["compare"]).startswith("32 pairs; ")
    assert [line.split()[0] for line in printed(outputs["judge"]).splitlines()] == ["people", "judge", "judge"]
    assert printed(outputs["power"]).count("scenarios for a difference of 1") == 3
    (picture,) = outputs["picture"]["outputs"]
    assert "".join(picture["data"]["text/plain"]) == "True"
    assert [path for name in ("here", "temporary") for path in folders[name].rglob("*")] == []


def test_no_output_is_kept_in_the_file():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
