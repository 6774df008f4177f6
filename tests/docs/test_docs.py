"""The documentation says what is so: signatures, keys, defaults, files, links, and what commands print."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli
from packaging.requirements import Requirement
from pydantic import BaseModel

from sotopia_core import hookspecs
from sotopia_core.config import (
    BudgetSection,
    CacheSection,
    ComponentTable,
    PluginsSection,
    PoolSection,
    RunConfig,
    RunSection,
    load_config,
)
from sotopia_core.errors import MissingExtraError, ModelAccessError
from sotopia_core.plugins import CORE
from sotopia_core.registry import Offer, Registry
from sotopia_core.rubrics import DimensionTable
from sotopia_core.wiring import wire
from tests.docs.pages import PAGES, ROOT, Block, anchors, blocks, prose, section
from tests.docs.session import NOT_RUN, play

DOCS = ROOT / "docs"
PLUGINS, RUN_FILES, ARCHITECTURE = DOCS / "plugins.md", DOCS / "run-files.md", DOCS / "architecture.md"

HOOKS = [
    node
    for node in ast.parse(Path(hookspecs.__file__).read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and any(ast.unparse(mark) == "hookspec" for mark in node.decorator_list)
]
SECTIONS: dict[str, tuple[str, type[BaseModel]]] = {
    "run": ("`[run]`", RunSection),
    "models": ("`[models.NAME]`", ComponentTable),
    "agents": ("`[[agents]]`", ComponentTable),
    "ordering": ("`[ordering]`", ComponentTable),
    "pool": ("`[pool]`", PoolSection),
    "sampler": ("`[sampler]`", ComponentTable),
    "response_evaluators": ("`[[response_evaluators]]`", ComponentTable),
    "terminal_evaluators": ("`[[terminal_evaluators]]`", ComponentTable),
    "dimensions": ("`[dimensions.NAME]`", DimensionTable),
    "storage": ("`[storage]`", ComponentTable),
    "cache": ("`[cache]`", CacheSection),
    "budget": ("`[budget]`", BudgetSection),
    "plugins": ("`[plugins]`", PluginsSection),
}
WITH_OPTIONS = ("agents", "models", "samplers", "response_evaluators", "terminal_evaluators", "storage")
COMPONENTS = [
    offer for offer in Registry.installed().offers if offer.kind in WITH_OPTIONS and offer.plugin.distribution == CORE
]
RUN_FILE_BLOCKS = [
    pytest.param(block, id=f"{page.name}:{block.line}")
    for page in PAGES
    for block in blocks(page)
    if block.language == "toml" and "[[agents]]" in block.text
]
TUTORIAL = (
    DOCS / "tutorial-plugin.md"
)  # it installs and uninstalls, so tests/packaging plays it in an environment of its own
PLAYED = [
    page
    for page in PAGES
    if page != TUTORIAL and any(b.language == "console" and b.note != NOT_RUN for b in blocks(page))
]


def by_name(page: Path) -> str:
    return page.name


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of the table rows in a text, without headers."""
    for line in text.split("\n"):
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("| ").split(" | ")]


def documented(text: str) -> dict[str, str]:
    """Return the keys that the tables in a text document, with their defaults as they are written."""
    return {key.strip("`"): default.strip("`") for key, _, default, _ in rows(text)}


def defaults(model: type[BaseModel]) -> dict[str, str]:
    """Return a model's fields, with their defaults as run files would write them."""
    return {
        name: "required" if info.is_required() else written(info.default) for name, info in model.model_fields.items()
    }


def written(value: Any) -> str:
    if value is None:
        return "none"
    return json.dumps(str(value) if isinstance(value, Path) else value)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_every_hook_is_documented_with_its_exact_signature(hook):
    page = section(PLUGINS, "Hooks")
    assert hook.returns is not None
    assert f"def {hook.name}({ast.unparse(hook.args)}) -> {ast.unparse(hook.returns)}: ...\n" in page
    assert f"| `{hook.name}` |" in page or hook.name == "sotopia_commands"


def test_no_hook_is_documented_that_is_not_there():
    assert set(re.findall(r"^def (\w+)\(", section(PLUGINS, "Hooks"), re.MULTILINE)) == {hook.name for hook in HOOKS}


def test_every_section_of_a_run_file_is_documented():
    assert list(SECTIONS) == list(RunConfig.model_fields)
    headings = re.findall(r"^### (.*)$", section(RUN_FILES, "Sections"), re.MULTILINE)
    assert headings == [heading for heading, _ in SECTIONS.values()]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_of_a_section_is_documented_with_its_default(name):
    heading, model = SECTIONS[name]
    expected = defaults(model)
    default = RunConfig.model_fields[name].default
    if isinstance(default, ComponentTable):
        expected["use"] = written(default.use)
    assert documented(section(RUN_FILES, heading)) == expected


@pytest.mark.parametrize("offer", COMPONENTS, ids=lambda offer: offer.name)
def test_every_option_of_a_built_in_component_is_documented_with_its_default(offer: Offer):
    assert isinstance(offer.target, str)
    module, _, name = offer.target.partition(":")
    component = getattr(importlib.import_module(module), name)
    assert documented(section(RUN_FILES, f"`{name}`")) == defaults(component)


def test_every_built_in_component_has_its_options_documented():
    documented_here = re.findall(r"^#### `(\w+)`$", section(RUN_FILES, "Built-in components"), re.MULTILINE)
    assert sorted(documented_here) == sorted(offer.name for offer in COMPONENTS)


@pytest.mark.parametrize("block", RUN_FILE_BLOCKS)
def test_every_run_file_shown_is_valid(block: Block, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(block.text, encoding="utf-8")
    if block.title:  # it may name what the page defines, or be wrong on purpose; the page's commands use it
        tomli.loads(block.text)
        return
    try:
        wire(load_config([path]), Registry.installed())
    except (ModelAccessError, MissingExtraError):
        assert "/" in block.text  # it names a real model, which needs a key


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_block_of_toml_and_python_parses(page):
    for block in blocks(page):
        if block.language == "toml":
            tomli.loads(block.text)
        elif block.language == "python":
            compile(block.text, f"{page.name}:{block.line}", "exec")


@pytest.mark.parametrize("page", PLAYED, ids=by_name)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page, tmp_path):
    if play(page, tmp_path) == 0:
        pytest.skip("each command of the page needs an extra that is not installed")


def test_the_quickstart_is_among_the_pages_that_are_played():
    assert {"README.md", "quickstart.md", "plugins.md", "run-files.md"} <= {page.name for page in PLAYED}


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_no_page_names_a_place_on_somebodys_machine(page):
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"\.\./shared|(?<![\w.])/(?:work|home|root|tmp|Users|opt|usr|var)/", text)


def test_the_navigation_holds_every_page_once():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2].partition("\n\n")[0]
    assert sorted(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)) == sorted(p.name for p in DOCS.glob("*.md"))


def test_the_layers_are_those_that_are_checked():
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    shown = next(block.text for block in blocks(ARCHITECTURE) if "cli\n" in block.text)
    assert shown.split() == " ".join(layers).split()
    table = [name for cells in rows(section(ARCHITECTURE, "Layers")) for name in re.findall(r"`(\w+)`", cells[0])]
    assert sorted(table) == sorted(name for layer in layers for name in layer.split(" : "))


def test_every_library_that_is_installed_is_named_with_its_licence():
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    names = {Requirement(text).name for text in [*project["dependencies"], *extras]} - {CORE}
    table = section(ARCHITECTURE, "Libraries")
    assert [name for name in sorted(names) if name not in table] == []
