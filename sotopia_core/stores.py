"""What a store keeps and finds: records by their fields, journals of what was answered, leases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sotopia_core.records import Record, Written

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One answer that was paid for, kept before it is used: keyed by all fields but the payload, a JSON object.

    ``turn`` and ``attempt`` count from 0.
    """

    episode: str
    turn: int
    seat: str
    purpose: str
    payload: dict[str, Any]
    attempt: int = 0

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """What makes the entry the only one of its kind."""
        return (self.episode, self.turn, self.seat, self.purpose, self.attempt)


@dataclass(frozen=True, slots=True)
class Order:
    """How found records are sorted: by one field, ties by pk. None sorts before numbers, numbers before text."""

    field: str = "pk"
    descending: bool = False


BY_PK: Final = Order()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of a store found: ``damage``, where something stored is lost or wrong, or else a risk."""

    text: str
    damage: bool = True


class Store(ABC):
    """An open store. Synchronous, safe to use from several threads, and durable when a call returns.

    Fields are found by exact equality; a field that holds a list is found by each of its items. Any field of a record
    that is a string, a number, a boolean, None, or a list of these can be named in ``where``; numbers compare as
    numbers, text by code points. Every method raises ``StorageError`` where the store cannot do its work.
    """

    @abstractmethod
    def put(self, record: Record) -> None:
        """Store a record; one of the same kind and pk is replaced."""

    @abstractmethod
    def put_many(self, records: Iterable[Record]) -> int:
        """Store all of the records or, on any error, none of them. Returns how many."""

    def put_written(self, written: Iterable[Written]) -> int:
        """Do the same with records of which the JSON is there already; a store that keeps JSON need not write it."""
        return self.put_many(one.record for one in written)

    @abstractmethod
    def get(self, kind: type[R], pk: str) -> R:
        """Return the record; ``NotFoundError`` if there is none."""

    @abstractmethod
    def delete(self, kind: type[Record], pk: str) -> bool:
        """Delete the record, and an episode's journal with it. Returns whether it was there."""

    @abstractmethod
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

    @abstractmethod
    def count(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> int:
        """Return how many records :meth:`find` would."""

    @abstractmethod
    def iterate(self, kind: type[R], where: Mapping[str, Any] | None = None) -> Iterator[R]:
        """Yield what :meth:`find` returns, by pk, in constant memory. Records stored meanwhile may be left out."""

    def pks(self, kind: type[Record], where: Mapping[str, Any] | None = None) -> list[str]:
        """Return the primary keys of what :meth:`find` returns, sorted; faster, where a store need not read records."""
        return [record.pk for record in self.iterate(kind, where)]

    @abstractmethod
    def append_journal(self, entries: Sequence[JournalEntry]) -> None:
        """Keep all entries or, on any error, none. A key that is there already raises ``JournalError``."""

    @abstractmethod
    def read_journal(self, episode: str) -> list[JournalEntry]:
        """Return an episode's entries in the order they were appended."""

    @abstractmethod
    def drop_journals(self, episodes: Iterable[str]) -> int:
        """Delete the journals of these episodes and nothing else. Returns how many entries there were."""

    @abstractmethod
    def journals(self) -> dict[str, int]:
        """Return the episodes that have a journal, sorted, and how many entries each has."""

    @abstractmethod
    def contents(self) -> dict[str, int]:
        """Return the kinds that there are records of, sorted, and how many of each."""

    @abstractmethod
    def describe(self) -> dict[str, str]:
        """Return what is to be known of the store beyond its contents, such as size and durability, by name."""

    @abstractmethod
    def check(self, kinds: Iterable[type[Record]]) -> Iterator[Finding]:
        """Yield everything that is wrong with the store, reading all of it.

        Records of classes other than ``kinds`` are counted and not read. It may be written meanwhile; what is being
        written may then be reported though nothing is wrong with it.
        """

    @abstractmethod
    def acquire_lease(self, name: str, owner: str, seconds: float) -> bool:
        """Take or extend a lease. Returns False while another owner's has not expired."""

    @abstractmethod
    def release_lease(self, name: str, owner: str) -> bool:
        """Give a lease back. Returns whether this owner held it."""

    @abstractmethod
    def close(self) -> None:
        """Close the store; closing twice is harmless."""

    def abandon(self) -> None:
        """Close the store, and leave no empty one behind where opening it made one and nothing was stored since."""
        self.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
