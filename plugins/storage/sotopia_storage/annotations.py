"""What a field's type annotation says about the values it may hold."""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin


def alternatives(annotation: object) -> tuple[object, ...]:
    """Return the types that an annotation allows: unions are taken apart; ``Annotated``, aliases and the like undone.

    A type variable allows its bound or its constraints; without them it allows ``Any``.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin is Union or isinstance(annotation, types.UnionType):
        return tuple(one for argument in get_args(annotation) for one in alternatives(argument))
    for wrapped in ("__value__", "__supertype__", "__bound__"):
        inner = getattr(annotation, wrapped, None)
        if inner is not None:
            return alternatives(inner)
    if constraints := getattr(annotation, "__constraints__", ()):
        return tuple(one for constraint in constraints for one in alternatives(constraint))
    return (Any,) if hasattr(annotation, "__constraints__") else (annotation,)


def is_scalar(annotation: object) -> bool:
    """Whether one alternative of an annotation is text, a number, a boolean, None, or a choice among these."""
    if annotation in (Any, object, None) or get_origin(annotation) is Literal:
        return True
    return isinstance(annotation, type) and issubclass(annotation, str | int | float | types.NoneType | Enum)


def items_of(annotation: object) -> tuple[object, ...] | None:
    """Return what the items of a list, tuple or set may be; None where the alternative is none of these."""
    if annotation in (Any, object):
        return (Any,)
    origin = get_origin(annotation) or annotation
    if not (isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset)):
        return None
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return tuple(one for argument in arguments or [Any] for one in alternatives(argument))
