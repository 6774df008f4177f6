"""An open store on a Redis server: documents as JSON, found through one index for each class of records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import islice
from typing import Any, Final, TypeVar

import redis
from pydantic_core import from_json

from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import NotFoundError, StorageError
from sotopia_core.records import Record, Written
from sotopia_core.stores import BY_PK, Finding, JournalEntry, Order, Store
from sotopia_storage.documents import read_record
from sotopia_storage.fields import Scalar, check_page, field_values, sort_key, wanted
from sotopia_storage.redis.batches import Batches, shapes_key
from sotopia_storage.redis.checking import Checker, describe_server
from sotopia_storage.redis.link import Server, Word
from sotopia_storage.redis.models import key_of, pk_in, write
from sotopia_storage.redis.original import OriginalRecords
from sotopia_storage.redis.scripts import Journals, Leases
from sotopia_storage.redis.searching import Indexes
from sotopia_storage.staging import shape_of

R = TypeVar("R", bound=Record)

PAGE: Final = 64
"""Documents that are read together."""

REINDEXED: Final = 200
"""Documents that are indexed anew together."""

# Puts a document's new entry in place of the old one, unless another document was stored in the meantime.
EXCHANGE: Final = """
if redis.call('JSON.GET', KEYS[1], '.document') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('JSON.SET', KEYS[1], '$', ARGV[2])
return 1
"""


class RedisStore(Store):
    """A client with a pool of connections, so that threads do not wait for one another."""

    def __init__(
        self, url: str, *, name: str, password: str | None, namespace: str, timeout: float, connect_timeout: float
    ) -> None:
        self._namespace = namespace
        self._closed = False
        self._server = Server(url, name=name, password=password, timeout=timeout, connect_timeout=connect_timeout)
        self._indexes = Indexes(self._server, namespace)
        self._original = OriginalRecords(self._server)
        self._journals = Journals(self._server, namespace)
        self._leases = Leases(self._server, namespace)

    @contextmanager
    def _using(self) -> Iterator[None]:
        if self._closed:
            raise StorageError(f"the store {self._server.name!r} is closed")
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise StorageError(f"the store {self._server.name!r}: {self._server.explain(error)}") from error

    def put(self, record: Record) -> None:
        """Store a record; one of the same kind and pk is replaced."""
        self.put_many((record,))

    def put_many(self, records: Iterable[Record]) -> int:
        """Store all of the records or, on any error, none of them. Returns how many."""
        return self.put_written(map(Written, records))

    def put_written(self, written: Iterable[Written]) -> int:
        """Do the same with records of which the JSON is there already.

        Nothing is held up while ``written`` is being read, however long that takes, and it may use this store.
        """
        with Batches(self._server, self._namespace) as batches:
            for one in written:
                with self._using():
                    self._indexes.make(type(one.record))
                    batches.add(one)
            with self._using():
                batches.commit()
        return batches.count

    def get(self, kind: type[R], pk: str) -> R:
        """Return the record; ``NotFoundError`` if there is none."""
        with self._using():
            found = self._read(kind, [pk])
            record = found[0] if found else self._original.find(kind, pk)
        if record is None:
            raise NotFoundError(f"no {kind.kind()} has the pk {pk!r} in {self._server.name}")
        return record

    def _read(self, kind: type[R], pks: Sequence[str]) -> list[R]:
        """Return the records with these primary keys, but for those that are not there."""
        keys = [key_of(self._namespace, kind, pk) for pk in pks]
        documents = self._server.ask("JSON.MGET", *keys, ".document")
        return [
            read_record(kind, pk, from_json(document), self._server.name)
            for pk, document in zip(pks, documents, strict=True)
            if document is not None
        ]

    def delete(self, kind: type[Record], pk: str) -> bool:
        """Delete the record, and an episode's journal with it. Returns whether it was there."""
        commands: list[Sequence[Word]] = [("DEL", key_of(self._namespace, kind, pk))]
        if kind.kind() == EpisodeLog.kind():
            commands += self._journals.dropping(pk)
        with self._using():
            deleted = bool(self._server.ask_all(commands, at_once=True)[0])
            return self._original.delete(kind, pk) or deleted

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
        with self._using():
            if "pk" in looked_for or self._original.holds(kind):
                return self._sorted(kind, looked_for, order)[offset : None if limit is None else offset + limit]
            pks = self._search(kind, looked_for, order, limit, offset)
            return [record for page in _pages(pks) for record in self._matching(kind, page, looked_for)]

    def _sorted(self, kind: type[R], looked_for: Mapping[str, Scalar], order: Order) -> list[R]:
        def place(record: R) -> tuple[tuple[int, str | int | float], str]:
            (value,) = (record.pk,) if order.field == "pk" else field_values(getattr(record, order.field))
            return (sort_key(value), record.pk)

        return sorted(self._everything(kind, looked_for), key=place, reverse=order.descending)

    def count(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> int:
        """Return how many records ``find`` would."""
        looked_for = wanted(kind, where)
        with self._using():
            if "pk" in looked_for or self._original.holds(kind):
                return sum(1 for _ in self._everything(kind, looked_for))
            return self._indexes.count(kind, looked_for) if self._is_kept(kind, looked_for) else 0

    def pks(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> list[str]:
        """Return the primary keys of what ``find`` returns, sorted, out of the indexes alone."""
        looked_for = wanted(kind, where)
        with self._using():
            if "pk" in looked_for or self._original.holds(kind):
                return [record.pk for record in self._everything(kind, looked_for)]
            return list(self._search(kind, looked_for, BY_PK, None, 0))

    def iterate(self, kind: type[R], where: Mapping[str, Any] | None = None) -> Iterator[R]:
        """Yield what ``find`` returns, by pk, in constant memory.

        Records stored meanwhile are left out; of replaced ones, what is there when it is read is yielded. Of records of
        the original Sotopia, the primary keys are held in memory.
        """
        return self._iterate(kind, wanted(kind, where))

    def _iterate(self, kind: type[R], looked_for: Mapping[str, Scalar]) -> Iterator[R]:
        records = self._everything(kind, looked_for)
        while True:
            with self._using():
                record = next(records, None)
            if record is None:
                return
            yield record

    def _everything(self, kind: type[R], looked_for: Mapping[str, Scalar]) -> Iterator[R]:
        """Yield all records that hold these values, by primary key."""
        if "pk" in looked_for:
            pk = looked_for["pk"]
            found = self._read(kind, [pk]) if isinstance(pk, str) else []
            if not found and isinstance(pk, str) and (one := self._original.find(kind, pk)) is not None:
                found = [one]
            yield from (record for record in found if _holds(record, looked_for))
            return
        pks = self._search(kind, looked_for, BY_PK, None, 0)
        own = (record for page in _pages(pks) for record in self._matching(kind, page, looked_for))
        if not self._original.holds(kind):
            yield from own
            return
        keys = self._original.keys(kind)
        for page in _pages(iter(list(keys))):
            for pk, there in zip(page, self._are_there(kind, page), strict=True):
                if there:  # what was stored anew under its pk takes its place
                    del keys[pk]
        theirs = (record for record in self._original.read(kind, keys) if _holds(record, looked_for))
        yield from merge(own, theirs, key=lambda record: record.pk)

    def _are_there(self, kind: type[Record], pks: Sequence[str]) -> list[int]:
        commands = [("EXISTS", key_of(self._namespace, kind, pk)) for pk in pks]
        return self._server.ask_all(commands, at_once=False)

    def _search(
        self, kind: type[Record], looked_for: Mapping[str, Scalar], order: Order, limit: int | None, offset: int
    ) -> Iterator[str]:
        if self._is_kept(kind, {*looked_for, order.field}):
            yield from self._indexes.find(kind, looked_for, order, limit, offset)

    def _matching(self, kind: type[R], pks: Sequence[str], looked_for: Mapping[str, Scalar]) -> list[R]:
        """Return those of the records that still hold these values: they may have been replaced since the search."""
        return [record for record in self._read(kind, pks) if _holds(record, looked_for)]

    def _is_kept(self, kind: type[Record], fields: Iterable[str]) -> bool:
        """Whether records of a kind were ever stored. If so, they are indexed by these fields when this returns.

        Documents that were stored before their class had all of them are read with defaults, and indexed anew.
        """
        shapes = self._indexes.shapes(kind)
        for shape, indexed in shapes.items():
            if shape != shape_of(kind).digest and not {*fields} - {"pk"} <= {*json.loads(indexed)}:
                while pks := self._indexes.of_shape(kind, shape, REINDEXED):
                    self._index_anew(kind, pks)
        return bool(shapes)

    def _index_anew(self, kind: type[Record], pks: Sequence[str]) -> None:
        shape = shape_of(kind)
        keys = [key_of(self._namespace, kind, pk) for pk in pks]
        for pk, key, text in zip(pks, keys, self._server.ask("JSON.MGET", *keys, ".document"), strict=True):
            if text is not None:
                document = from_json(text)
                record = read_record(kind, pk, document, self._server.name)
                # The document stays as it is, so that whoever stored it can still read it.
                entry = write(Written(record, document.encode()))
                shapes = shapes_key(self._namespace, shape.kind)
                self._server.run(EXCHANGE, [key, shapes], [text, entry, shape.digest, shape.fields])

    def append_journal(self, entries: Sequence[JournalEntry]) -> None:
        """Keep all entries or, on any error, none. A key that is there already raises ``JournalError``."""
        with self._using():
            self._journals.append(entries)

    def read_journal(self, episode: str) -> list[JournalEntry]:
        """Return an episode's entries in the order they were appended."""
        with self._using():
            return self._journals.read(episode)

    def drop_journals(self, episodes: Iterable[str]) -> int:
        """Delete the journals of these episodes and nothing else. Returns how many entries there were."""
        names = list(episodes)
        commands: list[Sequence[Word]] = [("HLEN", self._journals.key(episode)) for episode in names]
        for episode in names:
            commands += self._journals.dropping(episode)
        with self._using():
            return sum(self._server.ask_all(commands, at_once=True)[: len(names)]) if names else 0

    def journals(self) -> dict[str, int]:
        """Return the episodes that have a journal, sorted, and how many entries each has."""
        with self._using():
            return self._journals.sizes()

    def contents(self) -> dict[str, int]:
        """Return the kinds that there are records of, sorted, and how many of each."""
        with self._using():
            names = sorted({*self._indexes.kinds(), *self._original.prefixes})
            counts = {name: len({*self._own_pks(name), *self._original.pks(name)}) for name in names}
        return {name: count for name, count in counts.items() if count}

    def _own_pks(self, kind: str) -> Iterator[str]:
        prefix = f"{self._namespace}:{kind}:"
        return (pk_in(key, prefix) for key in self._server.scan(f"{prefix}*"))

    def describe(self) -> dict[str, str]:
        """Return the server's version and memory, and what it keeps when it dies."""
        with self._using():
            return describe_server(self._server)

    def check(self, kinds: Iterable[type[Record]]) -> Iterator[Finding]:
        """Yield everything that is wrong with the documents, their terms, the indexes and the journals.

        What the server's settings put at risk is among it.
        """
        checker = Checker(self._server, self._namespace, self._indexes, self._original, self._journals)
        with self._using():
            yield from checker.findings(kinds)

    def acquire_lease(self, name: str, owner: str, seconds: float) -> bool:
        """Take or extend a lease. Returns False while another owner's has not expired."""
        with self._using():
            return self._leases.acquire(name, owner, seconds)

    def release_lease(self, name: str, owner: str) -> bool:
        """Give a lease back. Returns whether this owner held it."""
        with self._using():
            return self._leases.release(name, owner)

    def close(self) -> None:
        """Close the store; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._server.close()


def _holds(record: Record, looked_for: Mapping[str, Scalar]) -> bool:
    return all(
        value in ((record.pk,) if field == "pk" else field_values(getattr(record, field)))
        for field, value in looked_for.items()
    )


def _pages(pks: Iterator[str]) -> Iterator[list[str]]:
    while page := list(islice(pks, PAGE)):
        yield page
