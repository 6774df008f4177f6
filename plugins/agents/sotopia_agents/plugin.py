"""The offers of the agents kit, its command, and the invitation to seats that wait for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, no_type_check

from sotopia_core.hookspecs import hookimpl

if TYPE_CHECKING:  # this module is imported whenever the command line starts
    import typer

    from sotopia_core.episodes import RunRecord


@hookimpl
def sotopia_agents() -> list[str]:
    """Offer the agents of this kit; none is imported before a run names it."""
    return [
        "sotopia_agents.llm:LLMAgent",
        "sotopia_agents.scripted:ScriptedAgent",
        "sotopia_agents.human:HumanAgent",
        "sotopia_agents.seats.agent:RedisAgent",
    ]


@hookimpl
@no_type_check  # at run time, where tests check types, the name is not there
def sotopia_commands(app: typer.Typer) -> None:
    """Add ``sotopia seat``."""
    from sotopia_agents.command import add_to

    add_to(app)


@hookimpl
@no_type_check
def sotopia_run_started(run: RunRecord) -> None:
    """Say how to take the seats that wait for somebody."""
    from sotopia_agents.invitation import invite

    invite(run)
