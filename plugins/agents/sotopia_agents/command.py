"""``sotopia seat``: a person takes a seat that a run keeps open over a broker."""

from __future__ import annotations

from typing import Annotated

import typer


def seat(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Primary key of the run; without it, any run with an open seat.")
    ] = "",
    agent: Annotated[str, typer.Option(metavar="NAME", help="The agent to play; without it, any that is free.")] = "",
    broker: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The broker, such as redis://host:6379; without it, $SOTOPIA_BROKER."),
    ] = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for a free seat.")] = 60.0,
    list_: Annotated[bool, typer.Option("--list", help="List the seats that are open, and take none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: print a JSON array.")] = False,
) -> None:
    """Take the seat of an agent whose run waits for somebody, see what it sees, and say what it does.

    Whoever goes can come back: the seat, and what is asked, stay. The exit status is 0 when the run needs nobody any
    more, 3 when you went before that (Ctrl-D), 2 when there is no such seat.
    """
    from sotopia_agents.seats.sitting import list_seats, sit
    from sotopia_core.errors import InputError

    if as_json and not list_:
        raise InputError("--json goes with --list; a seat is for a person")
    raise typer.Exit(list_seats(run, agent, broker, as_json) if list_ else sit(run, agent, broker, wait))


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("seat")(seat)
