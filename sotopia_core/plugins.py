"""From entry points to plugins: which are installed, which of them work, and why the others do not.

Nothing here imports a component, an interface or pydantic: the command line asks for its plugins at every start.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import Any, Final, Literal

import pluggy
from importlib_metadata import Distribution, EntryPoint, distributions, version

from sotopia_core import hookspecs
from sotopia_core.errors import (
    ClashError,
    ConfigError,
    PluginError,
    nearest,
    one_line,
    pass_on,
)

GROUP: Final = "sotopia"
CORE: Final = "sotopia-core"
DISABLED: Final = "SOTOPIA_DISABLE_PLUGINS"
"""The environment variable that names plugins, or their distributions, to leave alone, separated by commas."""
STRICT: Final = "SOTOPIA_STRICT_PLUGINS"
"""The environment variable that, where it is set, makes a plugin that cannot be loaded an error."""

State = Literal["loaded", "quarantined", "disabled"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One installed plugin. ``cause`` says in one line why it is not loaded; ``details`` holds the traceback.

    ``seconds`` is how long importing its module took.
    """

    name: str
    distribution: str
    version: str
    module: str
    state: State
    cause: str = ""
    details: str = ""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        """How messages name the plugin."""
        return f"plugin {self.name} ({self.distribution} {self.version})".replace(" )", ")")


