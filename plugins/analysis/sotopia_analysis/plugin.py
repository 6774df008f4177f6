"""What this kit adds to the command line; nothing here imports numpy, polars or scipy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sotopia_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def sotopia_commands(app: typer.Typer) -> None:
    """Add the commands that analyse."""
    from sotopia_analysis import commands

    app.command("stats")(commands.stats)
    app.command("compare")(commands.compare)
    app.command("agreement")(commands.agreement)
