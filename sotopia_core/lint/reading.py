"""Gathering what is to be linted, out of files or a store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sotopia_core.database.files import FileRecord, Refusal, expand_pattern, read_entries
from sotopia_core.database.files import Place as Place
from sotopia_core.errors import RecordError
from sotopia_core.interfaces import Store
from sotopia_core.lint.subjects import KINDS, Conflict, Entry, Subjects
from sotopia_core.records import Record


def read_files(patterns: Sequence[str], base: Path) -> Subjects:
    """Return what stands in all files that the patterns name, what cannot be read included.

    Patterns are as in a run file's ``[pool]``; ``RecordError`` for one that names no file. Records of kinds that are not
    linted are passed over. The same record twice is one.
    """
    files = dict.fromkeys(path for pattern in patterns for path in expand_pattern(pattern, base))
    refusals: list[Refusal] = []
    entries: list[Entry[Record]] = []
    for path in files:
        for read in _read(path):
            if isinstance(read, Refusal):
                refusals.append(read)
            elif isinstance(read.record, KINDS):
                entries.append(Entry(read.record, read.place))
    return _subjects(entries, refusals)


def read_store(store: Store) -> Subjects:
    """Return all records of a store that are linted."""
    return Subjects(tuple(Entry(record) for kind in KINDS for record in store.iterate(kind)), complete=True)


def _read(path: Path) -> Iterable[FileRecord | Refusal]:
    try:
        yield from read_entries(path)
    except RecordError as error:
        yield Refusal(Place(path), str(error).removeprefix(f"{path}: "))


def _subjects(entries: Iterable[Entry[Record]], refusals: Iterable[Refusal]) -> Subjects:
    first: dict[tuple[str, str], Entry[Record]] = {}
    conflicts: list[Conflict] = []
    for entry in entries:
        earlier = first.setdefault((entry.record.kind(), entry.record.pk), entry)
        if earlier.record != entry.record:
            conflicts.append(Conflict(entry, earlier))
    return Subjects(tuple(first.values()), tuple(conflicts), tuple(refusals))
