"""Laying plain text out: paragraphs with hanging indents, aligned facts, aligned columns, headings."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from sotopia_core.terminal import visible, visible_line

WIDEST: Final = 100
"""Columns that prose takes at most, however wide the terminal is."""

GAP: Final = "  "


def text_width() -> int | None:
    """Return how many columns text may take; None where stdout is no terminal, and lines are to stay as they are."""
    return min(WIDEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def heading(text: str) -> str:
    """Return a heading, underlined."""
    shown = visible_line(text)
    return f"{shown}\n{'─' * cell_len(shown)}"


def paragraph(text: str, *, first: str = "", rest: str = "", width: int | None = None) -> str:
    """Indent text: its first line by ``first``, all others by ``rest``; lines wider than ``width`` are broken.

    Control characters are made visible; but for the breaks, the text is kept exactly.
    """
    lines: list[str] = []
    for line in visible(text).split("\n"):
        indent = rest if lines else first
        room = None if width is None else max(20, width - max(cell_len(first), cell_len(rest)))
        pieces = [line] if room is None or cell_len(line) <= room else _broken(line, room)
        lines.append(f"{indent}{pieces[0]}".rstrip() if not pieces[0] else indent + pieces[0])
        lines += [rest + piece for piece in pieces[1:]]
    return "\n".join(lines)


def facts(pairs: Sequence[tuple[str, str]], *, indent: str = GAP, width: int | None = None) -> str:
    """Return labels and values, the values aligned; a pair whose value is empty is left out."""
    there = [(label, value) for label, value in pairs if value]
    room = max((cell_len(label) for label, _ in there), default=0)
    return "\n".join(
        paragraph(value, first=f"{indent}{label:<{room}}{GAP}", rest=f"{indent}{' ' * room}{GAP}", width=width)
        for label, value in there
    )


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of one-line cells as aligned columns: the first to the left, all others to the right."""
    shown = [[visible_line(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        GAP.join(
            cell + " " * (room - cell_len(cell)) if position == 0 else " " * (room - cell_len(cell)) + cell
            for position, (cell, room) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    )


def stacked(titles: Sequence[str]) -> list[list[str]]:
    """Return header rows in which each title stands word by word, so that a long one makes no wide column."""
    words = [title.split() for title in titles]
    height = max(map(len, words), default=0)
    return [list(row) for row in zip(*([""] * (height - len(one)) + one for one in words), strict=True)]


def _broken(line: str, width: int) -> list[str]:
    return [piece.plain.rstrip(" ") for piece in Text(line).wrap(Console(), width, overflow="fold")]
