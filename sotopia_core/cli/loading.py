"""``--load``: components from a module file that is not packaged.

Only the command line can ask for it. Run files cannot: they are data.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel

from sotopia_core.digests import digest
from sotopia_core.errors import ConfigError, one_line, pass_on
from sotopia_core.evaluation import DimensionSet
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Component
from sotopia_core.plugins import Plugin
from sotopia_core.registry import INTERFACES, Kind, Registry


def load_modules(paths: Sequence[Path], registry: Registry) -> None:
    """Run module files and register what is in them as plugins, each called as its file is.

    A module that implements hooks is a plugin as any other; of one that does not, every component and every dimension
    set that it defines is on offer. ``ConfigError`` where a file cannot be run, or holds nothing to offer.
    """
    for path in paths:
        module = _run(path)
        hooks = [name for name, value in vars(module).items() if hasattr(value, "sotopia_impl")]
        plugin = registry.register(
            module if hooks else _offering(module, path), path.stem, path.name, digest(path.read_bytes().hex())
        )
        _require(plugin, path)


def _require(plugin: Plugin, path: Path) -> None:
    if plugin.state != "loaded":
        raise ConfigError(f"--load {path}: {plugin.cause}")


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"--load {path}: no such file")
    # Under its own name, as pydantic looks types up there; but never in place of another module.
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"loaded_{len(sys.modules)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--load {path}: is no Python file; expected one that ends in .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        pass_on(error)
        del sys.modules[name]
        lines = [
            step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == str(path.absolute())
        ]
        where = f", line {lines[-1]}" if lines else ""
        raise ConfigError(f"--load {path}{where}: {one_line(error)}") from error
    return module


KINDS: Final[Sequence[Kind]] = tuple(kind for kind in INTERFACES if kind != "dimensions")


def _offering(module: ModuleType, path: Path) -> object:
    """Return a plugin that offers every class of a module that is a component or a dimension set."""
    offers: dict[str, list[type[BaseModel]]] = {}
    for kind, found in _components(module):
        offers.setdefault(kind, []).append(found)
    if not offers:
        raise ConfigError(f"--load {path}: it defines no component, such as a subclass of sotopia_core.Agent")
    hooks: dict[str, Any] = {f"sotopia_{kind}": hookimpl(_returning(classes)) for kind, classes in offers.items()}
    return type(path.stem, (), {name: staticmethod(hook) for name, hook in hooks.items()})()


def _components(module: ModuleType) -> Iterator[tuple[Kind, type[BaseModel]]]:
    for name, value in vars(module).items():
        own = isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
        if not own or name.startswith("_") or inspect.isabstract(value):
            continue
        if issubclass(value, Component):
            yield from ((kind, value) for kind in KINDS if issubclass(value, INTERFACES[kind]))
        elif _is_dimension_set(value):
            yield "dimensions", value


def _is_dimension_set(model: type[BaseModel]) -> bool:
    try:
        DimensionSet.from_model(model)
    except ValueError:
        return False
    return True


def _returning(classes: list[type[BaseModel]]) -> Any:
    return lambda: list(classes)
