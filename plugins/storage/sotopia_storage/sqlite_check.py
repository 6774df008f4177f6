"""Looking through a SQLite store: what the file holds, how it is kept, and whether all of it is in order."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final

from sotopia_core.errors import StorageError
from sotopia_core.records import Record, Written
from sotopia_core.stores import Finding
from sotopia_storage.documents import not_read, read_payload, read_record
from sotopia_storage.staging import row_of, shape_of

PAGE: Final = 64
"""Documents, or journal entries, that are looked at between two moments at which others may write."""

Using = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""Gives the connection to whoever holds the store's lock, and takes it back."""


def describe_file(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the size of the file and how it is kept."""

    def ask(pragma: str) -> int | str:
        (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        answer: int | str = value
        return answer

    pages, page, free = (int(ask(name)) for name in ("page_count", "page_size", "freelist_count"))
    synchronous = ("off", "normal", "full", "extra")[int(ask("synchronous"))]
    return {
        "size": f"{pages * page:,} bytes, {free * page:,} of them free",
        "durability": f"everything that was stored (journal {ask('journal_mode')}, synchronous {synchronous})",
        "layout": str(ask("user_version")),
        "SQLite": sqlite3.sqlite_version,
    }


def check_file(using: Using, kinds: Iterable[type[Record]], name: str) -> Iterator[Finding]:
    """Yield what is wrong with the file, its documents, their index entries and the journals.

    The store is free for others between any two pages.
    """
    known = {kind.kind(): kind for kind in kinds}
    with using() as connection:
        problems = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
        counts = dict(connection.execute("SELECT kind, count(*) FROM documents GROUP BY kind ORDER BY kind").fetchall())
        shapes = dict(connection.execute("SELECT shape, fields FROM shapes").fetchall())
        (orphans,) = connection.execute(
            "SELECT count(*) FROM entries AS e LEFT JOIN fields AS f ON f.id = e.field "
            "WHERE NOT EXISTS (SELECT 1 FROM documents AS d WHERE d.kind = f.kind AND d.pk = e.pk)"
        ).fetchone()
    yield from (Finding(f"the file is damaged: {text}") for text in problems)
    if orphans:
        yield Finding(f"{orphans:,} index entries belong to no record")
    for kind, count in counts.items():
        if kind not in known:
            yield not_read(kind, count)
    yield from _check_documents(using, known, shapes, name)
    yield from _check_journal(using, name)


def _check_documents(
    using: Using, known: Mapping[str, type[Record]], shapes: Mapping[str, str], name: str
) -> Iterator[Finding]:
    last = 0
    while True:
        with using() as connection:
            rows = connection.execute(
                "SELECT id, kind, pk, shape, document FROM documents WHERE id > ? ORDER BY id LIMIT ?", (last, PAGE)
            ).fetchall()
            entries = {
                (kind, pk): connection.execute(
                    "SELECT f.name, e.item, e.value FROM entries AS e CROSS JOIN fields AS f ON f.id = e.field "
                    "WHERE f.kind = ? AND e.pk = ?",
                    (kind, pk),
                ).fetchall()
                for _, kind, pk, _, _ in rows
            }
        for _, kind, pk, shape, document in rows:
            if kind not in known:
                continue
            if shape not in shapes:
                yield Finding(f"{kind} {pk!r} in {name} says not by which fields it is found")
                continue
            try:
                expected = row_of(Written(read_record(known[kind], pk, document, name))).entries
            except StorageError as error:
                yield Finding(str(error))
                continue
            # What was stored by a version whose class had fewer fields has entries for those alone.
            fields = set(json.loads(shapes[shape])) & set(json.loads(shape_of(known[kind]).fields))
            there = {tuple(entry) for entry in entries[kind, pk] if entry[0] in fields}
            if there != {tuple(entry) for entry in expected if entry[0] in fields}:
                yield Finding(f"{kind} {pk!r} in {name} is indexed by values that it does not hold; store it again")
        if len(rows) < PAGE:
            return
        last = rows[-1][0]


def _check_journal(using: Using, name: str) -> Iterator[Finding]:
    last = 0
    while True:
        with using() as connection:
            rows = connection.execute(
                "SELECT position, episode, payload FROM journal WHERE position > ? ORDER BY position LIMIT ?",
                (last, PAGE),
            ).fetchall()
        for position, episode, payload in rows:
            try:
                read_payload(payload, f"entry {position} in the journal of episode {episode!r} in {name}")
            except StorageError as error:
                yield Finding(str(error))
        if len(rows) < PAGE:
            return
        last = rows[-1][0]
