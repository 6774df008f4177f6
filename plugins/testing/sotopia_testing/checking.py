"""Holding a plugin against the conformance suites: each component on offer, as far as its options are known.

``sotopia plugins check`` starts this in a process of its own, since what is checked may be a stranger's.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import tomli
from pydantic import BaseModel, ValidationError

from sotopia_core.cli.loading import load_modules
from sotopia_core.errors import ConfigError, SotopiaError, one_line
from sotopia_core.interfaces import Component, names_a_model
from sotopia_core.plugins import Plugin
from sotopia_core.registry import Kind, Offer, Registry
from sotopia_core.wording import explain
from sotopia_testing.agents import AgentContract
from sotopia_testing.dimensions import DimensionsContract
from sotopia_testing.models import ModelContract
from sotopia_testing.orderings import OrderingContract
from sotopia_testing.packs import PackContract
from sotopia_testing.plugins import PluginContract
from sotopia_testing.response_evaluators import ResponseEvaluatorContract
from sotopia_testing.samplers import SamplerContract
from sotopia_testing.storage import StorageContract
from sotopia_testing.terminal_evaluators import TerminalEvaluatorContract

SUITES: Final[Mapping[Kind, tuple[type, str]]] = {
    "agents": (AgentContract, "agent"),
    "orderings": (OrderingContract, "ordering"),
    "samplers": (SamplerContract, "sampler"),
    "response_evaluators": (ResponseEvaluatorContract, "evaluator"),
    "terminal_evaluators": (TerminalEvaluatorContract, "evaluator"),
    "dimensions": (DimensionsContract, "dimensions"),
    "models": (ModelContract, "model"),
    "storage": (StorageContract, "storage"),
}
"""The suite of each kind, and its fixture for what is tested."""

MODULE: Final = """
from sotopia_testing import checking

globals().update(checking.COLLECTED)
"""
"""The test module that pytest collects."""

COLLECTED: Final[dict[str, type]] = {}
"""The test classes of the plugin that is checked in this process."""


@dataclass
class Report:
    """What came of one suite. ``unchecked`` says why it was not run."""

    name: str
    kind: str
    passed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unchecked: str = ""


def target(name: str) -> tuple[Registry, Plugin]:
    """Return the plugin that is meant: a folder or a ``.py`` file that is there, or an installed plugin's name."""
    path = Path(name)
    if path.suffix == ".py":
        registry = Registry()
        load_modules([path], registry)
        return registry, registry.plugins[0]
    if path.is_dir():
        return _in_folder(path)
    registry = Registry.discover()
    found = [plugin for plugin in registry.plugins if name in (plugin.name, plugin.distribution)]
    if not found:
        known = ", ".join(plugin.name for plugin in registry.plugins)
        raise ConfigError(f"{name!r} is neither a folder, nor a .py file, nor an installed plugin; there are {known}")
    if len(found) > 1:
        raise ConfigError(f"{name!r} has several plugins: {', '.join(one.name for one in found)}; check one at a time")
    return registry, found[0]


def _in_folder(folder: Path) -> tuple[Registry, Plugin]:
    """Register the plugin that a distribution's folder holds, whether or not it is installed."""
    try:
        project = tomli.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        points = dict(project["entry-points"]["sotopia"])
    except OSError as error:
        raise ConfigError(f"{folder} holds no distribution: pyproject.toml: {error.strerror}") from None
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{folder / 'pyproject.toml'} is not valid TOML: {error}") from None
    except KeyError as error:
        hint = "a plugin has [project.entry-points.sotopia]"
        raise ConfigError(f"{folder / 'pyproject.toml'} has no {error}; {hint}") from None
    if len(points) != 1:
        raise ConfigError(f"{folder / 'pyproject.toml'} names {len(points)} plugins; one at a time can be checked")
    ((name, module),) = points.items()
    sys.path[:0] = [str(folder.absolute()), str((folder / "src").absolute())]
    registry = Registry()
    try:
        imported = importlib.import_module(module)
    except BaseException as error:
        raise ConfigError(f"{module} cannot be imported: {one_line(error)}") from error
    plugin = registry.register(imported, name, str(project.get("name", name)), str(project.get("version", "")))
    return registry, plugin


def classes(
    registry: Registry, plugin: Plugin, options: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[type, Report]]:
    """Yield a test class for the plugin and for each thing that it offers, with the report that it fills."""
    if not plugin.distribution.endswith(".py"):  # a file that was loaded is no module that others could import
        module = importlib.import_module(plugin.module.partition(":")[0])
        yield _class(PluginContract, "plugin", plugin.name, module), Report(plugin.name, "plugin")
    for offer in registry.offers:
        if offer.plugin == plugin:
            yield _of_offer(offer, options.get(offer.name, {}), registry)
    for owner, pack in registry.packs:
        if owner == plugin:
            yield _class(PackContract, "pack", pack.name, pack), Report(pack.name, "packs")


