"""What this kit adds to the command line; nothing here imports numpy, polars or scipy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sotopia_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def sotopia_commands(app: typer.Typer) -> None:
    """Add the commands that analyse."""
    from sotopia_analysis.commands import analysing, benchmarking, people, planning

    app.command("stats")(analysing.stats)
    app.command("compare")(analysing.compare)
    app.command("agreement")(analysing.agreement)
    app.command("benchmark")(benchmarking.benchmark)
    app.command("power")(planning.power)
    app.command("plot")(planning.plot)
    app.command("annotate")(people.annotate)
    app.command("position-bias")(people.position_bias)
