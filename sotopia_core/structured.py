"""Structured replies: the JSON schema that a type is asked for by, and the value that a reply's text holds."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Final, NoReturn, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ValidationError

from sotopia_core.errors import ModelError

T = TypeVar("T", bound=BaseModel)

KEPT_KEYWORDS: Final = ("type", "enum", "description")
"""The keywords that every provider takes as they are; those that hold schemas are handled one by one."""

BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matching {}",
    "format": "in the format {}",
}
"""Keywords that some providers refuse in strict schemas, and the words that take their place in the description."""

OBJECT_START: Final = re.compile(r'\{\s*["}]')


@runtime_checkable
class NarrowedByContext(Protocol):
    """A type of which the schema depends on the validation context, such as on who takes part."""

    @classmethod
    def schema_within(cls, context: Hashable) -> dict[str, Any]:
        """Return the strict JSON schema that holds in a context."""


def json_schema_for(response_type: type[BaseModel], context: Hashable = None) -> dict[str, Any]:
    """Return the strict JSON schema of a type, in the subset that providers of structured output agree on.

    Objects refuse further properties and require all of theirs, also those with defaults; properties go by their
    aliases; definitions are put in place. Fields keep their descriptions, classes do not: docstrings are written for
    programmers. Bounds are said in the description, since some providers refuse them as keywords; :func:`parse` checks
    them. With a ``context``, a type that is :class:`NarrowedByContext` says its schema itself. Raises ``TypeError`` for
    a type that no strict schema can say: one that is no object, refers to itself, has free keys (a dict), positions of
    their own types (a tuple), or a field that can hold anything.
    """
    schema: dict[str, Any] = json.loads(schema_text_for(response_type, context))
    return schema


# Kept as text, so that each caller gets a schema of its own, whatever it or the client library does to it.
@lru_cache(maxsize=512)
def schema_text_for(response_type: type[BaseModel], context: Hashable = None) -> str:
    """Return what :func:`json_schema_for` does, as JSON text."""
    if context is not None and isinstance(response_type, NarrowedByContext):
        return json.dumps(response_type.schema_within(context))
    whole = response_type.model_json_schema(by_alias=True)
    schema = _strict(_undescribed(whole), whole.get("$defs", {}), response_type.__name__, ())
    if schema.get("type") != "object":
        raise TypeError(f"{response_type.__name__} is no JSON object, so no model can be asked for it")
    return json.dumps(schema)


def _strict(
    node: Mapping[str, Any], definitions: Mapping[str, Any], where: str, within: tuple[str, ...]
) -> dict[str, Any]:
    if "$ref" in node:
        name = str(node["$ref"]).removeprefix("#/$defs/")
        if name in within:
            raise TypeError(f"{where} refers to itself, so no model can be asked for it")
        own = {key: value for key, value in node.items() if key != "$ref"}
        return _strict({**_undescribed(definitions[name]), **own}, definitions, where, (*within, name))
    schema = {key: node[key] for key in KEPT_KEYWORDS if key in node}
    if "const" in node:
        schema["enum"] = [node["const"]]
    bounds = ", ".join(words.format(_plain(node[key])) for key, words in BOUNDS.items() if key in node)
    if bounds:
        schema["description"] = " ".join(filter(None, (schema.get("description"), f"({bounds})")))
    for key in ("anyOf", "oneOf"):
        if key in node:
            schema["anyOf"] = [_strict(choice, definitions, where, within) for choice in node[key]]
    if not {"type", "enum", "anyOf"} & schema.keys():
        raise TypeError(f"{where} can be anything, so no model can be asked for it")
    if node.get("type") == "array":
        if "prefixItems" in node or "items" not in node:
            raise TypeError(f"{where} is a list whose items have no one type, so no model can be asked for it")
        schema["items"] = _strict(node["items"], definitions, f"{where}[]", within)
    if node.get("type") == "object":
        if node.get("additionalProperties"):
            raise TypeError(f"{where} has free keys, so no model can be asked for it; name the keys as fields")
        parts = node.get("properties", {})
        schema["properties"] = {
            key: _strict(part, definitions, f"{where}.{key}", within) for key, part in parts.items()
        }
        schema["required"] = list(parts)
        schema["additionalProperties"] = False
    return schema


def _undescribed(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key != "description"}


def _plain(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def instructions_for(schema: Mapping[str, Any]) -> str:
    """Return the words that ask for a schema, for servers that take no schema beside the messages."""
    return (
        "Answer with one JSON object and nothing else: no explanation, no code fence. "
        f"It must fit this JSON schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )


def parse(response_type: type[T], text: str, context: Hashable = None) -> T:
    """Return the value that a reply holds: one JSON object, alone, in a code fence, or with prose around it.

    ``context`` is handed to the validators of the type. Nothing is mended or converted: ``"7"`` is no number, and of a
    key that is there twice neither value is taken. Raises ``ModelError``, with the whole reply as ``raw``; its message
    says where the reply went wrong and what was expected.
    """
    plain = _plain_value(response_type, text, context)
    if plain is not None:
        return plain
    try:
        found = _one_object(text)
        return response_type.model_validate_json(found, strict=True, context=context)
    except ValidationError as error:
        raise ModelError(f"the reply is no {response_type.__name__}: {first_problem(error)}", raw=text) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise ModelError(f"the reply is no {response_type.__name__}: {reason}", raw=text) from None


def _plain_value(response_type: type[T], text: str, context: Hashable) -> T | None:
    """Return the value of a reply that is nothing but a flat object, as most are; None where that takes a closer look.

    Each key has its colon. So where there are as many colons as fields were given, no key stands there twice, and none
    deeper down.
    """
    colons = text.count(":")
    if text[:1] != "{" or colons > len(response_type.model_fields) or "NaN" in text or "Infinity" in text:
        return None
    try:
        value = response_type.model_validate_json(text, strict=True, context=context)
    except ValidationError:
        return None
    return value if len(value.model_fields_set) == colons else None


def _one_object(text: str) -> str:
    found: list[str] = []
    # What does not begin like an object, such as {goal} in prose, is passed over. What does is taken whole or refused:
    # looking inside a broken object would find a part and take it for the whole.
    start = OBJECT_START.search(text)
    while start is not None:
        try:
            _, end = _DECODER.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            raise ValueError(f"its JSON is broken at line {error.lineno}, column {error.colno}: {error.msg}") from None
        found.append(text[start.start() : end])
        start = OBJECT_START.search(text, end)
    if len(found) != 1:
        raise ValueError(f"it holds {len(found) or 'no'} JSON objects, where one was expected")
    return found[0]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return whole


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)


def first_problem(error: ValidationError) -> str:
    """Say in one line what is wrong first, where, and how much more there is."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    where = ".".join(str(step) for step in problems[0]["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return " ".join(f"{f'at {where}: ' if where else ''}{problems[0]['msg']}{more}".split())
