"""``sotopia plugins``: which plugins are installed, what they offer and what is wrong with which; and a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at plugins, check them, begin one.", no_args_is_help=True, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def plugins() -> None:
    """Look at plugins, check them, begin one."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the installed plugins, what each offers, and why one is not loaded."""
    from sotopia_core.cli.plugins.listing import say_plugins

    say_plugins(as_json=as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A component, a dimension set, a pack or a plugin.")],
    as_json: AsJson = False,
) -> None:
    """Show what something is for, its options as a table to paste into a run file, and where its source is."""
    from sotopia_core.cli.plugins.details import say_details

    say_details(name, as_json=as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look for what is wrong with the installed plugins. Exits with 1 where something is."""
    from sotopia_core.cli.plugins.health import say_health

    raise typer.Exit(say_health(as_json=as_json))


@app.command()
def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What it offers: agents, orderings, samplers, ...")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as parrot or loud-parrot.")],
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to write it; sotopia-NAME when not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a new plugin: a distribution with a component that works, its tests, and what publishing takes."""
    from sotopia_core.cli.plugins.scaffold import say_scaffold

    say_scaffold(kind, name, folder, as_json=as_json)


@app.command()
def check(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="An installed plugin's name, a distribution's folder or a .py file.")
    ],
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME.OPTION=VALUE", help="An option that a component needs; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a plugin against the conformance suites. Exits with 1 where it fails one."""
    from sotopia_core.cli.plugins.checking import say_conformance

    raise typer.Exit(say_conformance(target, options or (), as_json=as_json))
