"""A store in memory: for tests, for trying things out, and for runs that keep nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, ClassVar, Final, TypeVar

from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import JournalError, NotFoundError, StorageError
from sotopia_core.interfaces import Storage
from sotopia_core.records import Record, Written
from sotopia_core.stores import BY_PK, Finding, JournalEntry, Order, Store
from sotopia_storage.documents import not_read, read_payload, read_record, say_key, write_payload, write_record
from sotopia_storage.fields import Scalar, check_page, field_values, sort_key, values_of, wanted
from sotopia_storage.leases import lease_times

R = TypeVar("R", bound=Record)

URL: Final = "memory://"


class Memory(Storage):
    """Records in memory. Each ``open`` gives a new, empty store, which is gone once nothing refers to it."""

    schemes: ClassVar[tuple[str, ...]] = ("memory",)

    @classmethod
    def from_url(cls, url: str) -> Memory:
        """Accept ``memory://`` and nothing else."""
        if url != URL:
            raise StorageError(f"{url!r} is not a store's URL; a store in memory has no name and no options: {URL}")
        return cls()

    @property
    def url(self) -> str:
        """``memory://``."""
        return URL

    def open(self) -> MemoryStore:
        """Return a new, empty store."""
        return MemoryStore()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A record as JSON, so that nobody can change it from outside, and the values that it is found by."""

    document: bytes
    values: Mapping[str, tuple[Scalar, ...]]


@dataclass(slots=True)
class _Contents:
    records: dict[str, dict[str, _Kept]] = field(default_factory=dict)
    journals: dict[str, dict[tuple[str, int, str, str, int], str]] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)


class MemoryStore(Store):
    """An open store in memory. One lock guards it, so each method is atomic."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._contents: _Contents | None = _Contents()

    @contextmanager
    def _using(self) -> Iterator[_Contents]:
        with self._lock:
            if self._contents is None:
                raise StorageError(f"the store {URL} is closed")
            yield self._contents

    def put(self, record: Record) -> None:
        """Store a record; one of the same kind and pk is replaced."""
        self.put_many([record])

    def put_many(self, records: Iterable[Record]) -> int:
        """Store all of the records or, on any error, none of them. Returns how many."""
        return self.put_written(map(Written, records))

    def put_written(self, written: Iterable[Written]) -> int:
        """Do the same with records of which the JSON is there already."""
        kept = [
            (one.record.kind(), one.record.pk, _Kept(one.document or write_record(one.record), values_of(one.record)))
            for one in written
        ]
        with self._using() as contents:
            for kind, pk, one in kept:
                contents.records.setdefault(kind, {})[pk] = one
        return len(kept)

    def get(self, kind: type[R], pk: str) -> R:
        """Return the record; ``NotFoundError`` if there is none."""
        with self._using() as contents:
            kept = contents.records.get(kind.kind(), {}).get(pk)
        if kept is None:
            raise NotFoundError(f"no {kind.kind()} has the pk {pk!r} in {URL}")
        return read_record(kind, pk, kept.document, URL)

    def delete(self, kind: type[Record], pk: str) -> bool:
        """Delete the record, and an episode's journal with it. Returns whether it was there."""
        with self._using() as contents:
            if kind.kind() == EpisodeLog.kind():
                contents.journals.pop(pk, None)
            return contents.records.get(kind.kind(), {}).pop(pk, None) is not None

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
        found = self._matches(kind, wanted(kind, where))

        def place(pk: str) -> tuple[tuple[int, str | int | float], str]:
            return (sort_key(_values(kind, pk, found[pk], order.field)[0]), pk)

        pks = sorted(found, key=place, reverse=order.descending)
        page = pks[offset : None if limit is None else offset + limit]
        return [read_record(kind, pk, found[pk].document, URL) for pk in page]

    def count(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> int:
        """Return how many records ``find`` would."""
        return len(self._matches(kind, wanted(kind, where)))

    def pks(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> list[str]:
        """Return the primary keys of what ``find`` returns, sorted."""
        return sorted(self._matches(kind, wanted(kind, where)))

    def iterate(self, kind: type[R], where: Mapping[str, Any] | None = None) -> Iterator[R]:
        """Yield what ``find`` returns, by pk, one parsed record at a time."""
        return self._iterate(kind, wanted(kind, where))

    def _iterate(self, kind: type[R], looked_for: Mapping[str, Scalar]) -> Iterator[R]:
        for pk in sorted(self._matches(kind, looked_for)):
            with self._using() as contents:
                kept = contents.records.get(kind.kind(), {}).get(pk)
            if kept is not None and _matches(kind, pk, kept, looked_for):
                yield read_record(kind, pk, kept.document, URL)

    def _matches(self, kind: type[Record], looked_for: Mapping[str, Scalar]) -> dict[str, _Kept]:
        with self._using() as contents:
            everything = dict(contents.records.get(kind.kind(), {}))
        return {pk: kept for pk, kept in everything.items() if _matches(kind, pk, kept, looked_for)}

    def append_journal(self, entries: Sequence[JournalEntry]) -> None:
        """Keep all entries or, on any error, none. A key that is there already raises ``JournalError``."""
        payloads = [write_payload(entry) for entry in entries]
        with self._using() as contents:
            new: set[tuple[str, int, str, str, int]] = set()
            for entry in entries:
                if entry.key in new or entry.key in contents.journals.get(entry.episode, {}):
                    raise JournalError(f"the journal in {URL} already has {say_key(entry)}")
                new.add(entry.key)
            for entry, payload in zip(entries, payloads, strict=True):
                contents.journals.setdefault(entry.episode, {})[entry.key] = payload

    def read_journal(self, episode: str) -> list[JournalEntry]:
        """Return an episode's entries in the order they were appended."""
        with self._using() as contents:
            journal = dict(contents.journals.get(episode, {}))
        return [
            JournalEntry(
                episode=episode,
                turn=turn,
                seat=seat,
                purpose=purpose,
                attempt=attempt,
                payload=read_payload(payload, f"the journal of episode {episode!r} in {URL}"),
            )
            for (_, turn, seat, purpose, attempt), payload in journal.items()
        ]

    def drop_journals(self, episodes: Iterable[str]) -> int:
        """Delete the journals of these episodes and nothing else. Returns how many entries there were."""
        with self._using() as contents:
            return sum(len(contents.journals.pop(episode, {})) for episode in episodes)

    def journals(self) -> dict[str, int]:
        """Return the episodes that have a journal, sorted, and how many entries each has."""
        with self._using() as contents:
            return {episode: len(journal) for episode, journal in sorted(contents.journals.items())}

    def contents(self) -> dict[str, int]:
        """Return the kinds that there are records of, sorted, and how many of each."""
        with self._using() as contents:
            return {kind: len(records) for kind, records in sorted(contents.records.items()) if records}

    def describe(self) -> dict[str, str]:
        """Say that nothing lasts."""
        with self._using():
            return {"durability": "none: everything is gone when the store is closed"}

    def check(self, kinds: Iterable[type[Record]]) -> Iterator[Finding]:
        """Yield what no longer fits its class."""
        known = {kind.kind(): kind for kind in kinds}
        with self._using() as contents:
            everything = {kind: dict(records) for kind, records in contents.records.items()}
        for kind, records in sorted(everything.items()):
            if kind not in known:
                yield not_read(kind, len(records))
                continue
            for pk, kept in sorted(records.items()):
                try:
                    read_record(known[kind], pk, kept.document, URL)
                except StorageError as error:
                    yield Finding(str(error))

    def acquire_lease(self, name: str, owner: str, seconds: float) -> bool:
        """Take or extend a lease. Returns False while another owner's has not expired."""
        with self._using() as contents:
            now, until = lease_times(name, seconds)
            holder, expires = contents.leases.get(name, (owner, until))
            if holder != owner and expires > now:
                return False
            contents.leases[name] = (owner, until)
            return True

    def release_lease(self, name: str, owner: str) -> bool:
        """Give a lease back. Returns whether this owner held it."""
        with self._using() as contents:
            holder, expires = contents.leases.get(name, (None, 0.0))
            if holder != owner:
                return False
            del contents.leases[name]
            return expires > time.time()

    def close(self) -> None:
        """Close the store and forget what was in it; closing twice is harmless."""
        with self._lock:
            self._contents = None


def _matches(kind: type[Record], pk: str, kept: _Kept, looked_for: Mapping[str, Scalar]) -> bool:
    return all(value in _values(kind, pk, kept, name) for name, value in looked_for.items())


def _values(kind: type[Record], pk: str, kept: _Kept, name: str) -> tuple[Scalar, ...]:
    if name in kept.values:
        return kept.values[name]
    # The class has grown a field since the record was stored, and reading gives that field its default.
    return field_values(getattr(read_record(kind, pk, kept.document, URL), name))
