"""What is linted: records with the places they were read from, and what stands in the place of records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, TypeVar, cast

from sotopia_core.database.files import Place, Refusal
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
)
from sotopia_core.records import Record

R = TypeVar("R", bound=Record)

KINDS: Final[tuple[type[Record], ...]] = (
    AgentProfile,
    EnvironmentProfile,
    RelationshipProfile,
    EnvAgentComboStorage,
    EnvironmentList,
)
"""The kinds of record that are linted."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[R]):
    """A record, and the place in a file that it was read from; None where it comes from a store."""

    record: R
    place: Place | None = None

    @property
    def name(self) -> str:
        """What the record is called, if it is called anything: characters, scenarios and lists are."""
        match self.record:
            case AgentProfile(name=name) | EnvironmentProfile(codename=name) | EnvironmentList(name=name):
                return name
            case _:
                return ""

    def __str__(self) -> str:
        """Say where the record is: its place, or its kind and pk."""
        return str(self.place) if self.place is not None else f"{self.record.kind()} {self.record.pk}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A record whose kind and pk another record has, which was read before and says something else."""

    entry: Entry[Record]
    earlier: Entry[Record]


@dataclass(frozen=True)
class Subjects:
    """All that is linted together: ``read``, in that order, are records and what cannot be read as one.

    ``complete`` says that nothing else exists, as in a store; records of files may refer to others kept elsewhere.
    """

    read: tuple[Entry[Record] | Refusal, ...]
    complete: bool = False

    @cached_property
    def refusals(self) -> tuple[Refusal, ...]:
        """What cannot be read as a record."""
        return tuple(subject for subject in self.read if isinstance(subject, Refusal))

    @cached_property
    def entries(self) -> tuple[Entry[Record], ...]:
        """The records, each kind and pk once: the first of its kind and pk."""
        return tuple(self._first.values())

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The records that differ from the first of their kind and pk."""
        there = [subject for subject in self.read if isinstance(subject, Entry)]
        pairs = [(entry, self._first[entry.record.kind(), entry.record.pk]) for entry in there]
        return tuple(Conflict(entry, first) for entry, first in pairs if entry.record != first.record)

    @cached_property
    def _first(self) -> dict[tuple[str, str], Entry[Record]]:
        first: dict[tuple[str, str], Entry[Record]] = {}
        for subject in self.read:
            if isinstance(subject, Entry):
                first.setdefault((subject.record.kind(), subject.record.pk), subject)
        return first

    def of(self, kind: type[R]) -> list[Entry[R]]:
        """Return the entries of one kind."""
        return [cast(Entry[R], entry) for entry in self.entries if isinstance(entry.record, kind)]

    def by_pk(self, kind: type[R]) -> dict[str, Entry[R]]:
        """Return the entries of one kind by their pk."""
        return {entry.record.pk: entry for entry in self.of(kind)}

    def knows(self, kind: type[Record]) -> bool:
        """Whether the records of a kind are here, so that one that is missing is missing altogether."""
        return self.complete or any(isinstance(entry.record, kind) for entry in self.entries)
