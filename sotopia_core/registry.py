"""From entry points to classes: which plugins are there, what they offer, and what went wrong with which."""

from __future__ import annotations

import importlib
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any, Final, Literal, TypeVar

import pluggy
from importlib_metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, entry_points, version
from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel

from sotopia_core import hookspecs
from sotopia_core.errors import (
    FAULTS,
    ClashError,
    ConfigError,
    MissingExtraError,
    PluginError,
    UnknownComponentError,
    nearest,
    one_line,
)
from sotopia_core.interfaces import (
    Agent,
    Model,
    Ordering,
    Pack,
    ResponseEvaluator,
    Sampler,
    Storage,
    TerminalEvaluator,
)
from sotopia_core.lifecycle import Notifier, one_plugin

C = TypeVar("C", bound=BaseModel)

GROUP: Final = "sotopia"
CORE: Final = "sotopia-core"
Kind = Literal[
    "agents",
    "orderings",
    "samplers",
    "response_evaluators",
    "terminal_evaluators",
    "dimensions",
    "models",
    "storage",
]
INTERFACES: Final[Mapping[Kind, type[BaseModel]]] = {
    "agents": Agent,
    "orderings": Ordering,
    "samplers": Sampler,
    "response_evaluators": ResponseEvaluator,
    "terminal_evaluators": TerminalEvaluator,
    "dimensions": BaseModel,
    "models": Model,
    "storage": Storage,
}
_SINGULAR: Final[Mapping[Kind, str]] = {
    "agents": "agent",
    "orderings": "ordering",
    "samplers": "sampler",
    "response_evaluators": "response evaluator",
    "terminal_evaluators": "terminal evaluator",
    "dimensions": "dimension set",
    "models": "model",
    "storage": "storage",
}
_REFERENCE = re.compile(r"(?P<module>[\w.]+):(?P<name>\w+)(?:\s*\[(?P<extra>[\w.-]+)\])?")
_SPEC = re.compile(r"(?:(?P<distribution>[\w.-]+):)?(?P<name>\w+)(?:\[(?P<parameter>[\w.:-]+)\])?")

