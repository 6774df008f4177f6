"""Records at rest: their classes, the store they are kept in, and files that they come from and go to.

``from sotopia_core.database import AgentProfile`` and the like; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sotopia_core.annotations import AnnotationForEpisode as AnnotationForEpisode
    from sotopia_core.annotations import Annotator as Annotator
    from sotopia_core.custom_dimensions import CustomEvaluationDimension as CustomEvaluationDimension
    from sotopia_core.custom_dimensions import CustomEvaluationDimensionList as CustomEvaluationDimensionList
    from sotopia_core.database.current import current_store as current_store
    from sotopia_core.database.current import use_default_storage as use_default_storage
    from sotopia_core.database.current import use_storage as use_storage
    from sotopia_core.database.serialization import agentprofiles_to_csv as agentprofiles_to_csv
    from sotopia_core.database.serialization import agentprofiles_to_jsonl as agentprofiles_to_jsonl
    from sotopia_core.database.serialization import envagnetcombostorage_to_csv as envagnetcombostorage_to_csv
    from sotopia_core.database.serialization import envagnetcombostorage_to_jsonl as envagnetcombostorage_to_jsonl
    from sotopia_core.database.serialization import environmentprofiles_to_csv as environmentprofiles_to_csv
    from sotopia_core.database.serialization import environmentprofiles_to_jsonl as environmentprofiles_to_jsonl
    from sotopia_core.database.serialization import episodes_to_csv as episodes_to_csv
    from sotopia_core.database.serialization import episodes_to_jsonl as episodes_to_jsonl
    from sotopia_core.database.serialization import get_rewards_from_episode as get_rewards_from_episode
    from sotopia_core.database.serialization import jsonl_to_agentprofiles as jsonl_to_agentprofiles
    from sotopia_core.database.serialization import jsonl_to_envagnetcombostorage as jsonl_to_envagnetcombostorage
    from sotopia_core.database.serialization import jsonl_to_environmentprofiles as jsonl_to_environmentprofiles
    from sotopia_core.database.serialization import jsonl_to_episodes as jsonl_to_episodes
    from sotopia_core.database.serialization import jsonl_to_relationshipprofiles as jsonl_to_relationshipprofiles
    from sotopia_core.database.serialization import relationshipprofiles_to_csv as relationshipprofiles_to_csv
    from sotopia_core.database.serialization import relationshipprofiles_to_jsonl as relationshipprofiles_to_jsonl
    from sotopia_core.episodes import EpisodeLog as EpisodeLog
    from sotopia_core.episodes import RunRecord as RunRecord
    from sotopia_core.profiles import AgentProfile as AgentProfile
    from sotopia_core.profiles import EnvAgentComboStorage as EnvAgentComboStorage
    from sotopia_core.profiles import EnvironmentList as EnvironmentList
    from sotopia_core.profiles import EnvironmentProfile as EnvironmentProfile
    from sotopia_core.profiles import RelationshipProfile as RelationshipProfile
    from sotopia_core.profiles import RelationshipType as RelationshipType
    from sotopia_core.records import Query as Query
    from sotopia_core.records import Record as Record
    from sotopia_core.transactions import MessageTransaction as MessageTransaction
    from sotopia_core.transactions import SessionTransaction as SessionTransaction

_HOMES: Final = {
    "annotations": ("AnnotationForEpisode", "Annotator"),
    "custom_dimensions": ("CustomEvaluationDimension", "CustomEvaluationDimensionList"),
    "database.current": ("current_store", "use_default_storage", "use_storage"),
    "database.serialization": (
        "agentprofiles_to_csv",
        "agentprofiles_to_jsonl",
        "envagnetcombostorage_to_csv",
        "envagnetcombostorage_to_jsonl",
        "environmentprofiles_to_csv",
        "environmentprofiles_to_jsonl",
        "episodes_to_csv",
        "episodes_to_jsonl",
        "get_rewards_from_episode",
        "jsonl_to_agentprofiles",
        "jsonl_to_envagnetcombostorage",
        "jsonl_to_environmentprofiles",
        "jsonl_to_episodes",
        "jsonl_to_relationshipprofiles",
        "relationshipprofiles_to_csv",
        "relationshipprofiles_to_jsonl",
    ),
    "episodes": ("EpisodeLog", "RunRecord"),
    "profiles": (
        "AgentProfile",
        "EnvAgentComboStorage",
        "EnvironmentList",
        "EnvironmentProfile",
        "RelationshipProfile",
        "RelationshipType",
    ),
    "records": ("Query", "Record"),
    "transactions": ("MessageTransaction", "SessionTransaction"),
}
_MODULE_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"sotopia_core.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
