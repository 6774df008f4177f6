"""The kinds of records that files hold, the names that Sotopia's exporters give their fields, and which kind fits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from sotopia_core.errors import RecordError
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
)
from sotopia_core.records import Record
from sotopia_core.wording import listed

EXPORTED_NAMES: Final[Mapping[type[Record], Mapping[str, str]]] = MappingProxyType(
    {
        AgentProfile: {"agent_id": "pk"},
        EnvironmentProfile: {"env_id": "pk"},
        RelationshipProfile: {"relationship_id": "pk", "agent1_id": "agent_1_id", "agent2_id": "agent_2_id"},
        EnvAgentComboStorage: {"combo_id": "pk"},
        EnvironmentList: {},
    }
)
"""For each kind of record that files hold, the exporter's names for fields and our own. A kind is added here."""

COMMON: Final = frozenset({"pk", "tag"})
"""Fields that say nothing about the kind of a record, since most kinds have them."""


@cache
def known_names(kind: type[Record]) -> tuple[str, ...]:
    """Return all names that fields of this kind have in files: our own, then the exporter's."""
    return (*kind.model_fields, *EXPORTED_NAMES[kind])


KNOWN: Final = frozenset(name for kind in EXPORTED_NAMES for name in known_names(kind))
"""All names that fields of any kind have in files."""


@cache
def required(kind: type[Record]) -> tuple[str, ...]:
    """Return the fields that a record of this kind cannot lack."""
    return tuple(name for name, info in kind.model_fields.items() if info.is_required())


def to_native(kind: type[Record], fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields under our own names.

    Raises ``RecordError`` where one field stands under both names with different values.
    """
    ours: dict[str, object] = {}
    spelt: dict[str, str] = {}
    for name, value in fields.items():
        field = EXPORTED_NAMES[kind].get(name, name)
        if field in ours and ours[field] != value:
            raise RecordError(f"{spelt[field]!r} and {name!r} name the same field and differ; keep one of them")
        ours[field] = value
        spelt[field] = name
    return ours


def recognise(names: Collection[str]) -> type[Record]:
    """Tell the kind of a record from the names of its fields.

    A kind fits where all its required fields are there. Where none fits, the kind that most of the names belong to is
    returned, so that what is missing or misspelt can be named. ``RecordError`` where no kind, or more than one, is
    left.
    """
    fitting = [kind for kind in EXPORTED_NAMES if set(required(kind)) <= _ours(kind, names)]
    if len(fitting) > 1:
        both = " and ".join(_described(kind) for kind in fitting)
        raise RecordError(f"fits more than one kind of record: {both}; keep the fields of one")
    if fitting:
        return fitting[0]
    shares = {kind: len((_ours(kind, names) & set(kind.model_fields)) - COMMON) for kind in EXPORTED_NAMES}
    most = max(shares.values())
    nearest = [kind for kind, share in shares.items() if share == most]
    if len(nearest) == 1 and 2 * most >= len(set(names) - COMMON):
        return nearest[0]
    kinds = ", ".join(_described(kind) for kind in EXPORTED_NAMES)
    found = listed(names, "field") if names else "an object without fields"
    raise RecordError(f"no kind of record fits {found}; known kinds are {kinds}")


def _ours(kind: type[Record], names: Collection[str]) -> set[str]:
    return {EXPORTED_NAMES[kind].get(name, name) for name in names}


def _described(kind: type[Record]) -> str:
    return f"{kind.kind()} ({', '.join(required(kind))})"
