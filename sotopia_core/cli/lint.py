"""``sotopia lint``: what is probably wrong with profiles and scenarios, in files or in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from sotopia_core.errors import InputError

EXIT_FOUND: Final = 2


def lint(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files, or patterns such as 'profiles/*.jsonl'.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="Without files: where to look, such as sqlite:///my.db.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings count as errors do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look for mistakes in characters, scenarios, combos and relationships, of files or else of the store.

    Each finding is an error, which cannot be played or not as it is meant, or a warning. The exit status is 2 where
    there are errors, else 0.
    """
    from sotopia_core.cli.output import say, say_json
    from sotopia_core.cli.stores import open_to_read
    from sotopia_core.lint import lint as findings_in
    from sotopia_core.lint import read_files, read_store
    from sotopia_core.lint.report import document, summary
    from sotopia_core.terminal import visible_line

    if paths and store is not None:
        raise InputError("name files or a store, not both; a store is linted as a whole")
    if paths:
        where, subjects = " ".join(paths), read_files(paths, Path())
    else:
        opened, where = open_to_read(store)
        with opened:
            subjects = read_store(opened)
    if not subjects.read:
        raise InputError(f"{where}: there is no character, scenario, combo or relationship to look at")
    findings = findings_in(subjects)
    if as_json:
        say_json(document(findings, subjects))
    else:
        for finding in findings:
            say(visible_line(str(finding)))
        say(summary(findings, subjects))
    if any(strict or finding.severity == "error" for finding in findings):
        raise typer.Exit(EXIT_FOUND)