def _of_offer(offer: Offer, options: Mapping[str, Any], registry: Registry) -> tuple[type, Report]:
    report = Report(offer.name, offer.kind)
    if offer.kind not in SUITES:
        report.unchecked = f"there is no suite for {offer.kind}"
        return object, report
    suite, fixture = SUITES[offer.kind]
    try:
        loaded = offer.load()
        made: object = loaded if offer.kind == "dimensions" else _made(loaded, options, registry)
    except SotopiaError as error:
        report.unchecked = one_line(error)
        return object, report
    return _class(suite, fixture, offer.name, made), report


def _made(component: type[BaseModel], options: Mapping[str, Any], registry: Registry) -> BaseModel:
    """Make a component with these options; a model that must be named and is not is the offline stand-in."""
    if component.__pydantic_generic_metadata__["parameters"]:
        component = component[registry.dimension_model("SotopiaDimensions", {})]  # type: ignore[index]
    given = dict(options)
    for name, info in component.model_fields.items():
        if info.is_required() and names_a_model(info):
            given.setdefault(name, "offline")
    try:
        return component.model_validate(given)
    except ValidationError as error:
        hint = "give what is missing with --set NAME.OPTION=VALUE"
        raise ConfigError(f"{component.__name__}: {explain(error, component)}; {hint}") from None


def _class(suite: type, fixture: str, name: str, thing: object) -> type:
    def given(self: object) -> object:
        return thing

    def stored(self: object, tmp_path: Path) -> object:
        assert isinstance(thing, Component)
        places = {option: tmp_path / "store" for option, value in thing if isinstance(value, Path)}
        return type(thing).model_validate({**dict(thing), **places})

    make = stored if suite is StorageContract else given
    return type(f"Test{name}", (suite,), {fixture: pytest.fixture(make)})


class _Collector:
    """A pytest plugin that notes what became of each test."""

    def __init__(self, reports: Mapping[str, Report]) -> None:
        self._reports = reports

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: when it was called, or failed or was skipped before."""
        _, suite, test = report.nodeid.split("::", 2)
        into = self._reports[suite]
        if report.failed:
            into.failures.append((test, _cause(report)))
        elif report.skipped:
            into.skipped.append(f"{test}: {_reason(report)}")
        elif report.when == "call":
            into.passed += 1


def _cause(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longrepr)
    return text.partition("\n")[0].removeprefix("AssertionError: ")


def _reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


def check(name: str, options: Sequence[str] = ()) -> list[Report]:
    """Run the suites over a plugin in this process; ``InputError`` where there is nothing to run them over."""
    registry, plugin = target(name)
    if plugin.state != "loaded":
        raise ConfigError(f"{plugin.title} cannot be loaded: {plugin.cause}")
    reports: dict[str, Report] = {}
    unchecked: list[Report] = []
    COLLECTED.clear()
    for suite, report in classes(registry, plugin, _options(options)):
        if report.unchecked:
            unchecked.append(report)
            continue
        key = f"Test{len(reports)}"
        COLLECTED[key], reports[key] = suite, report
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "test_conformance.py"
        module.write_text(MODULE, encoding="utf-8")
        (Path(folder) / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        arguments = ["-q", "-p", "no:cacheprovider", "--rootdir", folder, "-c", f"{folder}/pytest.ini", str(module)]
        pytest.main(arguments, plugins=[_Collector(reports)])
    return [*reports.values(), *unchecked]


def _options(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    options: dict[str, dict[str, Any]] = {}
    for one in given:
        key, equals, value = one.partition("=")
        name, dot, option = key.partition(".")
        if not equals or not dot:
            raise ConfigError(f"--set {one}: expected NAME.OPTION=VALUE, such as Parrot.greeting=Hello")
        try:
            options.setdefault(name, {})[option] = tomli.loads(f"value = {value}")["value"]
        except tomli.TOMLDecodeError:  # a bare word is text, as on the command line of run
            options.setdefault(name, {})[option] = value
    return options


def main() -> None:
    """Check what the arguments name, and print the reports as JSON; what tests and plugins print goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        told: dict[str, Any] = {"reports": [asdict(report) for report in check(sys.argv[1], sys.argv[2:])]}
    except SotopiaError as error:
        told = {"error": one_line(error)}
    with out:
        json.dump(told, out)
