"""Which fields of records hold the primary keys of others, and of which kind those are."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from sotopia_core.annotations import AnnotationForEpisode, Annotator
from sotopia_core.custom_dimensions import CustomEvaluationDimension, CustomEvaluationDimensionList
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
)
from sotopia_core.records import Record

REFERENCES: Final[Mapping[type[Record], Mapping[str, type[Record]]]] = MappingProxyType(
    {
        EnvAgentComboStorage: {"env_id": EnvironmentProfile, "agent_ids": AgentProfile},
        RelationshipProfile: {"agent_1_id": AgentProfile, "agent_2_id": AgentProfile},
        EnvironmentList: {"environments": EnvironmentProfile},
        EpisodeLog: {"environment": EnvironmentProfile, "agents": AgentProfile, "run": RunRecord},
        AnnotationForEpisode: {"episode": EpisodeLog, "annotator_id": Annotator},
        CustomEvaluationDimensionList: {"dimension_pks": CustomEvaluationDimension},
    }
)
"""For each kind of record that refers to others, the fields that do, and the kind that they refer to."""


class Reference(NamedTuple):
    """A field that refers to the record of a kind with a primary key."""

    field: str
    kind: type[Record]
    pk: str


def references_of(record: Record) -> Iterator[Reference]:
    """Yield all that a record refers to.

    An empty text refers to nothing, and neither does a name that stands among an episode's agents in the place of a
    primary key, as in the log of a game.
    """
    names = record.agent_names if isinstance(record, EpisodeLog) else ()
    for field, kind in REFERENCES.get(type(record), {}).items():
        held = getattr(record, field)
        for pk in held if isinstance(held, tuple) else (held,):
            if pk and not (kind is AgentProfile and pk in names):
                yield Reference(field, kind, pk)
