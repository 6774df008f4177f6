"""What a reply plainly means where strict reading refuses it: broken JSON, words in another spelling, wrappings."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from sotopia_core.errors import ModelError
from sotopia_core.lenient_json import Found, objects_in
from sotopia_core.structured import first_problem, json_schema_for

T = TypeVar("T", bound=BaseModel)

THOUGHTS: Final = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
"""What a model thinks aloud before it answers."""

_WHOLE: Final = re.compile(r"[+-]?\d+")
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+)")


def repair(response_type: type[T], text: str, context: Hashable = None) -> T:
    """Return the value that a reply plainly holds; ``ModelError`` where there is none, or more than one.

    The JSON is read as :mod:`.lenient_json` says. Then it is fitted to the type: keys and choices are recognised in
    another spelling (``"Action Type"``, ``"SPEAK"``), a number may be a string (``"7"``), a whole number may have a
    point (``7.0``), one item may stand for a list of it, and null may stand for a field that has a default. An object
    whose closing braces are missing is taken only if no field of it is missing. No score is moved onto its scale,
    completed, or taken out of prose.
    """
    name = response_type.__name__
    try:
        return _fitting(response_type, text, context)
    except ValidationError as error:
        raise ModelError(f"the reply is no {name}: {first_problem(error)}", raw=text) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise ModelError(f"the reply is no {name}: {reason}", raw=text) from None


def _fitting(response_type: type[T], text: str, context: Hashable) -> T:
    schema = json_schema_for(response_type, context)
    objects = _candidates(text)
    if not objects:
        raise ValueError("it holds no JSON objects, where one was expected")
    values: list[T] = []
    problem: ValueError | None = None
    for one in objects:
        try:
            values.append(_validated(response_type, _fit(_unwrapped(one.value, schema), schema), context, one))
        except ValueError as error:  # ValidationError is one
            problem = problem or error
    if not values:
        assert problem is not None
        raise problem
    if any(value != values[0] for value in values):
        raise ValueError(f"it holds {len(values)} JSON objects that fit, where one was expected")
    return values[0]


def _validated(response_type: type[T], fitted: object, context: Hashable, found: Found) -> T:
    value = response_type.model_validate_json(json.dumps(fitted), strict=True, context=context)
    missing = set(response_type.model_fields) - value.model_fields_set
    if found.unclosed and missing:
        raise ValueError(f"it is cut off: {', '.join(sorted(missing))} may have followed")
    return value


def _candidates(text: str) -> list[Found]:
    """Return the objects of a reply, those in a model's thoughts aside."""
    answer = THOUGHTS.sub("", text)
    if answer.lstrip().startswith('"'):
        answer = _undone(answer)
    return list(objects_in(answer))


def _undone(text: str) -> str:
    """Return the text that a JSON string holds, where the reply is one: an object that was encoded twice."""
    try:
        inner = json.loads(text)
    except ValueError:
        return text
    return inner if isinstance(inner, str) else text


def _unwrapped(value: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in an object under one strange key, as in ``{"reply": {...}}``, else the object."""
    if len(value) == 1:
        ((key, inner),) = value.items()
        if isinstance(inner, dict) and _match(key, schema["properties"]) is None:
            return inner
    return value


def _fit(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value in the spelling and the types of a schema; what does not fit is left as it is."""
    kind = schema.get("type")
    if isinstance(value, dict) and kind == "object":
        return _fit_object(value, schema)
    if kind == "array":
        items = schema["items"]
        if isinstance(value, list):
            return [_fit(item, items) for item in value]
        return [_fit(value, items)] if isinstance(value, str) and value and items.get("type") == "string" else value
    if isinstance(value, str):
        if "enum" in schema:
            found = _match(value, [choice for choice in schema["enum"] if isinstance(choice, str)])
            return value if found is None else found
        if kind == "integer" and _WHOLE.fullmatch(value.strip()):
            return int(value)
        if kind == "number" and _DECIMAL.fullmatch(value.strip()):
            return float(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _fit_object(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema["properties"]
    fitted: dict[str, Any] = {}
    for given, inner in value.items():
        key = _match(given, properties)
        if key is None:
            fitted.setdefault(given, inner)
            continue
        if key in fitted:
            raise ValueError(f"the key {key!r} is there twice")
        if inner is None and not _takes_null(properties[key]):
            continue  # left to the field's default; where it has none, it is missing
        fitted[key] = _fit(inner, properties[key])
    return fitted


def _match(word: str, known: Iterable[str]) -> str | None:
    """Return the one known word that this is, in whatever spelling of its letters and gaps."""
    names = list(known)
    if word in names:
        return word
    found = [name for name in names if _bare(name) == _bare(word)]
    return found[0] if len(found) == 1 else None


def _bare(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", word).strip().casefold()


def _takes_null(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "null" or any(_takes_null(choice) for choice in schema.get("anyOf", ()))
