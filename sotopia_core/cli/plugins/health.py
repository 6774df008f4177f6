"""``sotopia plugins doctor``: what is wrong with the installed plugins, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final, Literal

from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.errors import MissingExtraError, SotopiaError
from sotopia_core.registry import Offer, Registry

SLOW: Final = 0.25
"""Seconds of import from which on a plugin is worth mentioning, since every start of the command line pays for it."""

EXIT_WELL: Final = 0
EXIT_ILL: Final = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a plugin. A ``problem`` is to be mended; a ``note`` may be as it is meant to be."""

    severity: Literal["problem", "note"]
    plugin: str
    text: str


def say_health(*, as_json: bool) -> int:
    """Print what is found; returns the exit status."""
    registry = Registry.installed()
    found = list(findings(registry))
    problems = [one for one in found if one.severity == "problem"]
    milliseconds = {plugin.title: round(1000 * plugin.seconds, 1) for plugin in registry.plugins}
    if as_json:
        say_json({"healthy": not problems, "findings": [asdict(one) for one in found], "import_ms": milliseconds})
    else:
        rows = [(one.severity, one.plugin, one.text) for one in found]
        if rows:
            say_table(("", "plugin", "what"), rows)
            say()
        total = sum(plugin.seconds for plugin in registry.plugins)
        count = "1 plugin" if len(milliseconds) == 1 else f"{len(milliseconds)} plugins"
        say(f"{count}, imported in {1000 * total:.0f} ms; {_summary(len(problems))}")
    return EXIT_ILL if problems else EXIT_WELL


def _summary(problems: int) -> str:
    return "nothing is wrong" if problems == 0 else "1 problem" if problems == 1 else f"{problems} problems"


def findings(registry: Registry) -> Iterator[Finding]:
    """Yield what is wrong or worth knowing. Every component on offer is imported to find out."""
    for plugin in registry.plugins:
        if plugin.state == "quarantined":
            yield Finding("problem", plugin.title, plugin.cause)
        elif plugin.state == "disabled":
            yield Finding("note", plugin.title, plugin.cause)
        elif plugin.seconds > SLOW:
            yield Finding("note", plugin.title, f"importing it takes {plugin.seconds:.1f} s of every command")
    for offer in registry.offers:
        try:
            offer.load()
        except MissingExtraError as error:
            yield Finding("note", offer.plugin.title, str(error))
        except SotopiaError as error:
            yield Finding("problem", offer.plugin.title, str(error))
    yield from _clashes(registry)


def _clashes(registry: Registry) -> Iterator[Finding]:
    by_name: dict[tuple[str, str], list[Offer]] = {}
    for offer in registry.offers:
        by_name.setdefault((offer.kind, offer.name), []).append(offer)
    for (kind, name), offers in by_name.items():
        for offer in offers[1:]:
            yield Finding(
                "problem",
                offer.plugin.title,
                f"{name} ({kind.replace('_', ' ')}) is offered by {offers[0].plugin.title} too; "
                f"in run files write {offers[0].plugin.distribution}:{name} or {offer.plugin.distribution}:{name}",
            )
    owners: dict[str, str] = {}
    for plugin, pack in registry.packs:
        if pack.name in owners:
            yield Finding("problem", plugin.title, f"{owners[pack.name]} brings a pack called {pack.name!r} too")
        owners.setdefault(pack.name, plugin.title)
