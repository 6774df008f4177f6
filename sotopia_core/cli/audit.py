"""``sotopia audit``: whether anybody in stored episodes was sent what they may not know."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from sotopia_core.errors import InputError

EXIT_LEAK: Final = 1


def audit(
    pks: Annotated[list[str] | None, typer.Argument(metavar="PK...", help="Runs, or single episodes.")] = None,
    tag: Annotated[str | None, typer.Option(help="All episodes that have this tag.")] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where to look, such as sqlite:///my.db.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that was found as JSON.")] = False,
) -> None:
    """Look through all that each agent was sent for what it may not know.

    What cannot be decided, such as a secret that its owner told aloud, is counted with the reason. The exit status is 1
    where something leaked, else 0.
    """
    from sotopia_core.audit import Audit
    from sotopia_core.audit import audit as look_through
    from sotopia_core.cli.auditing import combo_in, document, episodes_of, leak_lines, summary
    from sotopia_core.cli.output import say, say_json
    from sotopia_core.cli.stores import open_to_read

    if bool(pks) == (tag is not None):
        raise InputError("name runs or episodes by their pks, or give --tag; sotopia list shows what there is")
    audits: list[Audit] = []
    opened, url = open_to_read(store)
    with opened:
        for episode in episodes_of(opened, url, pks or [], tag):
            found = look_through(episode, combo_in(opened, episode))
            audits.append(found)
            if not as_json:
                for line in leak_lines(found):
                    say(line)
    if as_json:
        say_json(document(audits))
    else:
        say(summary(audits))
    if any(found.leaks for found in audits):
        raise typer.Exit(EXIT_LEAK)
