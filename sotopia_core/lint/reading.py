"""Gathering what is to be linted, out of files or a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sotopia_core.database.files import FileRecord, Place, Refusal, expand_pattern, read_each
from sotopia_core.errors import RecordError
from sotopia_core.lint.subjects import KINDS, Entry, Subjects
from sotopia_core.records import Record
from sotopia_core.stores import Store


def read_files(patterns: Sequence[str], base: Path) -> Subjects:
    """Return what stands in all files that the patterns name, what cannot be read included.

    Patterns are as in a run file's ``[pool]``; ``RecordError`` for one that names no file. Records of other kinds than
    those that are linted are passed over.
    """
    files = dict.fromkeys(path for pattern in patterns for path in expand_pattern(pattern, base))
    return Subjects(tuple(subject for path in files for subject in _subjects(path)))


def read_store(store: Store) -> Subjects:
    """Return all records of a store that are linted."""
    return Subjects(tuple(Entry(record) for kind in KINDS for record in store.iterate(kind)), complete=True)


def _subjects(path: Path) -> Iterator[Entry[Record] | Refusal]:
    for read in _entries(path):
        if isinstance(read, Refusal):
            yield read
        elif isinstance(read.record, KINDS):
            yield Entry(read.record, read.place)


def _entries(path: Path) -> Iterator[FileRecord | Refusal]:
    try:
        yield from read_each(path)
    except RecordError as error:
        yield Refusal(Place(path), str(error).removeprefix(f"{path}: "))
