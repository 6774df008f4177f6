"""The records of characters, scenarios and relationships under their documented import path."""

from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
    RelationshipType,
)

__all__ = [
    "AgentProfile",
    "EnvAgentComboStorage",
    "EnvironmentList",
    "EnvironmentProfile",
    "RelationshipProfile",
    "RelationshipType",
]