@dataclass
class PluginHost:
    """The plugins of this process: found with :meth:`discover`, or shared as :meth:`installed`."""

    plugins: list[Plugin] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.manager = pluggy.PluginManager("sotopia")
        self.manager.add_hookspecs(hookspecs)

    @classmethod
    def discover(cls, disable: Iterable[str] = ()) -> PluginHost:
        """Import every installed plugin but the disabled ones (by plugin or distribution name).

        Those that the environment disables are left alone, too. One that raises is quarantined with its cause; the
        others work. ``ConfigError`` where one to disable is not there; the environment may name any.
        """
        host = cls()
        off = set(disable)
        away = {name.strip() for name in os.environ.get(DISABLED, "").split(",")}
        by_name: dict[str, Distribution] = {}
        for origin in distributions():  # the first of one name on the path is the one that Python imports
            by_name.setdefault(_name_of(origin), origin)
        found = [one for name, origin in by_name.items() for one in host._entries_of(origin, name)]
        for entry, origin, name, number in sorted(found, key=lambda one: (one[0].name, one[2])):
            host._load(entry, origin, name, number, off, away)
        host.check_names(off)
        return host

    def check_names(self, names: Iterable[str]) -> None:
        """Raise ``ConfigError`` where a name to disable is neither that of a plugin nor of a distribution with one."""
        unknown = set(names) - {name for plugin in self.plugins for name in (plugin.name, plugin.distribution)}
        if unknown:
            close = nearest(min(unknown), [plugin.name for plugin in self.plugins])
            raise ConfigError(f"cannot disable {min(unknown)!r}: no such plugin{close}")

    def check_loaded(self) -> None:
        """Raise ``PluginError`` where the environment is strict and a plugin, not disabled, could not be loaded."""
        for plugin in self.plugins:
            if plugin.state == "quarantined" and is_strict():
                raise PluginError(plugin.title, "to load", plugin.cause)

    @staticmethod
    def installed() -> PluginHost:
        """Return the host of all installed plugins, discovered once a process."""
        return _installed()

    def register(self, module: object, name: str, distribution: str = "this process", version: str = "") -> Plugin:
        """Add a plugin: a module, or any object with hook implementations. A faulty one is quarantined."""
        where = module.__name__ if isinstance(module, ModuleType) else type(module).__name__
        plugin = Plugin(name, distribution, version, where, "loaded")
        self.plugins.append(plugin)
        try:
            self.manager.register(module, name)
            self.manager.check_pending()
        except BaseException as error:
            pass_on(error)
            return self.quarantine(plugin, error)
        return plugin

    def quarantine(self, plugin: Plugin, error: BaseException) -> Plugin:
        """Take a plugin out of use, and keep why. Returns it in its new state."""
        if plugin.state == "loaded" and self.manager.has_plugin(plugin.name):
            self.manager.unregister(name=plugin.name)
        details = "".join(traceback.format_exception(error))
        return self._set_state(plugin, "quarantined", one_line(error), details)

    def ask(self, plugin: Plugin, hook: str, **arguments: object) -> list[Any]:
        """Call a hook of one plugin and return what its implementation gave: no item, or one."""
        return list(one_plugin(self.manager, hook, plugin.name)(**arguments) or ())

    def add_commands(self, app: Any) -> None:
        """Let every plugin add its sub-commands to the command line; a faulty one is quarantined."""
        for plugin in [plugin for plugin in self.plugins if plugin.state == "loaded"]:
            try:
                self.ask(plugin, "sotopia_commands", app=app)
            except BaseException as error:
                pass_on(error)
                self.quarantine(plugin, error)

    def _entries_of(self, origin: Distribution, name: str) -> list[tuple[EntryPoint, Distribution, str, str]]:
        try:
            if f"[{GROUP}]" not in (origin.read_text("entry_points.txt") or ""):
                return []
            entries = [entry for entry in origin.entry_points if entry.group == GROUP]
            number = str(origin.version)
        except BaseException as error:  # a distribution that is half removed, or that names no object
            pass_on(error)
            self.quarantine(Plugin(name, name, "", "", "quarantined"), error)
            return []
        return [(entry, origin, name, number) for entry in entries]

    def _load(
        self, entry: EntryPoint, origin: Distribution, name: str, number: str, off: set[str], away: set[str]
    ) -> None:
        plugin = Plugin(entry.name, name, number, entry.value, "loaded")
        if off & {entry.name, name}:
            self._set_state(plugin, "disabled", "disabled by [plugins]")
        elif away & {entry.name, name}:
            self._set_state(plugin, "disabled", f"disabled by --no-plugin, or by {DISABLED}")
        elif problem := _unmet(origin):
            self._set_state(plugin, "quarantined", problem)
        elif self.manager.has_plugin(entry.name):
            self._set_state(plugin, "quarantined", one_line(self._clash(plugin)))
        else:
            began = time.perf_counter()
            try:
                module = entry.load()
            except BaseException as error:
                pass_on(error)
                self.quarantine(plugin, error)
            else:
                registered = self.register(module, entry.name, name, number)
                taken = time.perf_counter() - began
                self.plugins[self.plugins.index(registered)] = replace(registered, seconds=taken)

    def _clash(self, plugin: Plugin) -> ClashError:
        first = next(other for other in self.plugins if other.name == plugin.name and other.state == "loaded")
        return ClashError(
            f"{first.distribution} has a plugin called {plugin.name!r} too, and came first; to choose, disable or "
            f"uninstall {first.distribution} or {plugin.distribution}"
        )

    def _set_state(self, plugin: Plugin, state: State, cause: str, details: str = "") -> Plugin:
        changed = replace(plugin, state=state, cause=cause, details=details)
        if plugin in self.plugins:
            self.plugins[self.plugins.index(plugin)] = changed
        else:
            self.plugins.append(changed)
        return changed


def is_strict() -> bool:
    """Whether a plugin that is broken is an error, rather than left aside."""
    return bool(os.environ.get(STRICT))


def one_plugin(manager: pluggy.PluginManager, hook: str, name: str) -> pluggy.HookCaller:
    """Return a caller of a hook that reaches one plugin alone."""
    others = [plugin for other, plugin in manager.list_name_plugin() if other != name]
    return manager.subset_hook_caller(hook, remove_plugins=others)


def _name_of(origin: Distribution) -> str:
    try:
        return str(origin.name)
    except BaseException as error:  # without metadata there is no name
        pass_on(error)
        return "a distribution without metadata"


@cache
def _installed() -> PluginHost:
    return PluginHost.discover()


def _unmet(origin: Distribution) -> str:
    """Say which version of the kernel a plugin's distribution wants, where it is not this one."""
    if origin.name == CORE:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement  # the built-ins alone must not pay for it
    from packaging.utils import canonicalize_name

    for text in origin.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # a distribution's own carelessness; pip refuses it long before we do
            continue
        here = version(CORE)
        if canonicalize_name(requirement.name) != CORE:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not requirement.specifier.contains(here, prereleases=True):
            return f"it needs {CORE}{requirement.specifier}, and {here} is installed"
    return ""
