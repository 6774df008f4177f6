"""The file behind a SQLite store: its tables, how it is made and recognised, and what can be wrong with it."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from sotopia_core.errors import StorageError, one_line
from sotopia_storage.file_systems import network_file_system, read_mounts

APPLICATION_ID: Final = 0x536F746F
"""Marks the file as ours: "Soto" in ASCII, where ``file`` and other programs look for it."""

VERSION: Final = 2
"""The version of the tables below, and of the rule in ``fields.py`` by which ``entries`` are made."""

# A column without a type keeps each value as it came: 1 and "1" stay different, None sorts before numbers and numbers
# before text, which is compared by its UTF-8 bytes and so by code points. ``shape`` names the fields that a document
# has entries for; a class that has grown a field since then is noticed by it. An ``id`` is never used twice, so those
# of documents stored later are larger. Entries name their kind and field by one number out of ``fields``: most of the
# pages that a record's write touches are theirs, and in numbers they are fewer and sooner compared.
ENTRIES: Final = (
    "CREATE TABLE fields (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name))",
    """CREATE TABLE entries (
        pk NOT NULL, field INTEGER NOT NULL, item INTEGER NOT NULL, value,
        PRIMARY KEY (pk, field, item)) WITHOUT ROWID""",
)
FOUND: Final = "CREATE INDEX found ON entries (field, value, pk)"

TABLES: Final = (
    "CREATE TABLE shapes (shape TEXT PRIMARY KEY, kind TEXT NOT NULL, fields TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, pk NOT NULL, shape TEXT NOT NULL,
        document TEXT NOT NULL, UNIQUE (kind, pk))""",
    *ENTRIES,
    FOUND,
    """CREATE TABLE journal (
        position INTEGER PRIMARY KEY, episode TEXT NOT NULL, turn INTEGER NOT NULL, seat TEXT NOT NULL,
        purpose TEXT NOT NULL, attempt INTEGER NOT NULL, payload TEXT NOT NULL,
        UNIQUE (episode, turn, seat, purpose, attempt))""",
    "CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

# In the first layout an entry spelled out its kind and field. It has the same values, so nothing is read anew.
FROM_FIRST: Final = (
    "DROP INDEX found",
    "ALTER TABLE entries RENAME TO spelled",
    *ENTRIES,
    "INSERT INTO fields (kind, name) SELECT DISTINCT kind, field FROM spelled",
    """INSERT INTO entries SELECT s.pk, f.id, s.item, s.value
        FROM spelled AS s JOIN fields AS f ON f.kind = s.kind AND f.name = s.field ORDER BY s.pk, f.id, s.item""",
    "DROP TABLE spelled",
    FOUND,
    f"PRAGMA user_version = {VERSION}",
)

SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    # Pages of the index are written again and again: fewer, larger checkpoints copy each of them once.
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -8192",
)

_NEW: Final = (0, 0, 0)


class Unusable(Exception):
    """Why a file cannot be a store, as the end of a sentence about it."""


def open_file(path: Path, name: str, busy_timeout: float) -> tuple[sqlite3.Connection, bool]:
    """Return a connection to the store in a file, which is made if it is not there, and whether it was made.

    ``path`` is absolute; ``name`` stands for it in messages; ``busy_timeout`` is in seconds. A file that is not ours
    is left as it was, and one that could not be made whole is removed: then ``StorageError`` says why, in one line.
    """
    try:
        _check_place(path)
        made = _make_empty(path)
        try:
            return _connect(path, busy_timeout), made
        except BaseException:
            if made and path.stat().st_size == 0:
                path.unlink()
            raise
    except (Unusable, OSError, ValueError, sqlite3.Error) as error:
        raise StorageError(f"cannot open the store {name!r}: {explain(error, busy_timeout)}") from error


