"""The kinds of records that files hold, the names that Sotopia's exporters give their fields, and which kind fits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from sotopia_core.annotations import AnnotationForEpisode, Annotator
from sotopia_core.custom_dimensions import CustomEvaluationDimension, CustomEvaluationDimensionList
from sotopia_core.episodes import CachedReply, DrawnCombos, EpisodeLog, Rescoring, RunRecord
from sotopia_core.errors import RecordError, nearest
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
)
from sotopia_core.records import Record
from sotopia_core.transactions import SessionTransaction
from sotopia_core.wording import listed

EXPORTED_NAMES: Final[Mapping[type[Record], Mapping[str, str]]] = MappingProxyType(
    {
        AgentProfile: {"agent_id": "pk"},
        EnvironmentProfile: {"env_id": "pk"},
        RelationshipProfile: {"relationship_id": "pk", "agent1_id": "agent_1_id", "agent2_id": "agent_2_id"},
        EnvAgentComboStorage: {"combo_id": "pk"},
        EnvironmentList: {},
        EpisodeLog: {
            "episode_id": "pk",
            "environment_id": "environment",
            "agent_ids": "agents",
            "experiment_tag": "tag",
            "experiment_model_name_pairs": "models",
            "messages": "verbatim_messages",
            "raw_messages": "verbatim_messages",
            "raw_rewards": "rewards",
            "raw_rewards_prompt": "rewards_prompt",
        },
        RunRecord: {},
        AnnotationForEpisode: {},
        Annotator: {},
        SessionTransaction: {},
        CustomEvaluationDimension: {},
        CustomEvaluationDimensionList: {},
    }
)
"""For each kind of record that files hold, the names of Sotopia and its exporters for fields and our own."""

KINDS: Final[Mapping[str, type[Record]]] = MappingProxyType(
    {
        "agents": AgentProfile,
        "environments": EnvironmentProfile,
        "combos": EnvAgentComboStorage,
        "relationships": RelationshipProfile,
        "episodes": EpisodeLog,
        "runs": RunRecord,
        "environment-lists": EnvironmentList,
        "annotations": AnnotationForEpisode,
        "annotators": Annotator,
        "sessions": SessionTransaction,
        "dimensions": CustomEvaluationDimension,
        "dimension-lists": CustomEvaluationDimensionList,
    }
)
"""The kinds of record that files hold, by the names that the command line has for them."""

STORED: Final[tuple[type[Record], ...]] = (*KINDS.values(), DrawnCombos, Rescoring, CachedReply)
"""All kinds of records that stores hold, whether files hold them or not."""

GAME: Final = frozenset({"model_mapping", "turns", "rewards"})
"""Fields by which the log of a game is known, which is read as an episode."""

COMMON: Final = frozenset({"pk", "tag"})
"""Fields that say nothing about the kind of a record, since most kinds have them."""

VAGUE: Final = frozenset({"name"})
"""Fields that much else has that is no record: where a kind requires nothing more, all names must be its own."""


@cache
def known_names(kind: type[Record]) -> tuple[str, ...]:
    """Return all names that fields of this kind have in files: our own, then the exporter's."""
    return (*kind.model_fields, *EXPORTED_NAMES[kind])


KNOWN: Final = GAME.union(name for kind in EXPORTED_NAMES for name in known_names(kind))
"""All names that fields of any kind have in files."""


@cache
def required(kind: type[Record]) -> tuple[str, ...]:
    """Return the fields that a record of this kind cannot lack."""
    return tuple(name for name, info in kind.model_fields.items() if info.is_required())


def find_kind(name: str) -> type[Record]:
    """Return the kind of records that the command line calls so; ``RecordError`` where it calls none so."""
    if name not in KINDS:
        there = f"; there are {', '.join(KINDS)}"
        raise RecordError(f"no kind of record is called {name!r}{nearest(name, KINDS) or there}")
    return KINDS[name]


def to_native(kind: type[Record], fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields under our own names.

    The exporter of scenarios writes the constraint on agents as the text ``none`` where there is none: with its names,
    that is read as null.

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
    if kind is EnvironmentProfile and "env_id" in fields and ours.get("agent_constraint") == "none":
        ours["agent_constraint"] = None
    return ours


def recognise(names: Collection[str]) -> type[Record]:
    """Tell the kind of a record from the names of its fields.

    A kind fits where all its required fields are there; one that requires these and others fits better. Where none
    fits, the kind that most of the names belong to is returned, so that what is missing or misspelt can be named.
    ``RecordError`` where no kind, or more than one, is left.
    """
    return _recognise(tuple(names))


@lru_cache(maxsize=64)  # the records of a file have few different sets of names, or one
def _recognise(names: tuple[str, ...]) -> type[Record]:
    if GAME.issubset(names):
        return EpisodeLog
    able = [kind for kind in EXPORTED_NAMES if _fits(kind, names)]
    fitting = [kind for kind in able if not any(set(required(kind)) < set(required(other)) for other in able)]
    if len(fitting) > 1:
        both = " and ".join(_described(kind) for kind in fitting)
        raise RecordError(f"fits more than one kind of record: {both}; keep the fields of one")
    if fitting:
        return fitting[0]
    shares = {kind: len((_ours(kind, names) & set(kind.model_fields)) - COMMON) for kind in EXPORTED_NAMES}
    most = max(shares.values())
    likely = [kind for kind, share in shares.items() if share == most]
    if len(likely) == 1 and 2 * most >= len(set(names) - COMMON):
        return likely[0]
    kinds = ", ".join(kind.kind() for kind in EXPORTED_NAMES)
    found = listed(names, "field") if names else "an object without fields"
    raise RecordError(f"no kind of record fits {found}; known kinds are {kinds}")


def _fits(kind: type[Record], names: Collection[str]) -> bool:
    ours = _ours(kind, names)
    if not ours.issuperset(required(kind)):
        return False
    return not VAGUE.issuperset(required(kind)) or ours.issubset(kind.model_fields)


def _ours(kind: type[Record], names: Collection[str]) -> set[str]:
    return {EXPORTED_NAMES[kind].get(name, name) for name in names}


def _described(kind: type[Record]) -> str:
    return f"{kind.kind()} ({', '.join(required(kind))})"
