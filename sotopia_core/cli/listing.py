"""``sotopia list``: what a store holds, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from sotopia_core.errors import InputError, nearest


def list_(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="agents, environments, combos, relationships, episodes or runs.")
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Only records whose field has the value, or holds it; repeatable."),
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="URL", help="Where to look, such as sqlite:///my.db.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many: of episodes and runs, the latest.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole records as a JSON array.")] = False,
) -> None:
    """List what the store holds."""
    from sotopia_core.cli.conditions import read_conditions
    from sotopia_core.cli.output import say
    from sotopia_core.cli.rows import KINDS, Names, latest
    from sotopia_core.cli.stores import open_to_read

    if kind not in KINDS:
        there = f"; there are {', '.join(KINDS)}"
        raise InputError(f"there is no list of {kind!r}{nearest(kind, KINDS) or there}")
    listed = KINDS[kind]
    conditions = read_conditions(listed.kind, where or ())
    opened, url = open_to_read(store)
    with opened:
        records = latest(listed, opened, conditions, limit)
        if as_json:
            _say_json_array(record.model_dump_json(indent=2) for record in records)
            return
        names = Names(opened)
        groups = [(getattr(record, listed.order.field), record.pk, listed.rows(record, names)) for record in records]
        found = opened.count(listed.kind, conditions) if limit is not None else len(groups)
    if not groups:
        among = f" with {' and '.join(where)}" if where else ""
        say(f"no {kind}{among} in {url}", stderr=True)
        return
    groups.sort(key=lambda group: (group[0] or "", group[1]))
    _say_records(listed.columns, [rows for *_, rows in groups], right=listed.right)
    if found > len(groups):
        say(f"{len(groups)} of {found} {kind}; --limit shows more", stderr=True)


def _say_records(columns: Sequence[str], records: Iterable[Sequence[Sequence[str]]], *, right: frozenset[str]) -> None:
    """Print a table in which a record may take several lines; what is too wide is folded, but for primary keys."""
    from rich.table import Table
    from rich.text import Text

    from sotopia_core.cli.output import console
    from sotopia_core.terminal import visible_line

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column), justify="right" if column in right else "left", overflow="fold", no_wrap=column == "pk"
        )
    for lines in records:
        cells = ["\n".join(map(visible_line, cell)).rstrip("\n") for cell in zip(*lines, strict=True)]
        table.add_row(*map(Text, cells))
    console().print(table)


def _say_json_array(items: Iterable[str]) -> None:
    """Print JSON texts as an array, each as soon as it is there."""
    from sotopia_core.terminal import visible_json

    opening = "["
    for item in items:
        indented = visible_json(item).replace("\n", "\n  ")
        print(f"{opening}\n  {indented}", end="")
        opening = ","
    print("[]" if opening == "[" else "\n]")
