"""What is stored: a record under its primary key, and the ways to save it, find it and delete it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from sotopia_core.digests import new_pk

R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """Something that is stored under a primary key ``pk``; a new one gets a fresh ULID.

    Records are frozen: to change one, save a copy (``record.model_copy(update={...}).save()``). The methods below work
    on the store that is in use (``sotopia_core.database.use_storage``), in scripts, in threads, and in a notebook's
    running event loop; all of them raise ``StorageError`` where it cannot do its work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pk: str = Field(default_factory=new_pk, min_length=1, description="Primary key")

    @classmethod
    def kind(cls) -> str:
        """The name under which stores keep records of this class."""
        return cls.__name__

    def save(self) -> Self:
        """Store the record, in place of any other of its class with the same pk, and return it."""
        _store().put(self)
        return self

    @classmethod
    def get(cls, pk: str) -> Self:
        """Return the record with that pk; ``NotFoundError`` if there is none."""
        found: Self = _store().get(cls, pk)
        return found

    @classmethod
    def find(cls, **where: Any) -> Query[Self]:
        """Ask for the records in which every named field equals its value, or holds it where the field is a list."""
        return Query(cls, where)

    @classmethod
    def all(cls) -> list[Self]:
        """Return all records of this class, by pk."""
        return cls.find().all()

    @classmethod
    def all_pks(cls) -> list[str]:
        """Return the pks of all records of this class, sorted."""
        pks: list[str] = _store().pks(cls)
        return pks

    @classmethod
    def delete(cls, pk: str) -> bool:
        """Delete the record with that pk, an episode with its journal. Returns whether it was there."""
        was_there: bool = _store().delete(cls, pk)
        return was_there


@dataclass(frozen=True, slots=True)
class Written:
    """A record with its JSON, for a store to keep: that of ``model_dump_json``; None where nobody wrote it yet.

    Whoever gives a document vouches for it: the record holds no number that JSON has not.
    """

    record: Record
    document: bytes | None = None


@dataclass(frozen=True)
class Query(Generic[R]):
    """Records to be found: ``AgentProfile.find(occupation="Chef").all()``. Nothing is read before it is asked for."""

    kind: type[R]
    where: dict[str, Any]

    def all(self) -> list[R]:
        """Return all of them, by pk."""
        found: list[R] = _store().find(self.kind, self.where)
        return found

    def page(self, offset: int = 0, limit: int = 10) -> list[R]:
        """Return some of them, by pk: at most ``limit``, after skipping ``offset``."""
        found: list[R] = _store().find(self.kind, self.where, offset=offset, limit=limit)
        return found

    def first(self) -> R | None:
        """Return the one with the lowest pk; None if there is none."""
        return next(iter(self.page(limit=1)), None)

    def count(self) -> int:
        """Return how many there are."""
        number: int = _store().count(self.kind, self.where)
        return number

    def __iter__(self) -> Iterator[R]:
        found: Iterator[R] = _store().iterate(self.kind, self.where)
        return found


def _store() -> Any:
    # By name, at the time of use: a record knows that there is a store, but everything that finds, opens and writes one
    # is built on records.
    return import_module("sotopia_core.database.current").current_store()
