"""What ``sotopia seat`` does: lists the seats that are open, or takes one after the other for a person."""

from __future__ import annotations

import asyncio
from typing import Final

from sotopia_agents.asking import say
from sotopia_agents.seats.addresses import broker_url, connect, without_password
from sotopia_agents.seats.at_terminal import PersonAtTerminal
from sotopia_agents.seats.finding import NoSeatError, OpenSeat, open_seats
from sotopia_agents.seats.holder import take_seat
from sotopia_core.terminal import visible_line

EXIT_OVER: Final = 0
EXIT_GONE: Final = 3
EXIT_INTERRUPTED: Final = 130
SECONDS_TO_NEXT: Final = 3.0
"""How long to look for the next seat of a run, after an episode."""


def list_seats(run: str, agent: str, broker: str | None, as_json: bool) -> int:
    """Print the seats that are open; returns the exit status."""
    from sotopia_core.cli.output import say as say_out
    from sotopia_core.cli.output import say_json, say_table

    url = broker_url(broker)
    seats = asyncio.run(_seats(run, agent, url))
    if as_json:
        say_json([{**s.card.model_dump(mode="json"), "holder": s.holder, "played": s.run_is_there} for s in seats])
    elif not seats:
        say_out(f"no seat is open at {without_password(url)}", stderr=True)
    else:
        rows = [(s.card.run, s.card.episode, str(s.card.index), s.card.agent, _state(s)) for s in seats]
        say_table(("run", "episode", "seat", "agent", "state"), rows)
    return EXIT_OVER


async def _seats(run: str, agent: str, url: str) -> list[OpenSeat]:
    line = connect(url)
    try:
        return await open_seats(line, run, agent)
    finally:
        await line.aclose()


def _state(seat: OpenSeat) -> str:
    if not seat.run_is_there:
        return "waits for sotopia resume"
    return f"taken by {seat.holder}" if seat.holder else "free"


def sit(run: str, agent: str, broker: str | None, seconds: float) -> int:
    """Take a seat, and after its episode the next one of its run, until there is none; returns the exit status."""
    try:
        return asyncio.run(_sit(run, agent, broker, seconds))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


async def _sit(run: str, agent: str, broker: str | None, seconds: float) -> int:
    played = 0
    where = without_password(broker_url(broker))
    waiting = asyncio.get_running_loop().call_later(
        1.0, say, f"Waiting for a free seat at {where}, {seconds:g} s at most."
    )
    while True:
        try:
            async with take_seat(
                run, agent=agent, broker=broker, seconds=SECONDS_TO_NEXT if played else seconds
            ) as seat:
                waiting.cancel()
                name, run = seat.card.agent, seat.card.run
                try:
                    over = await PersonAtTerminal(seat).play()
                except asyncio.CancelledError:
                    _say_how_to_come_back(name, run)
                    raise
        except NoSeatError:
            if not played:
                raise
            say("No further seat of this run is open to you.")
            return EXIT_OVER
        if not over:
            _say_how_to_come_back(name, run)
            return EXIT_GONE
        played += 1


def _say_how_to_come_back(name: str, run: str) -> None:
    say(f"\nYou have gone, and the seat of {visible_line(name)} stays. Come back with: {command(run, name)}")


def command(run: str, agent: str = "") -> str:
    """Return the command that takes a seat, as it can be pasted into a shell."""
    from shlex import quote

    return f"sotopia seat {run}" + (f" --agent {quote(visible_line(agent))}" if agent else "")
