"""Tables as terminals, spreadsheets, programs and papers have them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.errors import InputError, nearest
from sotopia_core.terminal import visible_line

Format = Literal["table", "csv", "json", "latex", "markdown"]
MISSING: Final = "–"
"""Stands where there is no number."""

_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "–": "--",
    "−": "$-$",
    "×": r"$\times$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


@dataclass(frozen=True)
class Column:
    """A column: the heading that people read, and the key that programs use."""

    title: str
    key: str


@dataclass(frozen=True)
class Report:
    """A table to be printed: ``cells`` for people, ``records`` with the same in full for programs, and notes.

    ``records`` has an object for each row, with all keys; ``facts`` is what else the JSON has. The columns from
    ``numbers_from`` on are numbers. ``asides`` are lines that explain the table, such as reasons for missing scores.
    """

    columns: tuple[Column, ...]
    cells: Sequence[Sequence[str]]
    records: Sequence[Mapping[str, Any]]
    numbers_from: int
    notes: Sequence[str] = ()
    asides: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_format(text: str | None, *, as_json: bool) -> Format:
    """Return the format that is asked for; ``InputError`` where there is none of that name."""
    if text is None or as_json:
        return "json" if as_json else "table"
    for known in get_args(Format):
        if text == known:
            found: Format = known
            return found
    there = f"; there are {', '.join(get_args(Format))}"
    raise InputError(f"--format {text}: there is no such format{nearest(text, get_args(Format)) or there}")


def print_report(report: Report, form: Format) -> None:
    """Print a report; in all forms but the terminal's and JSON, notes go to stderr, so that the table stands alone."""
    match form:
        case "json":
            say_json({**report.facts, "rows": list(report.records), "notes": list(report.notes)})
            return
        case "table":
            say_table([column.title for column in report.columns], report.cells, numbers_from=report.numbers_from)
            for line in report.asides:
                say(line)
        case "csv":
            print(as_csv(report), end="")
        case "latex":
            print(as_latex(report))
        case "markdown":
            print(as_markdown(report))
    for note in report.notes:
        say(f"note: {note}", stderr=True)


def as_csv(report: Report) -> str:
    """Return the records as CSV: numbers in full, an empty cell where there is none, reasons as JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    keys = list(dict.fromkeys(key for record in report.records for key in record))
    writer.writerow(keys)
    for record in report.records:
        writer.writerow([_plain(record.get(key)) for key in keys])
    return out.getvalue()


def _plain(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def as_latex(report: Report) -> str:
    """Return the table for a paper, with the rules of the booktabs package."""
    spec = "".join("r" if at >= report.numbers_from else "l" for at in range(len(report.columns)))
    head = " & ".join(_latex(column.title) for column in report.columns)
    body = [" & ".join(map(_latex, row)) + r" \\" for row in report.cells]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _latex(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in visible_line(text))


def as_markdown(report: Report) -> str:
    """Return the table for a page."""
    rule = ["---:" if at >= report.numbers_from else "---" for at in range(len(report.columns))]
    rows = [[column.title for column in report.columns], rule, *report.cells]
    return "\n".join(f"| {' | '.join(map(_markdown, row))} |" for row in rows)


def _markdown(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\|`*_<>[]" else char for char in visible_line(text))


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with so many digits; a dash where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval; a dash where there is none."""
    return MISSING if low is None or high is None else f"{low:.2f} to {high:.2f}"


def p_value(p: float | None) -> str:
    """Write a p-value with three digits, and one that is smaller as that."""
    return MISSING if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
