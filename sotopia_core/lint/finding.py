"""A rule, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sotopia_core.database.files import Place, Refusal
from sotopia_core.lint.subjects import Entry, Subjects
from sotopia_core.wording import shown

Severity = Literal["error", "warning"]
"""``error``: it cannot be played, or not as it is meant. ``warning``: it can be played, and should be looked at."""

Complaint = tuple[Entry[Any] | Refusal, str]
"""What is complained of, and one line that says what is wrong with it and what to do."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: ``check`` yields what it complains of; ``example`` is JSONL in which the rule finds something."""

    name: str
    severity: Severity
    about: str
    example: str
    check: Callable[[Subjects], Iterator[Complaint]]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found. ``message`` is one line that says what is wrong and what to do.

    ``place`` is None for a record of a store; ``kind`` and ``pk`` are None for what cannot be read as a record.
    ``name`` is a character's name, a scenario's codename or a list's name, and empty where there is none.
    """

    rule: str
    severity: Severity
    message: str
    place: Place | None = None
    kind: str | None = None
    pk: str | None = None
    name: str = ""

    @property
    def where(self) -> str:
        """The place, or the kind and pk of the record, with its name."""
        place = str(self.place) if self.place is not None else f"{self.kind} {self.pk}"
        return f"{place} ({shown(self.name)})" if self.name else place

    def __str__(self) -> str:
        """Write the finding as one line."""
        return f"{self.where}: {self.severity}: {self.message} [{self.rule}]"