def unmake(connection: sqlite3.Connection, path: Path) -> None:
    """Close the connection to a file, and remove the file if it is empty and nobody else has it open."""
    try:
        if _is_empty(connection):
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            # SQLite gives up the log, and locks the file, only for the last who has it open.
            connection.execute("PRAGMA journal_mode = DELETE")
            if _is_empty(connection):
                path.unlink()
    except sqlite3.OperationalError as error:
        if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
    finally:
        connection.close()


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for (table,) in tables)  # noqa: S608


def _check_place(path: Path) -> None:
    if "\0" in str(path):
        raise Unusable("no file's name holds a NUL character")
    if path.is_dir():
        raise Unusable("it is a folder; name a file in it")
    if not path.parent.is_dir():
        problem = "is not a folder" if path.parent.exists() else "does not exist; make it first"
        raise Unusable(f"the folder {str(path.parent)!r} {problem}")
    network = network_file_system(path, read_mounts())
    if network is not None:
        raise Unusable(
            f"it is on a network disk ({network}), where SQLite's locks cannot be trusted and records get lost; "
            "name a file on a disk of this machine, or use a Redis server: redis://host:6379"
        )
    if path.exists() and not path.is_file():
        raise Unusable("it is no regular file")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise Unusable("the file cannot be read and written here; see its permissions")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise Unusable(
            f"the folder {str(path.parent)!r} is read-only here, and SQLite keeps its log in a file beside the store"
        )


def _make_empty(path: Path) -> bool:
    # A file that is there is not even opened: closing it again would drop the locks of other stores in this process.
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    # The store guards the connection with a lock of its own, so it may pass from thread to thread.
    connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        _recognise(connection)
        _use_write_ahead_log(connection, busy_timeout)
        for setting in SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def _recognise(connection: sqlite3.Connection) -> None:
    if _identity(connection) == _NEW:
        _make_tables(connection)
    if _identity(connection)[:2] == (APPLICATION_ID, 1):
        _bring_up_to_date(connection)
    application, version, _ = _identity(connection)
    if application != APPLICATION_ID:
        raise Unusable("it is a SQLite database of another program; it was left as it is")
    if version > VERSION:
        raise Unusable(
            f"it was written by a newer version (its layout is {version}, this version knows {VERSION}); "
            "upgrade sotopia-core"
        )
    if version < VERSION:
        raise Unusable(f"its layout is {version}, which no version ever wrote; the file is damaged")


def _identity(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return application id, version and number of tables as they were at one moment."""
    with connection:
        connection.execute("BEGIN")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return (application, version, tables)


def _make_tables(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have made them in the meantime.
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            for statement in TABLES:
                connection.execute(statement)


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have done it in the meantime.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 1:
            for statement in FROM_FIRST:
                connection.execute(statement)


def _use_write_ahead_log(connection: sqlite3.Connection, busy_timeout: float) -> None:
    # SQLite does not wait for other connections here, whatever its busy timeout.
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def explain(error: Exception, busy_timeout: float) -> str:
    """Say in a few words what went wrong, and what to do about it where that is known."""
    match error:
        case Unusable():
            return str(error)
        case OSError() if error.strerror:
            return error.strerror
        case sqlite3.Error():
            return _explain_code(error, busy_timeout)
        case _:
            return one_line(error)


def _explain_code(error: sqlite3.Error, busy_timeout: float) -> str:
    match _code(error):
        case sqlite3.SQLITE_BUSY:
            return f"another process kept it locked for more than {busy_timeout:g} s; wait for that one, or end it"
        case sqlite3.SQLITE_FULL:
            return "the disk is full; make room and try again"
        case sqlite3.SQLITE_NOTADB:
            return "it is no SQLite database; it was left as it is"
        case sqlite3.SQLITE_READONLY:
            return "it cannot be written; see the permissions of the file and its folder"
        case sqlite3.SQLITE_CORRUPT:
            return f"the file is damaged ({error})"
        case sqlite3.SQLITE_IOERR:
            return f"the disk failed ({error}, {error.sqlite_errorname}); see whether it is full"
        case _:
            return one_line(error)


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 where the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
