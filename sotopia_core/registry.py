"""From plugins to classes: what each plugin offers, and how a name in a run file becomes a component."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, TypeVar

from importlib_metadata import PackageNotFoundError, distribution
from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel

from sotopia_core.errors import (
    ClashError,
    MissingExtraError,
    PluginError,
    UnknownComponentError,
    nearest,
    pass_on,
)
from sotopia_core.interfaces import (
    Agent,
    Model,
    Ordering,
    ResponseEvaluator,
    Sampler,
    Storage,
    TerminalEvaluator,
)
from sotopia_core.lifecycle import Notifier
from sotopia_core.packs import Pack
from sotopia_core.plugins import HERE, Plugin, PluginHost, note_origin

C = TypeVar("C", bound=BaseModel)

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
            except BaseException as error:
                pass_on(error)
                raise PluginError(self.plugin.title, doing, error) from error
        else:
            loaded = self.target
        expected = INTERFACES[self.kind]
        if not (isinstance(loaded, type) and issubclass(loaded, expected)):
            raise PluginError(self.plugin.title, doing, f"{self.target} is no subclass of {expected.__name__}")
        note_origin(loaded, self.plugin)
        return loaded

    def _require_extra(self) -> None:
        absent = [name for name in _requirements(self.plugin.distribution, self.extra) if not _is_installed(name)]
        if absent:
            raise MissingExtraError(
                f"{self.name} needs {', '.join(absent)}, not installed here; "
                f"run: pip install '{self.plugin.distribution}[{self.extra}]'"
            )


class Registry:
    """What the plugins of this process offer. Make one with :meth:`discover`, or take the shared :meth:`installed`."""

    def __init__(self, host: PluginHost | None = None) -> None:
        self.host = PluginHost() if host is None else host
        self.offers: list[Offer] = []
        self.packs: list[tuple[Plugin, Pack]] = []
        for plugin in self.host.plugins:
            self._take_offers(plugin)

    @classmethod
    def discover(cls, disable: Iterable[str] = ()) -> Registry:
        """Load every installed plugin but the disabled ones (by plugin or distribution name).

        One that raises, at import or at a hook call, is quarantined with its cause; the others work. Where the
        environment is strict, that is a ``PluginError`` instead.
        """
        registry = cls(PluginHost.discover(disable))
        registry.host.check_loaded()
        return registry

    @staticmethod
    def installed() -> Registry:
        """Return the registry of all installed plugins, discovered once a process."""
        return _installed()

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """All plugins, whatever their state."""
        return tuple(self.host.plugins)

    def register(self, module: object, name: str, distribution: str = HERE, version: str = "") -> Plugin:
        """Add a plugin by hand: a module, or any object with hook implementations. A faulty one is quarantined."""
        return self._take_offers(self.host.register(module, name, distribution, version))

    def _take_offers(self, plugin: Plugin) -> Plugin:
        """Ask a plugin for all that it offers; whatever goes wrong, it is quarantined and offers nothing."""
        if plugin.state != "loaded":
            return plugin
        try:
            offers = [_offer(kind, plugin, given) for kind in INTERFACES for given in self._ask(plugin, kind)]
            packs = [(plugin, _pack(given)) for given in self._ask(plugin, "packs")]
        except BaseException as error:
            pass_on(error)
            return self.host.quarantine(plugin, error)
        self.offers += offers
        self.packs += packs
        return plugin

    def _ask(self, plugin: Plugin, kind: str) -> list[Any]:
        offers: list[Any] = []
        for given in self.host.ask(plugin, f"sotopia_{kind}"):
            if not isinstance(given, Sequence) or isinstance(given, str):
                raise PluginError(plugin.title, f"offering {kind}", f"it gave {type(given).__name__}, not a list")
            offers += given
        return offers

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
                + f"; write {_qualifier(found[0], found)}:{wanted} or {_qualifier(found[-1], found)}:{wanted}"
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
        except BaseException as error:
            pass_on(error)
            raise PluginError(offer.plugin.title, f"filling in {offer.name}[{parameter}]", error) from error
        note_origin(filled, offer.plugin)
        return filled

    def names(self, kind: Kind) -> list[str]:
        """Return the names on offer, sorted."""
        return sorted({offer.name for offer in self.offers if offer.kind == kind})

    def notifier(self, on_fault: Callable[[PluginError], None]) -> Notifier:
        """Return what tells all plugins of a run's events, one by one, so that none can harm another or the run."""
        return Notifier(self.host.manager, {plugin.name: plugin.title for plugin in self.plugins}, on_fault)

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
    registry = Registry(PluginHost.installed())
    registry.host.check_loaded()
    return registry


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


def _qualifier(offer: Offer, clashing: Sequence[Offer]) -> str:
    """Name an offer's origin as it can be written: its distribution where that is unique, else its plugin."""
    origin = offer.plugin.distribution
    alone = [other.plugin.distribution for other in clashing].count(origin) == 1
    return origin if alone and _SPEC.fullmatch(f"{origin}:{offer.name}") else offer.plugin.name


def _origins(offer: Offer) -> tuple[str, str]:
    return offer.plugin.distribution, offer.plugin.name


def _parsed_requirements(requires: Sequence[str] | None) -> list[Requirement]:
    parsed = []
    for text in requires or ():
        try:
            parsed.append(Requirement(text))
        except InvalidRequirement:  # a distribution's own carelessness; pip refuses it long before we do
            continue
    return parsed


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
