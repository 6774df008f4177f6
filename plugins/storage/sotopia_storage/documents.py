"""Records as JSON documents, and back: exactly what went in, or a refusal."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from sotopia_core.errors import StorageError, one_line
from sotopia_core.records import Record
from sotopia_core.stores import Finding, JournalEntry
from sotopia_storage.json_limits import find_problem

R = TypeVar("R", bound=Record)


def write_record(record: Record) -> bytes:
    """Return a record as JSON; ``StorageError`` where JSON cannot hold all of it exactly."""
    return _write(record, f"{record.kind()} {record.pk!r}")


def read_record(kind: type[R], pk: str, document: str | bytes, store: str) -> R:
    """Return the record that a document holds; ``StorageError`` where it does not fit its class."""
    try:
        record = kind.model_validate_json(document)
    except ValidationError as error:
        raise StorageError(
            f"{kind.kind()} {pk!r} in {store} does not fit its class: {_first_problem(error)}; "
            "it was edited by hand, or written by another version"
        ) from None
    if record.pk != pk:
        raise StorageError(f"{kind.kind()} {pk!r} in {store} calls itself {record.pk!r}; it was edited by hand")
    return record


def write_payload(entry: JournalEntry) -> str:
    """Return a journal entry's payload as JSON; ``StorageError`` where JSON cannot hold all of it exactly."""
    return _write(entry.payload, f"the journal entry {say_key(entry)}").decode()


def read_payload(document: str, what: str) -> dict[str, Any]:
    """Return the payload that a document holds; ``StorageError`` where it holds none."""
    try:
        payload = from_json(document)
    except ValueError as error:
        raise StorageError(f"{what} cannot be read: {one_line(error)}") from None
    if not isinstance(payload, dict):
        raise StorageError(f"{what} cannot be read: it holds no JSON object")
    return payload


def say_key(entry: JournalEntry) -> str:
    """Name a journal entry for messages."""
    episode, turn, seat, purpose, attempt = entry.key
    return f"episode {episode!r}, turn {turn}, seat {seat!r}, purpose {purpose!r}, attempt {attempt}"


def not_read(kind: str, count: int) -> Finding:
    """Say that a check did not look into records whose class it does not know."""
    records = "1 record is" if count == 1 else f"{count:,} records are"
    return Finding(f"{records} of the class {kind}, which nothing that is installed knows, and not read", damage=False)


def _write(value: BaseModel | dict[str, Any], what: str) -> bytes:
    # pydantic writes nan and infinity as null, which would turn a number into a missing one without a word.
    problem = find_problem(value)
    if problem is not None:
        path, reason = problem
        raise StorageError(f"{what} cannot be stored: {'.'.join(reversed(path))} is {reason}")
    try:
        return to_json(value, by_alias=False)
    except PydanticSerializationError as error:
        raise StorageError(f"{what} cannot be stored: {one_line(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(map(str, problems[0]["loc"]))
    others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {problems[0]['msg']}{others}" if place else f"{problems[0]['msg']}{others}"
