"""``sotopia plugins``: which plugins are installed, what they offer, and what is wrong with which."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Look at the installed plugins.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def plugins() -> None:
    """Look at the installed plugins."""


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False) -> None:
    """List the installed plugins, what each offers, and why one is not loaded."""
    from sotopia_core.cli.output import say, say_json, say_table
    from sotopia_core.registry import Registry

    registry = Registry.installed()
    offers: dict[str, dict[str, list[str]]] = {plugin.title: {} for plugin in registry.plugins}
    for offer in registry.offers:
        offers[offer.plugin.title].setdefault(offer.kind, []).append(offer.name)
    for plugin, pack in registry.packs:
        offers[plugin.title].setdefault("packs", []).append(pack.name)
    if as_json:
        parts = ("name", "distribution", "version", "module", "state", "cause", "details")
        documents = [{part: getattr(plugin, part) for part in parts} for plugin in registry.plugins]
        say_json(
            [
                document | {"offers": offers[plugin.title]}
                for document, plugin in zip(documents, registry.plugins, strict=True)
            ]
        )
        return
    rows = []
    for plugin in registry.plugins:
        there = [f"{kind}: {', '.join(names)}" for kind, names in offers[plugin.title].items()] or [plugin.cause]
        rows.append([plugin.name, f"{plugin.distribution} {plugin.version}", plugin.state, there[0]])
        rows += [["", "", "", more] for more in there[1:]]
    if not rows:
        say("no plugin is installed", stderr=True)
        return
    say_table(("name", "distribution", "state", "offers, or why there are none"), rows)
