"""Which numbers JSON cannot hold, and where in a value one of them is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, Literal, get_origin

from pydantic import BaseModel

from sotopia_storage.annotations import alternatives, items_of

LARGEST_BITS: Final = 14_000
"""Integers beyond this, about 4,200 decimal digits, are refused: JSON parsers do not read them back."""

Problem = tuple[list[str], str]
"""Where a value holds a number that JSON does not, innermost key first, and what that number is."""

Look = Callable[[Any], Problem | None]
_LOOKS: Final[dict[type, Look | None]] = {}


def find_problem(value: object) -> Problem | None:
    """Return the first problem in a record, or in anything else that is to become JSON; None where there is none."""
    look = _look_into(type(value))
    return None if look is None else look(value)


def _look_into(kind: type) -> Look | None:
    """Return what finds problems in values of a type; None where there can be none."""
    try:
        return _LOOKS[kind]
    except KeyError:
        return _LOOKS.setdefault(kind, _new_look(kind))


def _new_look(kind: type) -> Look | None:
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
    held = value.__dict__
    for name in fields:
        item = held[name]
        if item is not None and (look := _look_into(type(item))) is not None and (found := look(item)) is not None:
            found[0].append(name)
            return found
    return None


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
        look = _look_into(type(item))
        if look is not None and (found := look(item)) is not None:
            found[0].append(str(key))
            return found
    return None


def _may_hold_problems(kind: type[BaseModel]) -> tuple[str, ...]:
    """Return the fields of a model in which a float or an unbounded value can be, however deep.

    Looking only there keeps the check far cheaper than the writing itself.
    """
    return tuple(name for name, info in kind.model_fields.items() if _reaches(info.annotation, frozenset()))


def _reaches(annotation: object, above: frozenset[object]) -> bool:
    return any(_one_reaches(one, above) for one in alternatives(annotation))


def _one_reaches(annotation: object, above: frozenset[object]) -> bool:
    if annotation in (Any, object):
        return True
    if annotation is None or get_origin(annotation) is Literal or annotation in above:
        return False
    inside = above | {annotation}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_reaches(info.annotation, inside) for info in annotation.model_fields.values())
    if isinstance(annotation, type) and issubclass(annotation, str | bytes | bool | int | type(None) | Enum):
        return False
    items = items_of(annotation)
    return items is None or any(_one_reaches(item, inside) for item in items)
