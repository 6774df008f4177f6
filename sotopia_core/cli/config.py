"""``sotopia config``: whether run files are valid, and a schema of them for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Check run files.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def config() -> None:
    """Check run files."""


@app.command("check")
def check(
    run_files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Run files; the later overwrite.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Overwrite one value; repeatable.")
    ] = None,
    modules: Annotated[
        list[Path] | None,
        typer.Option("--load", metavar="FILE.py", help="Run this Python file, and know the components in it."),
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="The store whose dimension sets count: sqlite:///path/to.db")
    ] = None,
) -> None:
    """Check run files without playing.

    Every component is looked up and every option validated; what would be played is told fact by fact.
    """
    from sotopia_core.cli.findings import describe_run
    from sotopia_core.cli.layout import facts, text_width
    from sotopia_core.cli.loading import load_modules
    from sotopia_core.cli.output import say
    from sotopia_core.config import load_config
    from sotopia_core.database.stored_dimensions import dimensions_in
    from sotopia_core.registry import Registry
    from sotopia_core.wiring import wire

    loaded = load_config(run_files, overrides or ())
    disabled = loaded.config.plugins.disable
    registry = Registry.discover(disabled) if disabled or modules else Registry.installed()
    load_modules(modules or (), registry)
    wiring = wire(loaded, registry, dimensions_in(registry, store))
    say(f"{' + '.join(map(str, run_files))}: valid")
    say(facts(describe_run(wiring), width=text_width()))


@app.command("schema")
def schema() -> None:
    """Print a JSON Schema of run files, for editors.

    It knows the installed components with their options, types, defaults and descriptions.
    """
    from sotopia_core.cli.output import say_json
    from sotopia_core.registry import Registry
    from sotopia_core.schema import run_file_schema

    say_json(run_file_schema(Registry.installed()))
