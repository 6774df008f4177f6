"""``sotopia plugins show``: what something is for, its options, and where its source is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from sotopia_core.cli.layout import GAP, facts, heading, paragraph, text_width
from sotopia_core.cli.output import say, say_json
from sotopia_core.cli.plugins.listing import is_editable, offers_of
from sotopia_core.errors import SotopiaError, UnknownComponentError, nearest
from sotopia_core.evaluation import DimensionSet
from sotopia_core.interfaces import Operational, names_a_model
from sotopia_core.packs import Pack
from sotopia_core.plugins import Plugin
from sotopia_core.registry import Offer, Registry
from sotopia_core.toml_text import written

TABLES: Final[Mapping[str, str]] = {
    "agents": "[[agents]]",
    "orderings": "[ordering]",
    "samplers": "[sampler]",
    "response_evaluators": "[[response_evaluators]]",
    "terminal_evaluators": "[[terminal_evaluators]]",
    "models": "[models.NAME]",
    "storage": "[storage]",
}
"""Where a run file names a component of each kind."""

BY_TYPE: Final[Mapping[str, Any]] = {"string": "...", "integer": 1, "number": 1.0, "boolean": True, "array": []}
"""What stands for a value that only the user knows."""


def say_details(name: str, *, as_json: bool) -> None:
    """Print all that is called so."""
    documents = list(_documents(name, Registry.installed()))
    if as_json:
        say_json(documents)
        return
    for position, document in enumerate(documents):
        if position:
            say()
        say(_rendered(document))


def _documents(name: str, registry: Registry) -> Iterator[dict[str, Any]]:
    plugins = [plugin for plugin in registry.plugins if name in (plugin.name, plugin.distribution)]
    wanted, _, origin = name.partition("[")[0].rpartition(":")[::-1]
    offers = [o for o in registry.offers if o.plugin in plugins] or [
        o for o in registry.offers if o.name == wanted and origin in ("", o.plugin.name, o.plugin.distribution)
    ]
    packs = [(p, pack) for p, pack in registry.packs if p in plugins or pack.name == name]
    if not plugins and not offers and not packs:
        known = [o.name for o in registry.offers] + [p.name for p in registry.plugins]
        known += [pack.name for _, pack in registry.packs]
        hint = nearest(name, known) or "; sotopia plugins list says what there is"
        raise UnknownComponentError(f"no plugin, component or pack is called {name!r}{hint}")
    yield from (_plugin_document(plugin, registry) for plugin in plugins)
    yield from (_offer_document(offer) for offer in offers)
    yield from (_pack_document(plugin, pack) for plugin, pack in packs)


def _plugin_document(plugin: Plugin, registry: Registry) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "kind": "plugin",
        "plugin": plugin.title,
        "state": plugin.state,
        "cause": plugin.cause,
        "editable": is_editable(plugin),
        "source": plugin.module,
        "offers": offers_of(plugin, registry),
    }


def _pack_document(plugin: Plugin, pack: Pack) -> dict[str, Any]:
    return {
        "name": pack.name,
        "kind": "packs",
        "plugin": plugin.title,
        "documentation": pack.description,
        "source": "\n".join(map(str, pack.files)),
        "toml": f'[pool]\npacks = ["{pack.name}"]\n',
    }


def _offer_document(offer: Offer) -> dict[str, Any]:
    document = {"name": offer.name, "kind": offer.kind, "plugin": offer.plugin.title}
    try:
        loaded = offer.load()
    except SotopiaError as error:
        return {**document, "cause": str(error), "source": str(offer.target)}
    return {
        **document,
        "documentation": inspect.cleandoc(loaded.__doc__ or ""),
        "source": f"{inspect.getsourcefile(loaded) or loaded.__module__}:{_line(loaded)}",
        "options": [] if offer.kind == "dimensions" else [vars_of(option) for option in options_of(loaded)],
        "toml": snippet(offer, loaded),
    }


def _line(loaded: type[BaseModel]) -> int:
    try:
        return inspect.getsourcelines(loaded)[1]
    except (OSError, TypeError):  # a class that was made by code has no lines of its own
        return 1


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a component: its type in words, and the default that it has where it is not required."""

    name: str
    type: str
    required: bool
    default: Any
    description: str
    operational: bool
    example: Any


