"""By which values records are found and sorted: the rule that the stores of this kit share.

A record is found by each field whose value is text, a number, a boolean, None or a list, tuple or set that holds some
of these. Booleans count as 0 and 1. None sorts before numbers, numbers sort as numbers, text sorts by code points.

Text of more than ``LONGEST`` characters stands in an index as its first ``LONGEST`` characters and its SHA-256, so that
one long field costs no more than a short one. Equality stays exact: such a form is longer than any text that stands for
itself. Order stays that of the first ``LONGEST`` characters; texts that agree in all of these stand side by side, the
one of exactly ``LONGEST`` characters first, the longer ones in the order of their digests, which means nothing but is
always the same. Primary keys are compared whole.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from sotopia_core.errors import StorageError, nearest
from sotopia_core.records import Record
from sotopia_core.stores import Order
from sotopia_storage.annotations import alternatives, is_scalar, items_of

Scalar = str | int | float | None
LONGEST: Final = 128
BITS: Final = 64

_SCALARS: Final = (str, int, float, type(None), Enum)
_LISTS: Final = (list, tuple, set, frozenset)


@cache
def searchable(kind: type[Record]) -> Mapping[str, bool]:
    """Return the fields that records of a class can be found by, and for each whether records can be sorted by it.

    That is where the field holds one such value and never a list or anything else.
    """
    found: dict[str, bool] = {}
    for name, info in kind.model_fields.items():
        allowed = alternatives(info.annotation)
        items = [item for one in allowed for item in items_of(one) or ()]
        if any(map(is_scalar, [*allowed, *items])):
            found[name] = all(map(is_scalar, allowed)) and not items
    return MappingProxyType(found)


def values_of(record: Record) -> dict[str, tuple[Scalar, ...]]:
    """Return by which values a record is found, for each searchable field; ``StorageError`` where one is too large."""
    found: dict[str, tuple[Scalar, ...]] = {}
    held = record.__dict__
    field = ""
    try:
        for field in searchable(type(record)):
            found[field] = field_values(held[field])
    except ValueError as error:
        raise StorageError(f"{record.kind()} {record.pk!r} cannot be stored: {field} is {error}") from None
    found["pk"] = (record.pk,)
    return found


def field_values(value: object) -> tuple[Scalar, ...]:
    """Return by which values a record is found through a field that holds ``value``, each once."""
    if value is None or (type(value) is str and len(value) <= LONGEST):  # most values are one of these
        return (value,)
    if isinstance(value, _LISTS):
        return tuple(dict.fromkeys([comparable(item) for item in value if isinstance(item, _SCALARS)]))
    return (comparable(value),) if isinstance(value, _SCALARS) else ()


def comparable(value: object) -> Scalar:
    """Return the form in which a text, number, boolean, None or member of an enumeration is compared.

    Raises ``ValueError`` for numbers that no store compares exactly: infinite ones, nan, and integers beyond 64 bits.
    """
    if value is None:
        return None
    if isinstance(value, Enum):
        return comparable(value.value)
    if isinstance(value, str):
        if len(value) <= LONGEST:
            return str(value)
        return value[:LONGEST] + hashlib.sha256(value.encode()).hexdigest()
    if isinstance(value, int):
        if not -(2 ** (BITS - 1)) <= value < 2 ** (BITS - 1):
            raise ValueError(f"an integer that does not fit {BITS} bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value}, which is no number that can be compared")
        return float(value)
    raise ValueError(f"a {type(value).__name__}")


def sort_key(value: Scalar) -> tuple[int, str | int | float]:
    """Return the key by which Python sorts values as stores do."""
    if value is None:
        return (0, 0)
    return (2, value) if isinstance(value, str) else (1, value)


def wanted(kind: type[Record], where: Mapping[str, Any] | None) -> dict[str, Scalar]:
    """Return what a search looks for in comparable form; ``StorageError`` where it names no such field or value."""
    return {field: _wanted(kind, field, value) for field, value in (where or {}).items()}


def _wanted(kind: type[Record], field: str, value: object) -> Scalar:
    _check_field(kind, field)
    place = f"{kind.kind()}.{field}"
    if not isinstance(value, _SCALARS):
        raise StorageError(f"{place} is found by one text, number, boolean or None, not by a {type(value).__name__}")
    if isinstance(value, str) and not _is_unicode(value):
        raise StorageError(f"{place} cannot equal text with half a surrogate pair in it; no record holds such")
    if field == "pk" and isinstance(value, str):
        return value
    try:
        return comparable(value)
    except ValueError as error:
        raise StorageError(f"{place} cannot equal {error}; no record holds such") from None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_page(kind: type[Record], order: Order, limit: int | None, offset: int) -> None:
    """Raise ``StorageError`` unless records can be sorted by that field, and limit and offset are not negative."""
    _check_field(kind, order.field)
    if not searchable(kind)[order.field]:
        raise StorageError(
            f"{kind.kind()}.{order.field} may hold more than one text, number, boolean or None, "
            "so records cannot be sorted by it"
        )
    for name, number in (("limit", limit), ("offset", offset)):
        if number is not None and number < 0:
            raise StorageError(f"the {name} of a search is {number}; it must be 0 or more")


def _check_field(kind: type[Record], field: str) -> None:
    if field not in kind.model_fields:
        raise StorageError(f"{kind.kind()} has no field {field!r}{nearest(field, kind.model_fields)}")
    if field not in searchable(kind):
        raise StorageError(
            f"{kind.kind()}.{field} holds no text, number, boolean, None or list of these, "
            "so records cannot be found or sorted by it"
        )
