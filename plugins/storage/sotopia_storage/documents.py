"""Records as JSON documents, and back: exactly what went in, or a refusal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache, partial
from typing import Any, Final, Literal, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from sotopia_core.errors import StorageError, one_line
from sotopia_core.interfaces import JournalEntry
from sotopia_core.profiles import Record
from sotopia_storage.annotations import alternatives, items_of

R = TypeVar("R", bound=Record)

LARGEST_BITS: Final = 14_000
"""Integers beyond this, about 4,200 decimal digits, are refused: JSON parsers do not read them back."""


def write_record(record: Record) -> str:
    """Return a record as JSON; ``StorageError`` where JSON cannot hold all of it exactly."""
    return _write(record, f"{record.kind()} {record.pk!r}")


def read_record(kind: type[R], pk: str, document: str, store: str) -> R:
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
    return _write(entry.payload, f"the journal entry {say_key(entry)}")


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


def _write(value: BaseModel | dict[str, Any], what: str) -> str:
    # pydantic writes nan and infinity as null, which would turn a number into a missing one without a word.
    problem = _problem(value)
    if problem is not None:
        path, reason = problem
        raise StorageError(f"{what} cannot be stored: {'.'.join(reversed(path))} is {reason}")
    try:
        return value.model_dump_json() if isinstance(value, BaseModel) else to_json(value).decode()
    except PydanticSerializationError as error:
        raise StorageError(f"{what} cannot be stored: {one_line(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(map(str, problems[0]["loc"]))
    others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {problems[0]['msg']}{others}" if place else f"{problems[0]['msg']}{others}"


Problem = tuple[list[str], str]
"""Where a value holds a number that JSON does not, innermost key first, and what that number is."""


def _problem(value: object) -> Problem | None:
    look = _look_into(type(value))
    return None if look is None else look(value)


@cache
def _look_into(kind: type) -> Callable[[Any], Problem | None] | None:
    """Return what finds problems in values of a type; None where there can be none."""
    if issubclass(kind, BaseModel):
        return partial(_problem_in_model, _may_hold_problems(kind))
    if issubclass(kind, dict):
        return _problem_in_dict
    if issubclass(kind, list | tuple | set | frozenset):
        return _problem_in_list
    if issubclass(kind, float):
        return _problem_in_float
    return _problem_in_int if issubclass(kind, int) and not issubclass(kind, bool) else None


def _problem_in_model(fields: Sequence[str], value: BaseModel) -> Problem | None:
    return _first((name, getattr(value, name)) for name in fields)


def _problem_in_dict(value: dict[Any, Any]) -> Problem | None:
    return _first(value.items())


def _problem_in_list(value: Iterable[Any]) -> Problem | None:
    return _first(enumerate(value))


def _problem_in_float(value: float) -> Problem | None:
    return None if math.isfinite(value) else ([], f"{value}, which JSON cannot hold")


def _problem_in_int(value: int) -> Problem | None:
    return ([], "an integer of thousands of digits") if value.bit_length() > LARGEST_BITS else None


def _first(items: Iterable[tuple[Any, Any]]) -> Problem | None:
    for key, item in items:
        if item is not None and (found := _problem(item)) is not None:
            found[0].append(str(key))
            return found
    return None


@cache
def _may_hold_problems(kind: type[BaseModel]) -> tuple[str, ...]:
    """Return the fields of a model in which a float or an unbounded value can be, however deep.

    Looking only there keeps the check far cheaper than the writing itself.
    """
    return tuple(name for name, info in kind.model_fields.items() if _reaches(info.annotation, frozenset()))


def _reaches(annotation: object, above: frozenset[object]) -> bool:
    return any(_one_reaches(one, above) for one in alternatives(annotation))


def _one_reaches(annotation: object, above: frozenset[object]) -> bool:
    if get_origin(annotation) is Literal or annotation is None or annotation in above:
        return False
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        inside = above | {annotation}
        return any(_reaches(info.annotation, inside) for info in annotation.model_fields.values())
    if isinstance(annotation, type) and issubclass(annotation, str | bytes | bool | int | type(None) | Enum):
        return False
    items = items_of(annotation)
    return items is None or any(_one_reaches(item, above) for item in items)
