"""``sotopia store``: what a store contains, whether it is in order, and copying one into another."""

from __future__ import annotations

from typing import Annotated, Final

import typer

EXIT_INCOMPLETE: Final = 3

app = typer.Typer(help="Look after stores of records.", no_args_is_help=True, rich_markup_mode=None)

StoreOption = Annotated[str | None, typer.Option(metavar="URL", help="Which store, such as sqlite:///my.db.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def store() -> None:
    """Look after stores of records."""


@app.command("stats")
def stats(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Say how many records of each kind a store has, how large it is, and what it keeps when it dies."""
    from sotopia_core.cli.layout import facts
    from sotopia_core.cli.output import say, say_json, say_table
    from sotopia_core.cli.stores import open_to_read

    opened, url = open_to_read(store)
    with opened:
        contents, journals, described = opened.contents(), opened.journals(), opened.describe()
    entries = sum(journals.values())
    if as_json:
        journal = {"episodes": len(journals), "entries": entries}
        say_json({"store": url, "records": contents, "journal": journal, **described})
        return
    kept = f"{counted(entries, 'entry', 'entries')} of {counted(len(journals), 'episode', 'episodes')}"
    say(facts([("store", url), *described.items(), ("journals", kept)]))
    if contents:
        say()
        say_table(("kind", "records"), [(kind, f"{count:,}") for kind, count in contents.items()], numbers_from=1)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


@app.command("check")
def check(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Read all of a store and say what is wrong with it.

    Documents must fit their classes, index entries their documents, and the file or the server must be sound. Settings
    under which records may get lost are told, and are no damage. The exit status is 3 where something is damaged.
    """
    from sotopia_core.cli.output import say, say_json
    from sotopia_core.cli.stores import open_to_read
    from sotopia_core.database.names import STORED

    opened, url = open_to_read(store)
    damages = 0
    findings = []
    with opened:
        for finding in opened.check(STORED):
            damages += finding.damage
            if as_json:
                findings.append({"damage": finding.damage, "text": finding.text})
            else:
                say(f"{'damaged' if finding.damage else 'note'}: {finding.text}")
        records = sum(opened.contents().values())
    if as_json:
        say_json({"store": url, "records": records, "damages": damages, "findings": findings})
    elif damages:
        said = counted(damages, "thing is", "things are")
        say(f"{url}: {said} damaged; {counted(records, 'record', 'records')} in all")
    else:
        say(f"{url}: {counted(records, 'record', 'records')}, and nothing is damaged")
    if damages:
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command("copy")
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The URL of the store to copy.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="The URL of the store to copy into; it may have records.")
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace records that stand in TO with other values.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy all records and journals of one store into another, of any two kinds.

    What TO has already is not written again, so a copy that was interrupted is continued by the same command. A record
    that stands in TO with other values is a conflict and stays, unless --overwrite. Afterwards everything is read from
    TO once more and compared. The exit status is 3 where TO does not have all of FROM in the end.
    """
    from sotopia_core.cli.store_copy import run_copy

    raise typer.Exit(run_copy(source, target, overwrite=overwrite, as_json=as_json))
