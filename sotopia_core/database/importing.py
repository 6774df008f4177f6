"""Bringing the records of files into a store: everything at once or nothing, each record once, in constant memory."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from sotopia_core.database.csv_files import SUFFIX
from sotopia_core.database.files import FileRecord, Place, Refusal, differing_fields, expand_pattern, read_each
from sotopia_core.database.references import REFERENCES, references_of
from sotopia_core.digests import digest
from sotopia_core.errors import NotFoundError, RecordError, StorageError
from sotopia_core.records import Record, Written
from sotopia_core.stores import Store
from sotopia_core.wording import shown

OnError = Literal["stop", "skip"]
"""``stop``: one record that cannot be imported, and nothing is. ``skip``: all others are."""

SUFFIXES: Final = (".json", ".jsonl", ".ndjson", SUFFIX)
"""What the files in a folder that hold records end in."""

KEPT: Final = 1000
"""Problems, and pks of each kind that are missing, that a report holds; beyond, they are only counted."""

REMEMBERED: Final = 5000
"""References that are held in memory, since most records refer to what others do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that is not imported: it was refused, or it is ``conflicting`` with another of its pk."""

    place: Place
    outcome: Literal["refused", "conflicting"]
    reason: str


@dataclass(slots=True)
class FileReport:
    """How many records a file holds, and what became of them: ``read`` is the sum of the others."""

    path: Path
    new: int = 0
    same: int = 0
    conflicting: int = 0
    refused: int = 0

    @property
    def read(self) -> int:
        """How many records the file holds, those included that were refused."""
        return self.new + self.same + self.conflicting + self.refused


@dataclass(frozen=True, slots=True)
class MissingReferences:
    """Primary keys that a field of some kind of record refers to and that no record has, ``count`` of them in all."""

    source: str
    field: str
    target: str
    count: int
    pks: tuple[str, ...]


@dataclass(slots=True)
class ImportReport:
    """What an import found and did, file by file; ``stored`` says whether the new records are in the store."""

    files: list[FileReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    missing: list[MissingReferences] = field(default_factory=list)
    stored: bool = False

    @property
    def total(self) -> FileReport:
        """The sums over all files."""
        sums = FileReport(Path())
        for file in self.files:
            sums.new += file.new
            sums.same += file.same
            sums.conflicting += file.conflicting
            sums.refused += file.refused
        return sums

    @property
    def left_out(self) -> int:
        """How many records were refused or are conflicting."""
        return self.total.refused + self.total.conflicting


class Watcher:
    """Is told how far an import is; does nothing with it."""

    def reading(self, path: Path, records: int) -> None:
        """So many records of this file have been read."""

    def problem(self, problem: Problem) -> None:
        """A record is not going to be imported."""

    def storing(self, records: int) -> None:
        """All files are read; so many new records are being stored."""


def find_record_files(paths: Sequence[str], base: Path) -> list[Path]:
    """Return the files that paths name, each once: files, globs, and folders with all files of records in them.

    Files in a folder count where their names end in one of ``SUFFIXES``, at any depth, but for hidden ones; they are
    sorted. ``RecordError`` for a path that names no file.
    """
    first: dict[Path, Path] = {}
    for path in paths:
        for file in _files_of(path, base):
            first.setdefault(file.resolve(), file)
    return list(first.values())


def _files_of(path: str, base: Path) -> list[Path]:
    try:
        folder = base / Path(path).expanduser()
        if not folder.is_dir():
            return expand_pattern(path, base)
    except (RuntimeError, OSError):  # no home folder, or one that cannot be entered: for expand_pattern to say
        return expand_pattern(path, base)
    files = sorted(_record_files_in(folder))
    if not files:
        raise RecordError(f"{path!r} is a folder without files of records; their names end in {', '.join(SUFFIXES)}")
    return files


def _record_files_in(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise RecordError(f"{error.filename}: cannot be looked into ({error.strerror})") from error

    for inner, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = (Path(inner, name) for name in names if not name.startswith("."))
        yield from (file for file in files if file.suffix.lower() in SUFFIXES and file.is_file())


def import_files(
    files: Iterable[Path],
    store: Store,
    *,
    kind: type[Record] | None = None,
    on_error: OnError = "stop",
    watcher: Watcher | None = None,
) -> ImportReport:
    """Import all records in files and say what became of each.

    A record that the store has already is the same, and nothing happens; one that differs from what the store has
    under its pk, or from an earlier one of these files, is conflicting and not imported. What cannot be read is
    refused. With ``on_error="stop"`` one of either means that nothing at all is stored. The new records are stored
    together: whatever interrupts an import, all of them are there afterwards or none. References to records that are
    nowhere are kept and reported.

    Files are read one record at a time, and what has been seen is kept in a temporary file. While this goes on,
    nothing else should write to the store: what it writes under the pk of a new record is replaced.

    Raises ``StorageError`` where the store, or the temporary file, cannot do its work.
    """
    try:
        with _Ledger() as ledger:
            work = _Import(store, kind, on_error, watcher or Watcher(), ledger)
            try:
                store.put_written(work.new_records(files))
                work.report.stored = True
                work.report.missing = list(work.missing_references())
            except _Stopped:
                pass
            except StorageError as error:
                where = f"{work.yielded}: " if work.yielded is not None else ""
                raise StorageError(f"{where}{error}") from error
            return work.report
    except sqlite3.Error as error:
        raise StorageError(f"what has been read cannot be noted down in a temporary file: {error}") from error


class _Stopped(Exception):
    """Nothing is to be stored."""


class _Import:
    """One import: what becomes of each record, and the report of it.

    ``yielded`` is the place of the record that the store is busy with.
    """

    def __init__(
        self, store: Store, kind: type[Record] | None, on_error: OnError, watcher: Watcher, ledger: _Ledger
    ) -> None:
        self.report = ImportReport()
        self.yielded: Place | None = None
        self._store = store
        self._kind = kind
        self._on_error = on_error
        self._watcher = watcher
        self._ledger = ledger
        self._holds: dict[type[Record], bool] = {}
        self._stopping = False

    def new_records(self, files: Iterable[Path]) -> Iterator[Written]:
        """Yield what is to be stored; ``_Stopped`` at the end where nothing is."""
        for number, path in enumerate(files):
            self.report.files.append(FileReport(path))
            for entry in self._entries(path):
                if isinstance(entry, Refusal):
                    self._leave_out(number, Problem(entry.place, "refused", entry.reason))
                elif self._is_new(number, entry) and not self._stopping:
                    self.yielded = entry.place
                    yield Written(entry.record, entry.document)
                    self.yielded = None
        self._settle()
        if self._stopping:
            raise _Stopped
        self._watcher.storing(self.report.total.new)

    def _entries(self, path: Path) -> Iterator[FileRecord | Refusal]:
        self._watcher.reading(path, 0)
        try:
            for count, entry in enumerate(read_each(path, self._kind), 1):
                yield entry
                self._watcher.reading(path, count)
        except RecordError as error:
            yield Refusal(Place(path), str(error).removeprefix(f"{path}: "))

    def _leave_out(self, number: int, problem: Problem) -> None:
        file = self.report.files[number]
        if problem.outcome == "refused":
            file.refused += 1
        else:
            file.conflicting += 1
        self._stopping = self._on_error == "stop"
        if len(self.report.problems) < KEPT:
            self.report.problems.append(problem)
        self._watcher.problem(problem)

    def _is_new(self, number: int, entry: FileRecord) -> bool:
        """Whether a record is to be stored; otherwise it is told what it is, at once or in the end."""
        record = entry.record
        stored = self._stored(record)
        if stored is not None and not _is_same(stored, record):
            fields = ", ".join(differing_fields(stored, record))
            differs = f"other values for {fields}" if fields else "values of other types"
            reason = f"the store has {record.kind()} {shown(record.pk)} with {differs}"
            self._leave_out(number, Problem(entry.place, "conflicting", reason))
            return False
        self._ledger.note_references(record)
        if stored is not None:
            self.report.files[number].same += 1
            return False
        if not self._ledger.add(record, number, entry.place):
            return False
        self.report.files[number].new += 1
        return True

    def _stored(self, record: Record) -> Record | None:
        if not self._store_holds(type(record)):
            return None
        try:
            return self._store.get(type(record), record.pk)
        except NotFoundError:
            return None

    def _store_holds(self, kind: type[Record]) -> bool:
        """Whether the store held any record of a kind before the import: if not, looking for one is in vain."""
        if kind not in self._holds:
            self._holds[kind] = self._store.count(kind) > 0
        return self._holds[kind]

    def _settle(self) -> None:
        """Compare records whose pk stood earlier in the files with those that stood there, which are read once more."""
        for earlier_number in self._ledger.files_with_repeated():
            for entry in read_each(self.report.files[earlier_number].path, self._kind):
                if isinstance(entry, FileRecord):
                    for number, place, content in self._ledger.repeats_of(entry, earlier_number, self.report.files):
                        self._settle_one(entry, number, place, content)

    def _settle_one(self, earlier: FileRecord, number: int, place: Place, content: str) -> None:
        if content == _content(earlier.record):
            self.report.files[number].same += 1
            return
        record = earlier.record
        reason = f"{record.kind()} {shown(record.pk)} stands with other values at {earlier.place}"
        self._leave_out(number, Problem(place, "conflicting", reason))

    def missing_references(self) -> Iterator[MissingReferences]:
        """Yield for each field that refers to other records those primary keys that no record has."""
        for source, fields in REFERENCES.items():
            for name, target in fields.items():
                pks: list[str] = []
                count = 0
                for pk in self._ledger.unmet(source, name, target):
                    if not (self._store_holds(target) and self._store.count(target, {"pk": pk})):
                        count += 1
                        if count <= KEPT:
                            pks.append(pk)
                if count:
                    yield MissingReferences(source.kind(), name, target.kind(), count, tuple(pks))


def _is_same(one: Record, other: Record) -> bool:
    """Whether two records hold the same, types included: for Python 1, 1.0 and True are equal."""
    return one == other and (one.model_dump_json() == other.model_dump_json() or _content(one) == _content(other))


def _content(record: Record) -> str:
    return digest(record.model_dump(mode="json"))


class _Ledger:
    """What has been seen of an import, in a temporary file without a name, so that memory does not grow with it."""

    TABLES: Final = (
        """CREATE TABLE seen (
            kind TEXT NOT NULL, pk TEXT NOT NULL, file INTEGER NOT NULL, line INTEGER, entry INTEGER, key TEXT,
            PRIMARY KEY (kind, pk)) WITHOUT ROWID""",
        """CREATE TABLE repeated (
            kind TEXT NOT NULL, pk TEXT NOT NULL, content TEXT NOT NULL,
            file INTEGER NOT NULL, line INTEGER, entry INTEGER, key TEXT)""",
        """CREATE TABLE wanted (
            source TEXT NOT NULL, field TEXT NOT NULL, pk TEXT NOT NULL,
            PRIMARY KEY (source, field, pk)) WITHOUT ROWID""",
    )

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._noted: set[tuple[str, str, str]] = set()
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", *self.TABLES, "BEGIN"):
            self._connection.execute(statement)

    def __enter__(self) -> _Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(self, record: Record, file: int, place: Place) -> bool:
        """Note a new record, and return whether it is the first of its kind and pk; if not, it is noted as repeated."""
        where = (file, place.line, place.entry, place.key)
        added = self._connection.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?, ?)", (record.kind(), record.pk, *where)
        ).rowcount
        if not added:
            self._connection.execute(
                "INSERT INTO repeated VALUES (?, ?, ?, ?, ?, ?, ?)",
                (record.kind(), record.pk, _content(record), *where),
            )
        return bool(added)

    def note_references(self, record: Record) -> None:
        """Note what a record refers to."""
        kind = record.kind()
        for reference in references_of(record):
            row = (kind, reference.field, reference.pk)
            if row not in self._noted:
                if len(self._noted) >= REMEMBERED:
                    self._noted.clear()
                self._noted.add(row)
                self._connection.execute("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?)", row)

    def files_with_repeated(self) -> list[int]:
        """Return the numbers of the files that hold the first of several records with one pk."""
        rows = self._connection.execute(
            "SELECT DISTINCT seen.file FROM repeated JOIN seen USING (kind, pk) ORDER BY seen.file"
        )
        return [number for (number,) in rows]

    def repeats_of(self, entry: FileRecord, file: int, files: Sequence[FileReport]) -> list[tuple[int, Place, str]]:
        """Return file number, place and content of what repeats a record's kind and pk, if it is the first of them."""
        place = entry.place
        rows = self._connection.execute(
            "SELECT r.file, r.line, r.entry, r.key, r.content FROM seen JOIN repeated AS r USING (kind, pk) "
            "WHERE kind = ? AND pk = ? AND seen.file = ? AND seen.line IS ? AND seen.entry IS ? AND seen.key IS ?",
            (entry.record.kind(), entry.record.pk, file, place.line, place.entry, place.key),
        )
        return [
            (number, Place(files[number].path, line, item, key), content) for number, line, item, key, content in rows
        ]

    def unmet(self, source: type[Record], name: str, target: type[Record]) -> Iterator[str]:
        """Yield the primary keys that a field refers to and that no new record has."""
        rows = self._connection.execute(
            "SELECT pk FROM wanted WHERE source = ? AND field = ? "
            "AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.kind = ? AND seen.pk = wanted.pk) ORDER BY pk",
            (source.kind(), name, target.kind()),
        )
        for (pk,) in rows:
            yield pk