def vars_of(option: Option) -> dict[str, Any]:
    """Return an option as JSON values."""
    return {part: getattr(option, part) for part in Option.__slots__ if part != "example"}


def options_of(component: type[BaseModel]) -> list[Option]:
    """Return the options of a component, in the order of its fields."""
    schema = component.model_json_schema()
    definitions = schema.get("$defs", {})
    options = []
    for name, info in component.model_fields.items():
        shape = _shape(schema["properties"][name], definitions)
        default = info.get_default(call_default_factory=True, validated_data={})
        options.append(
            Option(
                name=name,
                type=type_in_words(shape),
                required=info.is_required(),
                default=None if default is PydanticUndefined else _plain(default),
                description=info.description or "",
                operational=any(isinstance(mark, Operational) for mark in info.metadata),
                example="offline"
                if names_a_model(info)
                else shape.get("enum", [BY_TYPE.get(str(shape.get("type")), {})])[0],
            )
        )
    return options


def _example(shape: Mapping[str, Any]) -> Any:
    return shape["enum"][0] if "enum" in shape else BY_TYPE.get(str(shape.get("type")), {})


def _plain(value: Any) -> Any:
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return _plain(value.model_dump(mode="json")) if isinstance(value, BaseModel) else str(value)


def _shape(schema: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an option's value, without the null that stands for leaving it out."""
    if "$ref" in schema:
        return _shape({**definitions[schema["$ref"].rpartition("/")[2]], **schema, "$ref": None}, definitions)
    if schema.get("$ref", "") is None:
        schema = {key: value for key, value in schema.items() if key != "$ref"}
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return _shape({**choices[0], **{"also": choices[1:]}}, definitions) if choices else schema


def type_in_words(shape: Mapping[str, Any]) -> str:
    """Say which values a schema allows."""
    if "enum" in shape:
        return " or ".join(written(value) for value in shape["enum"])
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "array": "list",
        "object": "table",
    }.get(str(shape.get("type")), "value")
    limits = [
        f"{sign} {shape[key]:g}"
        for key, sign in (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"))
        if isinstance(shape.get(key), int | float)
    ]
    return f"{words}, {' and '.join(limits)}" if limits else words


def snippet(offer: Offer, loaded: type[BaseModel]) -> str:
    """Return TOML to paste: required options as they must be given, the others with their defaults, commented out."""
    if offer.kind == "dimensions":
        use = f'[[terminal_evaluators]]\nuse = "ReachGoalLLMEvaluator[{offer.name}]"\nmodel = "offline"\n'
        names = DimensionSet.from_model(loaded).dimensions
        return use + "".join(f"# {one.name}: {one.low:g} to {one.high:g}\n" for one in names)
    generic = bool(loaded.__pydantic_generic_metadata__["parameters"])
    use = f"{offer.name}[SotopiaDimensions]" if generic else offer.name
    lines = [TABLES[offer.kind], f'use = "{use}"']
    for option in options_of(loaded):
        about = f"{option.type}{': ' if option.description else ''}{option.description}"
        if option.required:
            lines.append(f"{option.name} = {written(option.example)}  # required; {about}")
        elif option.default is None:
            lines.append(f"# {option.name} = ...  # {about}")
        else:
            lines.append(f"# {option.name} = {written(option.default)}  # {about}")
    return "\n".join(lines) + "\n"


def _rendered(document: Mapping[str, Any]) -> str:
    width = text_width()
    offers = "\n".join(f"{kind}: {', '.join(names)}" for kind, names in document.get("offers", {}).items())
    kind = str(document["kind"]).replace("_", " ")
    state = document.get("state", "")
    about = facts(
        [
            ("kind", kind),
            ("from", document["plugin"] + (", editable" if document.get("editable") else "")),
            ("state", state),
            ("cause", document.get("cause", "")),
            ("offers", offers),
            ("source", document["source"]),
        ],
        width=width,
    )
    parts = [f"{heading(document['name'])}\n{about}"]
    if document.get("documentation"):
        parts.append(paragraph(document["documentation"], first=GAP, rest=GAP, width=width))
    if document.get("toml"):
        parts.append(document["toml"].rstrip("\n"))
    return "\n\n".join(parts)
