"""From entry points to plugins: which are installed, which of them work, and why the others do not.

Nothing here imports a component, an interface or pydantic: the command line asks for its plugins at every start.
"""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

import pluggy
from importlib_metadata import Distribution, EntryPoint, PackageNotFoundError, distributions, version

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
HERE: Final = "this process"
"""What stands for the distribution of a plugin that was registered by hand."""
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


@dataclass(frozen=True, slots=True)
class Origin:
    """What the metadata of a distribution says: its name, its version, and its requirements."""

    name: str
    version: str
    requires: tuple[str, ...]


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
        found = [one for origin in distributions() for one in host._entries_of(origin)]
        for entry, origin in sorted(found, key=lambda one: (one[0].name, one[1].name)):
            host._load(entry, origin, off, away)
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

    def register(self, module: object, name: str, distribution: str = HERE, version: str = "") -> Plugin:
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

    def _entries_of(self, distribution: Distribution) -> list[tuple[EntryPoint, Origin]]:
        try:
            # Most distributions have none, and every start of the command line reads them all: no metadata for those.
            if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                return []
            entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
            origin = _origin_of(distribution)
        except BaseException as error:  # a distribution that is half removed, or that names no object
            pass_on(error)
            name = _name_of(distribution)
            self.quarantine(Plugin(name, name, "", "", "quarantined"), error)
            return []
        return [] if _is_shadowed(distribution, origin.name) else [(entry, origin) for entry in entries]

    def _load(self, entry: EntryPoint, origin: Origin, off: set[str], away: set[str]) -> None:
        plugin = Plugin(entry.name, origin.name, origin.version, entry.value, "loaded")
        if off & {entry.name, origin.name}:
            self._set_state(plugin, "disabled", "disabled by [plugins]")
        elif away & {entry.name, origin.name}:
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
                registered = self.register(module, entry.name, origin.name, origin.version)
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


_BROUGHT: Final[WeakKeyDictionary[type, Plugin]] = WeakKeyDictionary()


def note_origin(component: type, plugin: Plugin) -> None:
    """Remember which plugin brought a class, for whatever is to be said of it later."""
    _BROUGHT[component] = plugin


def titled(component: type, name: str = "") -> str:
    """Name a component for a message, with the plugin that brought it where that is a third party's."""
    plugin = _BROUGHT.get(component)
    name = name or component.__name__
    return name if plugin is None or plugin.distribution in (CORE, HERE) else f"{name} of {plugin.title}"


def one_plugin(manager: pluggy.PluginManager, hook: str, name: str) -> pluggy.HookCaller:
    """Return a caller of a hook that reaches one plugin alone."""
    others = [plugin for other, plugin in manager.list_name_plugin() if other != name]
    return manager.subset_hook_caller(hook, remove_plugins=others)


def _name_of(distribution: Distribution) -> str:
    try:
        return str(distribution.name)
    except BaseException as error:  # without metadata there is no name
        pass_on(error)
        return "a distribution without metadata"


def _origin_of(distribution: Distribution) -> Origin:
    """Read a distribution's metadata, once; it raises whatever comes where there is none."""
    metadata = distribution.metadata
    if metadata is None:
        raise PackageNotFoundError(str(distribution.locate_file("")))
    requires = metadata.get_all("Requires-Dist") or distribution.requires or ()
    return Origin(str(metadata["Name"]), str(metadata["Version"]), tuple(map(str, requires)))


def _is_shadowed(distribution: Distribution, name: str) -> bool:
    """Whether another distribution of that name comes first on the path, and so is the one that Python imports."""
    try:
        first = Distribution.from_name(name)
    except PackageNotFoundError:
        return False
    return bool(first.locate_file("") != distribution.locate_file(""))


@cache
def _installed() -> PluginHost:
    return PluginHost.discover()


def _unmet(origin: Origin) -> str:
    """Say which version of the kernel a plugin's distribution wants, where it is not this one."""
    wanted = [text for text in origin.requires if _KERNEL.match(text)]
    if origin.name == CORE or not wanted:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement  # the built-ins alone must not pay for it

    for text in wanted:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # a distribution's own carelessness; pip refuses it long before we do
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not requirement.specifier.contains(_version_here(), prereleases=True):
            return f"it needs {CORE}{requirement.specifier}, and {_version_here()} is installed"
    return ""


_KERNEL: Final = re.compile(r"\s*sotopia[-_.]+core(?![\w.-])", re.IGNORECASE)


@cache
def _version_here() -> str:
    return str(version(CORE))
