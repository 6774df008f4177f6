"""Records on their way into a store: prepared outside of any transaction, in bounded memory."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from typing import IO, Final, NamedTuple, Self

from sotopia_core.digests import digest
from sotopia_core.errors import StorageError
from sotopia_core.records import Record, Written
from sotopia_storage.documents import write_record
from sotopia_storage.fields import Scalar, searchable, values_of

MEMORY: Final = 32 * 2**20
"""Bytes of documents that are held in memory before they go to a temporary file."""

BATCH: Final = 512
"""Rows that are handed on together."""


class Shape(NamedTuple):
    """Which fields the records of one class are found by; ``digest`` tells two shapes apart."""

    digest: str
    kind: str
    fields: str


@cache
def shape_of(kind: type[Record]) -> Shape:
    """Return the shape of a class's records."""
    fields = json.dumps(sorted(searchable(kind)))
    return Shape(digest([kind.kind(), fields]), kind.kind(), fields)


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is stored: its document, and the (field, item number, value) triples that it is found by."""

    document: str | bytes
    kind: str
    pk: str
    shape: str
    entries: list[tuple[str, int, Scalar]]


def row_of(written: Written) -> Row:
    """Prepare a record; ``StorageError`` where a store could not keep it exactly."""
    record = written.record
    document = written.document or write_record(record)
    entries = [
        (field, item, value)
        for field, values in values_of(record).items()
        if field != "pk"
        for item, value in enumerate(values)
    ]
    return Row(document, record.kind(), record.pk, shape_of(type(record)).digest, entries)


class Staging:
    """Collects rows until all are there, so that no lock is held while their source is still producing them.

    What exceeds ``MEMORY`` waits in a temporary file without a name.
    """

    def __init__(self) -> None:
        self.shapes: set[Shape] = set()
        self.count = 0
        self._rows: list[Row] = []
        self._size = 0
        self._spilled: IO[bytes] | None = None

    def add(self, written: Written) -> None:
        """Prepare a record and keep it; ``StorageError`` where a store could not keep it exactly."""
        row = row_of(written)
        self.shapes.add(shape_of(type(written.record)))
        self._rows.append(row)
        self.count += 1
        self._size += len(row.document)
        if self._size > MEMORY:
            self._spill()

    def _spill(self) -> None:
        try:
            if self._spilled is None:
                self._spilled = tempfile.TemporaryFile()  # noqa: SIM115 (__exit__)
            for row in self._rows:
                parts = (row.document, row.kind, row.pk, row.shape, row.entries)  # quicker than all of a dataclass
                pickle.dump(parts, self._spilled, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            folder = tempfile.gettempdir()
            raise StorageError(f"cannot set records aside in the folder {folder!r}: {error.strerror}") from error
        self._rows.clear()
        self._size = 0

    def batches(self) -> Iterator[list[Row]]:
        """Yield the rows in the order they came, some at a time."""
        rows = chain(self._read_spilled(), self._rows)
        while batch := list(islice(rows, BATCH)):
            yield batch

    def _read_spilled(self) -> Iterator[Row]:
        if self._spilled is not None:
            self._spilled.seek(0)
            for _ in range(self.count - len(self._rows)):
                yield Row(*pickle.load(self._spilled))  # noqa: S301 (the file has no name: nobody else can write it)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spilled is not None:
            self._spilled.close()
