"""Copying one store into another: whatever was there already is compared, whatever is copied is held against it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sotopia_core.digests import canonical_json
from sotopia_core.records import Record, Written
from sotopia_core.stores import JournalEntry, Store

R = TypeVar("R", bound=Record)

BATCH: Final = 500
"""Records that are stored together, at most."""

BYTES: Final = 4 * 2**20
"""Characters of JSON that are stored together, but for one record more."""

NAMED: Final = 100
"""Conflicting primary keys of each kind that a report holds; beyond, they are only counted."""


@dataclass(slots=True)
class KindCopy:
    """What became of the records of one kind: ``found`` is the sum of those copied, there already, and conflicting.

    ``digest`` is that of all records found, by pk; ``verified`` says whether the target gave the same for them, read
    once more after copying. Conflicting ones stand in the target under their pk with other values.
    """

    kind: str
    found: int = 0
    copied: int = 0
    same: int = 0
    conflicting: int = 0
    conflicts: list[str] = field(default_factory=list)
    digest: str = ""
    verified: bool = False

    def conflict(self, name: str) -> None:
        """Note one that conflicts."""
        self.conflicting += 1
        if len(self.conflicts) < NAMED:
            self.conflicts.append(name)


@dataclass(slots=True)
class CopyReport:
    """What was copied: records by kind, the entries of journals, and how many of which kinds were left behind."""

    kinds: list[KindCopy] = field(default_factory=list)
    journal: KindCopy = field(default_factory=lambda: KindCopy("journal"))
    left: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the target has now all that the source has."""
        return not self.left and all(one.verified and not one.conflicting for one in (*self.kinds, self.journal))


Watcher = Callable[[str, str, int, int], None]
"""Is told how far a copy is: ``copying`` or ``verifying``, the kind, how many were gone through, and of how many."""


class _Digest:
    """The SHA-256 of a sequence of texts."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, text: str) -> None:
        encoded = text.encode()
        self._hash.update(b"%d " % len(encoded))
        self._hash.update(encoded)

    def add_entries(self, entries: Iterable[JournalEntry]) -> None:
        for entry in entries:
            self.add(canonical_json([*entry.key, entry.payload]))

    def text(self) -> str:
        return self._hash.hexdigest()


def copy_store(
    source: Store, target: Store, kinds: Iterable[type[Record]], *, overwrite: bool = False, watcher: Watcher
) -> CopyReport:
    """Copy all records of these kinds, and all journals, and say what became of them.

    What the target has already stays as it is: the same is not written again, so that a copy which was interrupted goes
    on where it was; a record with other values is a conflict, unless ``overwrite``. A journal is copied where the
    target has its beginning or nothing of it. Leases are not copied: they belong to those who hold them.

    Records are copied some at a time and held in memory no longer. Raises ``StorageError`` where a store cannot do its
    work; what was copied until then stays.
    """
    report = CopyReport()
    there = source.contents()
    for kind in kinds:
        if kind.kind() in there:
            total = there.pop(kind.kind())
            report.kinds.append(_copy_kind(source, target, kind, total, overwrite, watcher))
    report.left = there
    _copy_journals(source, target, report.journal, watcher)
    return report


def _copy_kind(source: Store, target: Store, kind: type[R], total: int, overwrite: bool, watcher: Watcher) -> KindCopy:
    report = KindCopy(kind.kind())
    digest = _Digest()
    batch: list[Written] = []
    size = 0
    for record, other in _side_by_side(source.iterate(kind), target.iterate(kind)):
        document = record.model_dump_json()
        report.found += 1
        digest.add(document)
        if other is not None and other.model_dump_json() == document:
            report.same += 1
        elif other is not None and not overwrite:
            report.conflict(record.pk)
        else:
            batch.append(Written(record, document.encode()))
            size += len(document)
            if len(batch) >= BATCH or size >= BYTES:
                report.copied += target.put_written(batch)
                batch, size = [], 0
        watcher("copying", kind.kind(), report.found, total)
    if batch:
        report.copied += target.put_written(batch)
    report.digest = digest.text()
    report.verified = _digest_of(source, target, kind, report.found, watcher) == report.digest
    return report


def _digest_of(source: Store, target: Store, kind: type[R], total: int, watcher: Watcher) -> str:
    """Return the digest of those records of the target that the source has as well, read anew."""
    digest = _Digest()
    for number, record in enumerate(_found(source.pks(kind), target.iterate(kind)), 1):
        digest.add("" if record is None else record.model_dump_json())
        watcher("verifying", kind.kind(), number, total)
    return digest.text()


def _side_by_side(source: Iterator[R], target: Iterator[R]) -> Iterator[tuple[R, R | None]]:
    """Yield each record of the source with that of the target under the same pk; both come sorted by pk."""
    other = next(target, None)
    for record in source:
        while other is not None and other.pk < record.pk:
            other = next(target, None)
        yield record, other if other is not None and other.pk == record.pk else None


def _found(pks: Iterable[str], target: Iterator[R]) -> Iterator[R | None]:
    other = next(target, None)
    for pk in pks:
        while other is not None and other.pk < pk:
            other = next(target, None)
        yield other if other is not None and other.pk == pk else None


def _copy_journals(source: Store, target: Store, report: KindCopy, watcher: Watcher) -> None:
    journals = source.journals()
    total = sum(journals.values())
    digest = _Digest()
    copied = _Digest()
    for episode in journals:
        entries = source.read_journal(episode)
        there = target.read_journal(episode)
        report.found += len(entries)
        if there == entries[: len(there)]:
            report.same += len(there)
            target.append_journal(entries[len(there) :])
            report.copied += len(entries) - len(there)
        else:
            report.conflict(episode)
        digest.add_entries(entries)
        copied.add_entries(target.read_journal(episode))
        watcher("copying", "journal", report.found, total)
    report.digest = digest.text()
    report.verified = copied.text() == report.digest