State = Literal["loaded", "quarantined", "disabled"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One installed plugin. ``cause`` says in one line why it is not loaded; ``details`` holds the traceback."""

    name: str
    distribution: str
    version: str
    module: str
    state: State
    cause: str = ""
    details: str = ""

    @property
    def title(self) -> str:
        """How messages name the plugin."""
        return f"plugin {self.name} ({self.distribution} {self.version})".replace(" )", ")")


@dataclass(frozen=True, slots=True)
class Offer:
    """A component that a plugin offers, not imported yet unless the plugin gave the class itself."""

    kind: Kind
    name: str
    plugin: Plugin
    target: str | type[BaseModel]
    extra: str = ""

    def load(self) -> type[BaseModel]:
        """Import the class; ``MissingExtraError`` or ``PluginError`` where that fails."""
        self._require_extra()
        doing = f"providing the {_SINGULAR[self.kind]} {self.name}"
        if isinstance(self.target, str):
            module, _, attribute = self.target.partition(":")
            try:
                loaded = getattr(importlib.import_module(module), attribute)
            except FAULTS as error:
                raise PluginError(self.plugin.title, doing, error) from error
        else:
            loaded = self.target
        expected = INTERFACES[self.kind]
        if not (isinstance(loaded, type) and issubclass(loaded, expected)):
            raise PluginError(self.plugin.title, doing, f"{self.target} is no subclass of {expected.__name__}")
        return loaded

    def _require_extra(self) -> None:
        absent = [name for name in _requirements(self.plugin.distribution, self.extra) if not _is_installed(name)]
        if absent:
            raise MissingExtraError(
                f"{self.name} needs {', '.join(absent)}, not installed here; "
                f"run: pip install '{self.plugin.distribution}[{self.extra}]'"
            )


@dataclass
class Registry:
    """The plugins of this process. Make one with :meth:`discover`, or take the shared one, :meth:`installed`."""

    plugins: list[Plugin] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    packs: list[tuple[Plugin, Pack]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pluggy = pluggy.PluginManager("sotopia")
        self._pluggy.add_hookspecs(hookspecs)

    @classmethod
    def discover(cls, disable: Iterable[str] = ()) -> Registry:
        """Load every installed plugin but the disabled ones (by plugin or distribution name).

        One that raises, at import or at a hook call, is quarantined with its cause; the others work.
        """
        registry = cls()
        off = set(disable)
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
            registry._load(entry, off)
        unknown = off - {name for plugin in registry.plugins for name in (plugin.name, plugin.distribution)}
        if unknown:
            names = [plugin.name for plugin in registry.plugins]
            raise ConfigError(f"cannot disable {min(unknown)!r}: no such plugin{nearest(min(unknown), names)}")
        return registry

    @staticmethod
    def installed() -> Registry:
        """Return the registry of all installed plugins, discovered once a process."""
        return _installed()

    def register(self, module: object, name: str, distribution: str = "this process", version: str = "") -> Plugin:
        """Add a plugin by hand: a module, or any object with hook implementations. A faulty one is quarantined."""
        where = module.__name__ if isinstance(module, ModuleType) else type(module).__name__
        plugin = Plugin(name, distribution, version, where, "loaded")
        offers: list[Offer] = []
        packs: list[tuple[Plugin, Pack]] = []
        try:
            self._pluggy.register(module, name)
            self._pluggy.check_pending()
            for kind in INTERFACES:
                offers += [_offer(kind, plugin, given) for given in self._call(plugin, kind)]
            packs = [(plugin, _pack(given)) for given in self._call(plugin, "packs")]
        except FAULTS as error:
            if self._pluggy.has_plugin(name):
                self._pluggy.unregister(name=name)
            return self._quarantine(plugin, error)
        self.plugins.append(plugin)
        self.offers += offers
        self.packs += packs
        return plugin

    def find(self, kind: Kind, name: str) -> Offer:
        """Return the one offer of that kind and name.

        ``name`` may be qualified, ``distribution:Name``. ``ClashError`` where two plugins offer it,
        ``UnknownComponentError`` where none does; the latter says which broken plugins might have.
        """
        spec = _SPEC.fullmatch(name)
        wanted, origin = (spec["name"], spec["distribution"]) if spec else (name, None)
        found = [o for o in self.offers if o.kind == kind and o.name == wanted and origin in (None, *_origins(o))]
        if len(found) > 1:
            raise ClashError(
                f"{len(found)} plugins offer the {_SINGULAR[kind]} {wanted!r}: "
                + " and ".join(offer.plugin.title for offer in found)
                + f"; write {found[0].plugin.distribution}:{wanted} or {found[-1].plugin.distribution}:{wanted}"
            )
        if not found:
            raise UnknownComponentError(self._unknown(kind, name))
        return found[0]

    def component(
        self,
        kind: Kind,
        spec: str,
        interface: type[C],
        dimensions: Mapping[str, type[BaseModel]] | None = None,
    ) -> type[C]:
        """Return the class that a run file means by ``spec``, its parameter filled in.

        ``dimensions`` are the run file's own sets, which come before those of plugins.
        """
        parsed = _SPEC.fullmatch(spec)
        if parsed is None:
            raise UnknownComponentError(f"{spec!r} does not name a component; expected Name or Name[Parameter]")
        offer = self.find(kind, spec.partition("[")[0])
        loaded = offer.load()
        if parsed["parameter"]:
            loaded = self._parametrise(loaded, offer, parsed["parameter"], dimensions or {})
        if not issubclass(loaded, interface):
            raise PluginError(offer.plugin.title, f"providing {spec}", f"it is no {interface.__name__}")
        return loaded

    def dimension_model(self, name: str, own: Mapping[str, type[BaseModel]]) -> type[BaseModel]:
        """Return the pydantic model of a dimension set, from a run file's own sets or from a plugin."""
        if name in own:
            return own[name]
        try:
            return self.find("dimensions", name).load()
        except UnknownComponentError as error:
            close = nearest(name, own)
            raise UnknownComponentError(f"{error}{close}" if close else str(error)) from None

    def _parametrise(
        self, loaded: type[BaseModel], offer: Offer, parameter: str, own: Mapping[str, type[BaseModel]]
    ) -> type[BaseModel]:
        if not loaded.__pydantic_generic_metadata__["parameters"]:
            raise UnknownComponentError(f"{offer.name} takes no parameter; write {offer.name!r} instead")
        model = self.dimension_model(parameter, own)
        try:
            filled: type[BaseModel] = loaded[model]  # type: ignore[index]
        except FAULTS as error:
            raise PluginError(offer.plugin.title, f"filling in {offer.name}[{parameter}]", error) from error
        return filled

    def names(self, kind: Kind) -> list[str]:
        """Return the names on offer, sorted."""
        return sorted({offer.name for offer in self.offers if offer.kind == kind})

    def notifier(self, on_fault: Callable[[PluginError], None]) -> Notifier:
        """Return what tells all plugins of a run's events, one by one, so that none can harm another or the run."""
        return Notifier(self._pluggy, {plugin.name: plugin.title for plugin in self.plugins}, on_fault)

    def add_commands(self, app: Any) -> None:
        """Let every plugin add its sub-commands to the command line; a faulty one is quarantined."""
        for plugin in [plugin for plugin in self.plugins if plugin.state == "loaded"]:
            try:
                one_plugin(self._pluggy, "sotopia_commands", plugin.name)(app=app)
            except FAULTS as error:
                self.plugins.remove(plugin)
                self._quarantine(plugin, error)

    def _load(self, entry: EntryPoint, off: set[str]) -> None:
        origin = entry.dist
        name, number = (origin.name, origin.version) if origin is not None else ("unknown", "")
        plugin = Plugin(entry.name, name, number, entry.value, "loaded")
        if entry.name in off or name in off:
            self.plugins.append(_with_state(plugin, "disabled", "disabled by the configuration"))
            return
        if origin is not None and (problem := _unmet(origin)):
            self.plugins.append(_with_state(plugin, "quarantined", problem))
            return
        if self._pluggy.has_plugin(entry.name):
            self._quarantine(plugin, ClashError(f"another distribution has a plugin called {entry.name!r} too"))
            return
        try:
            module = entry.load()
        except FAULTS as error:
            self._quarantine(plugin, error)
            return
        self.register(module, entry.name, name, number)

    def _quarantine(self, plugin: Plugin, error: BaseException) -> Plugin:
        details = "".join(traceback.format_exception(error))
        plugin = _with_state(plugin, "quarantined", one_line(error), details)
        self.plugins.append(plugin)
        return plugin

    def _call(self, plugin: Plugin, kind: str) -> list[Any]:
        offers: list[Any] = []
        for given in one_plugin(self._pluggy, f"sotopia_{kind}", plugin.name)():
            if not isinstance(given, Sequence) or isinstance(given, str):
                raise PluginError(plugin.title, f"offering {kind}", f"it gave {type(given).__name__}, not a list")
            offers += given
        return offers

    def _unknown(self, kind: Kind, name: str) -> str:
        known = self.names(kind)
        text = f"no {_SINGULAR[kind]} is called {name!r}{nearest(name, known)}"
        if not nearest(name, known):
            text += f"; there are {', '.join(known)}" if known else "; no plugin offers any"
        for plugin in self.plugins:
            if plugin.state == "quarantined":
                text += f"; {plugin.title} could not be loaded: {plugin.cause}"
            elif plugin.state == "disabled":
                text += f"; {plugin.title} is disabled"
        return text


@cache
def _installed() -> Registry:
    return Registry.discover()


def _offer(kind: Kind, plugin: Plugin, given: object) -> Offer:
    if isinstance(given, type) and issubclass(given, BaseModel):
        return Offer(kind, given.__name__, plugin, given)
    reference = _REFERENCE.fullmatch(given) if isinstance(given, str) else None
    if reference is None:
        raise PluginError(plugin.title, f"offering {kind}", f"{given!r} is neither a class nor 'module:Class'")
    target = f"{reference['module']}:{reference['name']}"
    return Offer(kind, reference["name"], plugin, target, reference["extra"] or "")


def _pack(given: object) -> Pack:
    if not isinstance(given, Pack):
        raise TypeError(f"sotopia_packs gave {type(given).__name__}, not a Pack")
    return given


def _origins(offer: Offer) -> tuple[str, str]:
    return offer.plugin.distribution, offer.plugin.name


def _with_state(plugin: Plugin, state: State, cause: str, details: str = "") -> Plugin:
    return Plugin(plugin.name, plugin.distribution, plugin.version, plugin.module, state, cause, details)


def _parsed_requirements(requires: Sequence[str] | None) -> list[Requirement]:
    parsed = []
    for text in requires or ():
        try:
            parsed.append(Requirement(text))
        except InvalidRequirement:  # a distribution's own carelessness; pip refuses it long before we do
            continue
    return parsed


def _unmet(origin: Distribution) -> str:
    """Say which version of the kernel a plugin's distribution wants, where it is not this one."""
    for requirement in _parsed_requirements(origin.requires):
        if requirement.name == CORE and requirement.marker is None:
            here = version(CORE)
            if not requirement.specifier.contains(here, prereleases=True):
                return f"it needs {CORE}{requirement.specifier}, and {here} is installed"
    return ""


def _requirements(name: str, extra: str) -> list[str]:
    """Return the distributions that an extra of a distribution brings."""
    if not extra:
        return []
    try:
        requires = distribution(name).requires
    except PackageNotFoundError:
        return []
    return [
        requirement.name
        for requirement in _parsed_requirements(requires)
        if requirement.marker is not None
        and requirement.marker.evaluate({"extra": extra})
        and not requirement.marker.evaluate({"extra": ""})
    ]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
