"""An open SQLite store: documents as JSON, found through a side table of their fields' values."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import JournalError, NotFoundError, StorageError
from sotopia_core.records import Record, Written
from sotopia_core.stores import BY_PK, Finding, JournalEntry, Order, Store
from sotopia_storage.documents import read_payload, read_record, say_key, write_payload
from sotopia_storage.fields import Scalar, check_page, wanted
from sotopia_storage.leases import lease_times
from sotopia_storage.sqlite_check import check_file, describe_file
from sotopia_storage.sqlite_file import explain, open_file, unmake
from sotopia_storage.sqlite_rows import forget_entries, is_one_statement, write_journal, write_rows
from sotopia_storage.staging import Shape, Staging, row_of, shape_of

R = TypeVar("R", bound=Record)

PAGE: Final = 64
"""Documents that ``iterate`` holds at a time."""

REINDEXED: Final = 200
"""Documents that are indexed anew in one transaction."""

PROBED: Final = 1000
"""How far matches are counted to find the condition with the fewest."""


@dataclass(frozen=True, slots=True)
class _Query:
    """The tables that a search goes through, its conditions, their parameters, and the column that holds the pk.

    All names and values of the caller's are parameters.
    """

    tables: str
    conditions: str
    parameters: tuple[Scalar, ...]
    pk: str

    def select(self, columns: str, rest: str = "") -> str:
        return " ".join(("SELECT", columns, "FROM", self.tables, "WHERE", self.conditions, rest))


class SQLiteStore(Store):
    """One connection, guarded by one lock.

    SQLite lets one connection write at a time anyway, and waiting threads take turns at a lock at once where
    connections of their own would poll for it; reads are short, since ``iterate`` goes page by page. And a thread that
    ends leaves no connection behind.
    """

    def __init__(self, path: Path, name: str, busy_timeout: float) -> None:
        self._path = path
        self._name = name
        self._busy_timeout = busy_timeout
        self._lock = Lock()
        self._connection: sqlite3.Connection | None
        self._connection, self._made = open_file(path, name, busy_timeout)
        self._file = self._identify()
        self._numbers: dict[str, Mapping[str, int]] = {}

    def _identify(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return (status.st_dev, status.st_ino)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                raise StorageError(f"the store {self._name!r} is closed")
            try:
                yield self._connection
            except (sqlite3.Error, OSError, OverflowError, UnicodeEncodeError) as error:
                raise StorageError(f"the store {self._name!r}: {explain(error, self._busy_timeout)}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._using() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            self._check_file()
            yield connection

    def _check_file(self) -> None:
        # SQLite would go on writing to a file that nobody can open any more.
        if self._file is None or self._identify() != self._file:
            raise StorageError(f"the store {self._name!r} was removed or replaced while it was open; open it again")

    def put(self, record: Record) -> None:
        """Store a record; one of the same kind and pk is replaced."""
        self.put_many((record,))

    def put_many(self, records: Iterable[Record]) -> int:
        """Store all of the records or, on any error, none of them. Returns how many.

        Nothing is locked while ``records`` is being read, however long that takes, and it may use this store.
        """
        return self.put_written(map(Written, records))

    def put_written(self, written: Iterable[Written]) -> int:
        """Do the same with records of which the JSON is there already."""
        with Staging() as staging:
            for one in written:
                staging.add(one)
            with self._writing() as connection:
                numbers = self._enter_shapes(connection, staging.shapes)
                for batch in staging.batches():
                    write_rows(connection, batch, numbers)
            self._numbers = numbers
            return staging.count

    def _enter_shapes(self, connection: sqlite3.Connection, shapes: Collection[Shape]) -> dict[str, Mapping[str, int]]:
        """Return the numbers of the fields by shape. They hold for good, once what asked for them is committed."""
        connection.executemany("INSERT OR IGNORE INTO shapes VALUES (?, ?, ?)", shapes)
        new = {shape.digest: _number_fields(connection, shape) for shape in shapes if shape.digest not in self._numbers}
        return {**self._numbers, **new}

    def get(self, kind: type[R], pk: str) -> R:
        """Return the record; ``NotFoundError`` if there is none."""
        with self._using() as connection:
            row = connection.execute(
                "SELECT document FROM documents WHERE kind = ? AND pk = ?", (kind.kind(), pk)
            ).fetchone()
        if row is None:
            raise NotFoundError(f"no {kind.kind()} has the pk {pk!r} in {self._name}")
        return read_record(kind, pk, row[0], self._name)

    def delete(self, kind: type[Record], pk: str) -> bool:
        """Delete the record, and an episode's journal with it. Returns whether it was there."""
        key = (kind.kind(), pk)
        with self._writing() as connection:
            deleted = connection.execute("DELETE FROM documents WHERE kind = ? AND pk = ?", key).rowcount
            forget_entries(connection, kind.kind(), [pk])
            if kind.kind() == EpisodeLog.kind():
                connection.execute("DELETE FROM journal WHERE episode = ?", (pk,))
        return deleted > 0

    def find(
        self,
        kind: type[R],
        where: Mapping[str, Any] | None = None,
        *,
        order: Order = BY_PK,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[R]:
        """Return all records for which every named field equals, or holds, its value."""
        check_page(kind, order, limit, offset)
        looked_for = wanted(kind, where)
        self._index_grown(kind, {*looked_for, order.field})
        direction = "DESC" if order.descending else "ASC"
        with self._using() as connection:
            query = _query(connection, kind.kind(), looked_for, None if order.field == "pk" else order.field)
            by = f"{query.pk} {direction}" if order.field == "pk" else f"o.value {direction}, {query.pk} {direction}"
            rows = connection.execute(
                query.select("d.pk, d.document", f"ORDER BY {by} LIMIT ? OFFSET ?"),
                (*query.parameters, -1 if limit is None else limit, offset),
            ).fetchall()
        return [read_record(kind, pk, document, self._name) for pk, document in rows]

    def count(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> int:
        """Return how many records ``find`` would."""
        looked_for = wanted(kind, where)
        self._index_grown(kind, looked_for)
        with self._using() as connection:
            query = _query(connection, kind.kind(), looked_for)
            count: int
            (count,) = connection.execute(query.select("count(*)"), query.parameters).fetchone()
        return count

    def pks(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> list[str]:
        """Return the primary keys of what ``find`` returns, sorted, out of the indexes alone."""
        looked_for = wanted(kind, where)
        self._index_grown(kind, looked_for)
        with self._using() as connection:
            query = _query(connection, kind.kind(), looked_for)
            rows = connection.execute(query.select(query.pk, f"ORDER BY {query.pk}"), query.parameters).fetchall()
        return [pk for (pk,) in rows]

    def iterate(self, kind: type[R], where: Mapping[str, Any] | None = None) -> Iterator[R]:
        """Yield what ``find`` returns, by pk, in constant memory and without a lock between pages.

        Records stored meanwhile are left out; of replaced ones each page yields what is there when it is read.
        """
        looked_for = wanted(kind, where)
        self._index_grown(kind, looked_for)
        with self._using() as connection:
            query = _query(connection, kind.kind(), looked_for)
            # New documents have larger ids, so a caller who stores while iterating cannot make this endless.
            (last_id,) = connection.execute("SELECT max(id) FROM documents").fetchone()
        return self._pages(kind, query, last_id)

    def _pages(self, kind: type[R], query: _Query, last_id: int | None) -> Iterator[R]:
        after = ""
        page = f"AND {query.pk} > ? AND d.id <= ? ORDER BY {query.pk} LIMIT {PAGE}"
        while True:
            with self._using() as connection:
                rows = connection.execute(
                    query.select("d.pk, d.document", page),
                    (*query.parameters, after, last_id),
                ).fetchall()
            for pk, document in rows:
                yield read_record(kind, pk, document, self._name)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def _index_grown(self, kind: type[Record], fields: Iterable[str]) -> None:
        """Index documents that were stored before their class had all of ``fields``: they are read with defaults."""
        with self._using() as connection:
            shapes = connection.execute("SELECT shape, fields FROM shapes WHERE kind = ?", (kind.kind(),)).fetchall()
        for shape, indexed in shapes:
            if shape != shape_of(kind).digest and not set(fields) <= set(json.loads(indexed)):
                while self._index_some(kind, shape):
                    pass

    def _index_some(self, kind: type[Record], shape: str) -> bool:
        """Index some documents of a shape as ``kind`` has them today. Returns whether there may be more."""
        with self._writing() as connection:
            old = connection.execute(
                "SELECT pk, document FROM documents WHERE kind = ? AND shape = ? LIMIT ?",
                (kind.kind(), shape, REINDEXED),
            ).fetchall()
            if not old:
                connection.execute("DELETE FROM shapes WHERE shape = ?", (shape,))
                return False
            numbers = self._enter_shapes(connection, [shape_of(kind)])
            # The documents stay as they are, so that whoever stored them can still read them.
            rows = [(row_of(Written(read_record(kind, pk, document, self._name))), document) for pk, document in old]
            write_rows(connection, [replace(row, document=document) for row, document in rows], numbers)
            return True

    def append_journal(self, entries: Sequence[JournalEntry]) -> None:
        """Keep all entries or, on any error, none. A key that is there already raises ``JournalError``."""
        rows = [(*entry.key, write_payload(entry)) for entry in entries]
        try:
            if is_one_statement(len(rows)):
                with self._using() as connection:
                    self._check_file()
                    write_journal(connection, rows)
            else:
                with self._writing() as connection:
                    write_journal(connection, rows)
        except StorageError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise JournalError(f"the journal in {self._name} already has {self._first_there(entries)}") from None
            raise

    def _first_there(self, entries: Iterable[JournalEntry]) -> str:
        """Name the first of some entries that is there already, or that comes after another of the same key."""
        with self._using() as connection:
            keys = set()
            for entry in entries:
                found = connection.execute(_HAS_ENTRY, entry.key).fetchone()
                if found is not None or entry.key in keys:
                    return say_key(entry)
                keys.add(entry.key)
        return "one of the entries"

    def read_journal(self, episode: str) -> list[JournalEntry]:
        """Return an episode's entries in the order they were appended."""
        with self._using() as connection:
            rows = connection.execute(
                "SELECT turn, seat, purpose, attempt, payload FROM journal WHERE episode = ? ORDER BY position",
                (episode,),
            ).fetchall()
        what = f"the journal of episode {episode!r} in {self._name}"
        return [
            JournalEntry(
                episode=episode,
                turn=turn,
                seat=seat,
                purpose=purpose,
                attempt=attempt,
                payload=read_payload(payload, what),
            )
            for turn, seat, purpose, attempt, payload in rows
        ]

    def drop_journals(self, episodes: Iterable[str]) -> int:
        """Delete the journals of these episodes and nothing else. Returns how many entries there were."""
        keys = [(episode,) for episode in episodes]
        with self._writing() as connection:
            return connection.executemany("DELETE FROM journal WHERE episode = ?", keys).rowcount if keys else 0

    def journals(self) -> dict[str, int]:
        """Return the episodes that have a journal, sorted, and how many entries each has."""
        with self._using() as connection:
            rows = connection.execute("SELECT episode, count(*) FROM journal GROUP BY episode ORDER BY episode")
            return dict(rows.fetchall())

    def contents(self) -> dict[str, int]:
        """Return the kinds that there are records of, sorted, and how many of each."""
        with self._using() as connection:
            rows = connection.execute("SELECT kind, count(*) FROM documents GROUP BY kind ORDER BY kind")
            return dict(rows.fetchall())

    def describe(self) -> dict[str, str]:
        """Return the size of the file and how it is kept."""
        with self._using() as connection:
            return describe_file(connection)

    def check(self, kinds: Iterable[type[Record]]) -> Iterator[Finding]:
        """Yield everything that is wrong with the file, its documents, their index entries and the journals."""
        yield from check_file(self._using, kinds, self._name)

    def acquire_lease(self, name: str, owner: str, seconds: float) -> bool:
        """Take or extend a lease. Returns False while another owner's has not expired."""
        with self._writing() as connection:
            now, until = lease_times(name, seconds)
            taken = connection.execute(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET owner = excluded.owner, expires = excluded.expires "
                "WHERE leases.owner = excluded.owner OR leases.expires <= ?",
                (name, owner, until, now),
            ).rowcount
        return taken > 0

    def release_lease(self, name: str, owner: str) -> bool:
        """Give a lease back. Returns whether this owner held it."""
        with self._writing() as connection:
            held = connection.execute(
                "SELECT expires FROM leases WHERE name = ? AND owner = ?", (name, owner)
            ).fetchone()
            connection.execute("DELETE FROM leases WHERE name = ? AND owner = ?", (name, owner))
        return held is not None and held[0] > time.time()

    def close(self) -> None:
        """Close the store; closing twice is harmless."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def abandon(self) -> None:
        """Close the store, and remove the file if opening it made it and it is still empty, for others too."""
        if self._made:
            with self._using() as connection:
                self._connection = None
                unmake(connection, self._path)
        self.close()


_NUMBER: Final = "(SELECT id FROM fields WHERE kind = ? AND name = ?)"


def _number_fields(connection: sqlite3.Connection, shape: Shape) -> Mapping[str, int]:
    names = [(shape.kind, name) for name in json.loads(shape.fields)]
    connection.executemany("INSERT OR IGNORE INTO fields (kind, name) VALUES (?, ?)", names)
    return dict(connection.execute("SELECT name, id FROM fields WHERE kind = ?", (shape.kind,)).fetchall())


_HAS_ENTRY: Final = "SELECT 1 FROM journal WHERE episode = ? AND turn = ? AND seat = ? AND purpose = ? AND attempt = ?"


def _query(
    connection: sqlite3.Connection, kind: str, looked_for: Mapping[str, Scalar], order_field: str | None = None
) -> _Query:
    """Put a search together. It starts at the condition with the fewest matches: CROSS JOIN keeps the order given."""
    tables: list[str] = []
    conditions: list[str] = []
    parameters: list[Scalar] = []

    def join(table: str, alias: str, condition: str, *values: Scalar) -> None:
        conditions.append(f"{alias}.{condition}")
        parameters.extend((kind, *values))
        if tables:
            conditions.append(f"{alias}.pk = {first}.pk")
        tables.append(f"{table} AS {alias}")

    fields = [field for field in looked_for if field != "pk"]
    first = "w0" if fields else "o" if order_field else "d"
    for number, field in enumerate(_fewest_first(connection, kind, looked_for, fields)):
        join("entries", f"w{number}", f"field = {_NUMBER} AND w{number}.value IS ?", field, looked_for[field])
    if order_field:
        join("entries", "o", f"field = {_NUMBER}", order_field)
    join("documents", "d", "kind = ?")
    if "pk" in looked_for:
        conditions.append(f"{first}.pk IS ?")
        parameters.append(looked_for["pk"])
    return _Query(" CROSS JOIN ".join(tables), " AND ".join(conditions), tuple(parameters), f"{first}.pk")


def _fewest_first(
    connection: sqlite3.Connection, kind: str, looked_for: Mapping[str, Scalar], fields: Sequence[str]
) -> list[str]:
    def matches(field: str) -> int:
        count: int
        (count,) = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM entries WHERE field = {_NUMBER} AND value IS ? LIMIT ?)",  # noqa: S608
            (kind, field, looked_for[field], PROBED),
        ).fetchone()
        return count

    return sorted(fields, key=matches) if len(fields) > 1 else list(fields)
