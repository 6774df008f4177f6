"""Writing rows by few statements: at each statement, Python gives way to other threads, and waits for its turn again.

Statements take numbers of rows that come again and again, so that SQLite compiles each of them once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from sotopia_storage.fields import Scalar
from sotopia_storage.staging import Row

LARGEST: Final = 128
"""Rows that one statement takes at most; with six values each, they are fewer than any SQLite's limit of 999."""

ANY_NUMBER: Final = 32
"""Below this, a statement takes any number of rows; above it, powers of two."""

Values = tuple[Scalar | bytes, ...]

# Without OR ROLLBACK, SQLite copies every page before a statement of several rows, so as to take back that one alone.
_DOCUMENTS: Final = (
    "INSERT OR ROLLBACK INTO documents (document, kind, pk, shape) VALUES ",
    "(CAST(? AS TEXT), ?, ?, ?)",
    " ON CONFLICT (kind, pk) DO UPDATE SET shape = excluded.shape, document = excluded.document",
)
_ENTRIES: Final = ("INSERT OR ROLLBACK INTO entries VALUES ", "(?, ?, ?, ?)", "")
_JOURNAL: Final = (
    "INSERT OR ROLLBACK INTO journal (episode, turn, seat, purpose, attempt, payload) VALUES ",
    "(?, ?, ?, ?, ?, ?)",
    "",
)
# The plus keeps SQLite from asking for each of the fields: most often there is no entry of that pk at all.
_FORGET: Final = ("DELETE FROM entries WHERE +field IN (SELECT id FROM fields WHERE kind = ?) AND pk IN (", "?", ")")


def write_rows(connection: sqlite3.Connection, rows: Iterable[Row], numbers: Mapping[str, Mapping[str, int]]) -> None:
    """Store documents, in place of others of their kinds and pks, with the entries that they are found by.

    ``numbers`` are those of the fields, by shape. Of two rows of one kind and pk the later is stored.
    """
    last = {(row.kind, row.pk): row for row in rows}
    _execute(connection, _DOCUMENTS, [(row.document, row.kind, row.pk, row.shape) for row in last.values()])
    for kind in dict.fromkeys(kind for kind, _ in last):
        forget_entries(connection, kind, [pk for one, pk in last if one == kind])
    entries: list[Values] = []
    for row in last.values():
        numbered = numbers[row.shape]
        entries += [(row.pk, numbered[field], item, value) for field, item, value in row.entries]
    _execute(connection, _ENTRIES, entries)


def forget_entries(connection: sqlite3.Connection, kind: str, pks: Sequence[str]) -> None:
    """Delete the entries that documents of one kind were found by."""
    _execute(connection, _FORGET, [(pk,) for pk in pks], (kind,))


def write_journal(connection: sqlite3.Connection, rows: Sequence[Values]) -> None:
    """Store journal entries; ``sqlite3.IntegrityError``, and no transaction any more, where a key is there already."""
    _execute(connection, _JOURNAL, rows)


def is_one_statement(count: int) -> bool:
    """Whether so many rows are written by one statement, which is a transaction by itself."""
    return len(list(_portions(count))) == 1


def _execute(
    connection: sqlite3.Connection, parts: tuple[str, str, str], rows: Sequence[Values], first: Values = ()
) -> None:
    for start, end in _portions(len(rows)):
        connection.execute(_statement(parts, end - start), [*first, *(one for row in rows[start:end] for one in row)])


def _portions(count: int) -> Iterator[tuple[int, int]]:
    start = 0
    while start < count:
        left = count - start
        size = left if left < ANY_NUMBER else min(LARGEST, 1 << (left.bit_length() - 1))
        yield start, start + size
        start += size


@cache
def _statement(parts: tuple[str, str, str], count: int) -> str:
    begin, row, end = parts
    return begin + ", ".join([row] * count) + end
