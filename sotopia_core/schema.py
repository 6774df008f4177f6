"""A JSON Schema of run files, in which the tables that name a component know the installed ones and their options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import core_schema

from sotopia_core.config import RunConfig
from sotopia_core.errors import (
    one_line,
    pass_on,
)
from sotopia_core.registry import Kind, Offer, Registry
from sotopia_core.rubrics import DimensionTable

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_TABLES: Final[Mapping[str, Kind]] = {
    "agents": "agents",
    "ordering": "orderings",
    "sampler": "samplers",
    "response_evaluators": "response_evaluators",
    "terminal_evaluators": "terminal_evaluators",
    "models": "models",
    "storage": "storage",
}
"""The keys of a run file whose tables have ``use``, and the kind of component that it names there."""

_PARAMETER: Final = r"\[[\w.:-]+\]"


def run_file_schema(registry: Registry) -> Schema:
    """Return the schema (JSON Schema, draft 2020-12) of a whole run file for what is installed here.

    Each component is imported to learn its options; of one that cannot be, the schema knows the name and takes any
    options. What a run file defines itself (models, dimension sets) is known by the form of its name only.
    """
    schema = RunConfig.model_json_schema(schema_generator=_TomlSchema)
    definitions, properties = schema["$defs"], schema["properties"]
    del definitions["ComponentTable"]
    for key, kind in _TABLES.items():
        properties[key] = _refer(properties[key], "#/$defs/ComponentTable", f"#/$defs/{kind}")
        definitions |= _definitions_of(kind, registry)
    for section in ("run", "pool", "plugins"):  # their own defaults say as much
        del properties[section]["default"]
    if registry.packs:
        definitions["PoolSection"]["properties"]["packs"]["items"]["enum"] = [pack.name for _, pack in registry.packs]
    definitions["dimension"] = DimensionTable.model_json_schema(schema_generator=_TomlSchema)
    definitions["dimension_set"] = {
        "description": "Dimensions by name, beside those that the set takes over",
        "type": "object",
        "properties": {
            "extends": {"type": "string", "description": "Another set, whose dimensions this one has too"},
            "file": {"type": "string", "description": "A TOML file with more dimensions, beside the run file"},
        },
        "additionalProperties": {"$ref": "#/$defs/dimension"},
    }
    properties["dimensions"]["additionalProperties"] = {"$ref": "#/$defs/dimension_set"}
    about = "What sotopia run plays: agents, models, scenarios, evaluators, storage"
    return {"$schema": DIALECT, **schema, "title": "Run file of Sotopia", "description": about, "$defs": definitions}


class _TomlSchema(GenerateJsonSchema):
    """Leaves out what TOML cannot say, which is null, and the titles that pydantic makes of field names."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        made = super().default_schema(schema)
        if isinstance(section := made.get("default"), dict):
            made["default"] = {key: value for key, value in section.items() if value is not None}
        return {key: value for key, value in made.items() if (key, value) != ("default", None)}


def _refer(node: Any, old: str, new: str) -> Any:
    """Return a schema in which references to one definition are references to another."""
    if isinstance(node, dict):
        return {key: new if (key, value) == ("$ref", old) else _refer(value, old, new) for key, value in node.items()}
    return node


def _definitions_of(kind: Kind, registry: Registry) -> dict[str, Schema]:
    """Return the definition of a kind's tables, any of the components on offer, and all that it refers to."""
    offers = sorted((offer for offer in registry.offers if offer.kind == kind), key=lambda offer: offer.name)
    offered = Counter(offer.name for offer in offers)
    definitions: dict[str, Schema] = {}
    alternatives: list[Schema] = []
    for position, offer in enumerate(offers):
        alone = offered[offer.name] == 1
        name = f"{kind}.{offer.name}" if alone else f"{kind}.{offer.name}.{position}"
        try:
            definitions |= _component(name, offer, registry.names("dimensions"), alone=alone)
        except BaseException as error:
            pass_on(error)
            definitions[name] = {
                "description": f"Its options are not known here: {one_line(error)}",
                "type": "object",
                "properties": {"use": _use(offer, [offer.name], f"(?:{_PARAMETER})?", alone=alone)},
                "required": ["use"],
            }
        alternatives.append({"$ref": f"#/$defs/{name}"})
    return {kind: {"anyOf": alternatives} if alternatives else {"not": {}}, **definitions}


def _component(name: str, offer: Offer, sets: Sequence[str], *, alone: bool) -> dict[str, Schema]:
    """Return the definition of one component's table, its options with types and defaults, and all it refers to."""
    loaded = offer.load()
    made = loaded.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}", schema_generator=_TomlSchema)
    inner = {f"{name}.{model}": schema for model, schema in made.pop("$defs", {}).items()}
    if loaded.__pydantic_generic_metadata__["parameters"]:
        use = _use(offer, [f"{offer.name}[{one}]" for one in sets], _PARAMETER, alone=alone)
    else:
        use = _use(offer, [offer.name], alone=alone)
    made["title"] = offer.name
    made["description"] = made.get("description", offer.name).partition("\n\n")[0]
    made["properties"] = {"use": use, **made["properties"]}
    made["required"] = ["use", *made.get("required", ())]
    return {name: made, **inner}


def _use(offer: Offer, names: Sequence[str], parameter: str = "", *, alone: bool) -> Schema:
    """Return the schema of ``use`` for one component.

    ``names`` are for editors to propose; beside them its name may be qualified (and must be, where the component is
    not ``alone`` in having it) and followed by the pattern ``parameter``.
    """
    origins = dict.fromkeys((offer.plugin.distribution, offer.plugin.name))
    qualifier = f"(?:(?:{'|'.join(origin.replace('.', '[.]') for origin in origins)}):)"
    pattern = {"type": "string", "pattern": f"^{qualifier}{'?' if alone else ''}{offer.name}{parameter}$"}
    proposed = [{"const": name} for name in names] if alone else []
    return {"anyOf": [*proposed, pattern]}
