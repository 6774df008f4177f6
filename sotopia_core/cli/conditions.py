"""The conditions of a search, ``--where field=value``: values converted to what the field holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from sotopia_core.errors import InputError, nearest
from sotopia_core.records import Record

Scalar = str | int | float | bool | None
NULL = "null"


def read_conditions(kind: type[Record], texts: Sequence[str]) -> dict[str, Scalar]:
    """Read ``field=value`` texts against the fields of a kind of record; all of them must hold.

    A number field takes a number, a field with named values one of the names, a list field one of its items, and
    ``null`` means that nothing is there. ``InputError`` where a field is unknown or cannot hold the value.
    """
    conditions: dict[str, Scalar] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--where {text}: expected FIELD=VALUE, such as tag=pilot")
        if field in conditions:
            raise InputError(f"--where {text}: {field} was given before; name each field once")
        conditions[field] = convert(kind, field, value)
    return conditions


def convert(kind: type[Record], field: str, text: str) -> Scalar:
    """Return the value that a field of that kind of record would hold (or, in a list, contain) for this text."""
    where = f"--where {field}={text}"
    if field not in kind.model_fields:
        there = f"; there are {', '.join(kind.model_fields)}"
        raise InputError(f"{where}: no field is called {field!r}{nearest(field, kind.model_fields) or there}")
    types = list(_scalars(kind.model_fields[field].annotation))
    if any(not _is_scalar(one) for one in types):
        fields = kind.model_fields.items()
        searchable = [name for name, info in fields if all(map(_is_scalar, _scalars(info.annotation)))]
        raise InputError(f"{where}: {field} cannot be searched; these can: {', '.join(searchable)}")
    if text == NULL and NoneType in types:
        return None
    for one in types:
        try:
            return _read(one, text)
        except ValueError:
            continue
    raise InputError(f"{where}: {_expected(types, text)}")


def _read(scalar: Any, text: str) -> Scalar:
    """Read a text as one type of value; ``ValueError`` where it is none."""
    if get_origin(scalar) is Literal:
        if text in get_args(scalar):
            return text
        raise ValueError(text)
    if scalar is str or scalar is Any:
        return text
    if scalar is bool:
        if text in ("true", "false"):
            return text == "true"
        raise ValueError(text)
    if scalar is int or scalar is float:
        number = float(text)
        return int(text) if scalar is int else number
    if isinstance(scalar, type) and issubclass(scalar, IntEnum):
        return scalar[text].value if text in scalar.__members__ else scalar(int(text)).value
    raise ValueError(text)


def _expected(types: Sequence[Any], text: str) -> str:
    names = [name for one in types for name in _names(one)]
    if names:
        return f"expected one of {', '.join(names)}{nearest(text, names)}"
    words = {int: "a whole number", float: "a number", bool: "true or false", NoneType: NULL}
    return f"expected {' or '.join(words[one] for one in types if one in words)}"


def _names(one: Any) -> tuple[str, ...]:
    if isinstance(one, type) and issubclass(one, IntEnum):
        return tuple(one.__members__)
    return get_args(one) if get_origin(one) is Literal else ()


def _scalars(annotation: Any, *, in_list: bool = False) -> Iterator[Any]:
    """Yield the types of the values that a field can hold; a list's items count, a list's lists do not."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _scalars(arguments[0], in_list=in_list)
    elif origin in (Union, UnionType):
        for one in arguments:
            yield from _scalars(one, in_list=in_list)
    elif origin in (tuple, list) and not in_list:
        for one in arguments:
            if one is not Ellipsis:
                yield from _scalars(one, in_list=True)
    else:
        yield annotation


def _is_scalar(one: Any) -> bool:
    if get_origin(one) is Literal:
        return all(isinstance(name, str) for name in get_args(one))
    return one is Any or (isinstance(one, type) and issubclass(one, str | int | float | NoneType))
