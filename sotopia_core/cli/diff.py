"""``sotopia diff``: what two runs differ in, and then what came of it."""

from __future__ import annotations

from typing import Annotated

import typer


def diff(
    one: Annotated[str, typer.Argument(metavar="RUN", help="A run's pk, or its name where only one is called so.")],
    other: Annotated[str, typer.Argument(metavar="RUN", help="Another.")],
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where to look, such as sqlite:///my.db.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what two runs differ in (run files, versions, prompts, dimensions), then what their episodes came to."""
    from sotopia_core.cli.diffing import say_difference

    say_difference(one, other, store, as_json=as_json)
