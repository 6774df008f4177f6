"""How the command line writes: plain text and tables, never markup out of somebody's words."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sotopia_core.terminal import visible, visible_json, visible_line


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes text as it is. Where the output is no terminal, lines are not wrapped."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True, width=width)


def say(text: str = "", *, stderr: bool = False) -> None:
    """Print text with its control characters made visible."""
    print(visible(text), file=sys.stderr if stderr else sys.stdout)


def say_json(value: Any) -> None:
    """Print one JSON value, readable by people too; of its text, only control characters are escaped."""
    print(visible_json(json.dumps(value, ensure_ascii=False, indent=2)))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int | None = None) -> None:
    """Print a table: aligned on a terminal, and elsewhere too. Columns from ``numbers_from`` on are right-aligned."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        right = numbers_from is not None and position >= numbers_from
        table.add_column(Text(column), justify="right" if right else "left", overflow="fold", no_wrap=position == 0)
    for row in rows:
        table.add_row(*(Text(visible_line(cell)) for cell in row))
    console().print(table)
