"""``sotopia init``: a commented run file to begin with."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from sotopia_core.errors import InputError


def init(
    path: Annotated[Path, typer.Argument(help="The run file to write.")] = Path("run.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file where it is there.")] = False,
) -> None:
    """Write a run file that plays offline as it is, with comments on what to change."""
    text = files("sotopia_core.cli").joinpath("run_file.toml").read_text(encoding="utf-8")
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path} is there already; name another file, or overwrite it with --force") from None
    except FileNotFoundError:
        raise InputError(f"{path}: there is no folder {path.parent}; make it first") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    command = shlex.join(["sotopia", "run", str(path)])
    typer.echo(f"wrote {path}; play it with:\n\n  {command}")
