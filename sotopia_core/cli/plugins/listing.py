"""``sotopia plugins list``: a row a plugin."""

from __future__ import annotations

import json

from importlib_metadata import PackageNotFoundError, distribution

from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.plugins import Plugin
from sotopia_core.registry import Registry

PARTS = ("name", "distribution", "version", "module", "state", "cause", "details")


def say_plugins(*, as_json: bool) -> None:
    """Print the installed plugins."""
    registry = Registry.installed()
    offered = {plugin.title: offers_of(plugin, registry) for plugin in registry.plugins}
    if as_json:
        say_json(
            [
                {part: getattr(plugin, part) for part in PARTS}
                | {"editable": is_editable(plugin), "offers": offered[plugin.title]}
                for plugin in registry.plugins
            ]
        )
        return
    rows = []
    for plugin in registry.plugins:
        there = [f"{kind}: {', '.join(names)}" for kind, names in offered[plugin.title].items()] or [plugin.cause]
        installed = f"{plugin.distribution} {plugin.version}".strip() + (" (editable)" if is_editable(plugin) else "")
        rows.append([plugin.name, installed, plugin.state, there[0]])
        rows += [["", "", "", more] for more in there[1:]]
    if not rows:
        say("no plugin is installed", stderr=True)
        return
    say_table(("name", "distribution", "state", "offers, or why there are none"), rows)


def offers_of(plugin: Plugin, registry: Registry) -> dict[str, list[str]]:
    """Return the names that a plugin offers, by kind."""
    offers: dict[str, list[str]] = {}
    for offer in registry.offers:
        if offer.plugin == plugin:
            offers.setdefault(offer.kind, []).append(offer.name)
    for owner, pack in registry.packs:
        if owner == plugin:
            offers.setdefault("packs", []).append(pack.name)
    return offers


def is_editable(plugin: Plugin) -> bool:
    """Whether a plugin's distribution is installed as a link to its source."""
    try:
        origin = distribution(plugin.distribution).read_text("direct_url.json")
    except PackageNotFoundError:  # it was registered by hand
        return False
    return bool(origin) and bool(json.loads(origin or "{}").get("dir_info", {}).get("editable"))
