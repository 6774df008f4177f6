"""``sotopia runs``: which runs there are, how far one is, and how to have one end."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="List runs, show how far one is, have one end.", no_args_is_help=True, rich_markup_mode=None)

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's pk, or its name where only one is called so.")]
StoreURL = Annotated[str | None, typer.Option(metavar="URL", help="Where to look, such as sqlite:///my.db.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    store: StoreURL = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the latest.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs of a store: the state each is in now, and what its episodes came to."""
    from sotopia_core.cli.run_standing import say_runs

    say_runs(store, limit, as_json=as_json)


@app.command("show")
def show(run: Run, store: StoreURL = None, as_json: AsJson = False) -> None:
    """Show how far a run is, what it took so far, and how to go on with it."""
    from sotopia_core.cli.run_standing import say_run

    say_run(run, store, as_json=as_json)


@app.command("cancel")
def cancel(run: Run, store: StoreURL = None, as_json: AsJson = False) -> None:
    """Have a run end: the process that plays it hears of it within seconds. It can be resumed later all the same."""
    from sotopia_core.cli.run_standing import cancel_run

    cancel_run(run, store, as_json=as_json)


@app.command("prune")
def prune(
    run: Run,
    everything: Annotated[
        bool, typer.Option("--all", help="Also of incomplete episodes, which resume then begins anew.")
    ] = False,
    store: StoreURL = None,
    as_json: AsJson = False,
) -> None:
    """Drop the journals of a run's complete episodes: they stay as they are, but cannot be replayed any more."""
    from sotopia_core.cli.run_standing import prune_run

    prune_run(run, store, everything=everything, as_json=as_json)
