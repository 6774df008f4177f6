"""``sotopia replay``: plays a stored episode again from its journal, and says where it comes out differently."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def replay(
    episode: Annotated[str, typer.Argument(metavar="EPISODE", help="The primary key, as sotopia list prints it.")],
    modules: Annotated[
        list[Path] | None,
        typer.Option("--load", metavar="FILE.py", help="Run this Python file, and offer the components in it."),
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where it is, such as sqlite:///my.db.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Play a stored episode again, offline: its journal has what models said and what people did.

    Prompts are made and replies read by what is installed now. The exit status is 0 where the replay comes to the same
    turns, messages and scores by the same questions, and 3 where it does not.
    """
    from sotopia_core.cli.replaying import play_again

    raise typer.Exit(play_again(episode, modules or [], store=store, as_json=as_json))
