"""The documented functions that write records to files and read them back, and the rewards of an episode."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from sotopia_core.database.exporting import write_csv, write_jsonl
from sotopia_core.database.files import FileRecord, Refusal, read_each
from sotopia_core.episodes import EpisodeLog, RewardEntry
from sotopia_core.errors import RecordError
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, RelationshipProfile
from sotopia_core.records import Record

R = TypeVar("R", bound=Record)


def agentprofiles_to_csv(
    agent_profiles: Iterable[AgentProfile], csv_file_path: str | Path = "agent_profiles.csv"
) -> None:
    """Write characters to a CSV file, for reading; ``RecordError`` where that cannot be."""
    write_csv(agent_profiles, Path(csv_file_path), AgentProfile)


def agentprofiles_to_jsonl(
    agent_profiles: Iterable[AgentProfile], jsonl_file_path: str | Path = "agent_profiles.jsonl"
) -> None:
    """Write characters to a JSONL file, without loss; ``RecordError`` where that cannot be."""
    write_jsonl(agent_profiles, Path(jsonl_file_path))


def jsonl_to_agentprofiles(jsonl_file_path: str | Path) -> list[AgentProfile]:
    """Return the characters in a JSONL file; ``RecordError`` for the first line that is none."""
    return _read(AgentProfile, jsonl_file_path)


def environmentprofiles_to_csv(
    environment_profiles: Iterable[EnvironmentProfile], csv_file_path: str | Path = "environment_profiles.csv"
) -> None:
    """Write scenarios to a CSV file, for reading; ``RecordError`` where that cannot be."""
    write_csv(environment_profiles, Path(csv_file_path), EnvironmentProfile)


def environmentprofiles_to_jsonl(
    environment_profiles: Iterable[EnvironmentProfile], jsonl_file_path: str | Path = "environment_profiles.jsonl"
) -> None:
    """Write scenarios to a JSONL file, without loss; ``RecordError`` where that cannot be."""
    write_jsonl(environment_profiles, Path(jsonl_file_path))


def jsonl_to_environmentprofiles(jsonl_file_path: str | Path) -> list[EnvironmentProfile]:
    """Return the scenarios in a JSONL file; ``RecordError`` for the first line that is none."""
    return _read(EnvironmentProfile, jsonl_file_path)


def relationshipprofiles_to_csv(
    relationship_profiles: Iterable[RelationshipProfile], csv_file_path: str | Path = "relationship_profiles.csv"
) -> None:
    """Write relationships to a CSV file, for reading; ``RecordError`` where that cannot be."""
    write_csv(relationship_profiles, Path(csv_file_path), RelationshipProfile)


def relationshipprofiles_to_jsonl(
    relationship_profiles: Iterable[RelationshipProfile], jsonl_file_path: str | Path = "relationship_profiles.jsonl"
) -> None:
    """Write relationships to a JSONL file, without loss; ``RecordError`` where that cannot be."""
    write_jsonl(relationship_profiles, Path(jsonl_file_path))


def jsonl_to_relationshipprofiles(jsonl_file_path: str | Path) -> list[RelationshipProfile]:
    """Return the relationships in a JSONL file; ``RecordError`` for the first line that is none."""
    return _read(RelationshipProfile, jsonl_file_path)


def envagnetcombostorage_to_csv(
    env_agent_combo_storages: Iterable[EnvAgentComboStorage],
    csv_file_path: str | Path = "env_agent_combo_storages.csv",
) -> None:
    """Write combos to a CSV file, for reading; ``RecordError`` where that cannot be."""
    write_csv(env_agent_combo_storages, Path(csv_file_path), EnvAgentComboStorage)


def envagnetcombostorage_to_jsonl(
    env_agent_combo_storages: Iterable[EnvAgentComboStorage],
    jsonl_file_path: str | Path = "env_agent_combo_storages.jsonl",
) -> None:
    """Write combos to a JSONL file, without loss; ``RecordError`` where that cannot be."""
    write_jsonl(env_agent_combo_storages, Path(jsonl_file_path))


def jsonl_to_envagnetcombostorage(jsonl_file_path: str | Path) -> list[EnvAgentComboStorage]:
    """Return the combos in a JSONL file; ``RecordError`` for the first line that is none."""
    return _read(EnvAgentComboStorage, jsonl_file_path)


def episodes_to_csv(episodes: Iterable[EpisodeLog], csv_file_path: str | Path = "episodes.csv") -> None:
    """Write episodes to a CSV file, for reading; ``RecordError`` where that cannot be."""
    write_csv(episodes, Path(csv_file_path), EpisodeLog)


def episodes_to_jsonl(episodes: Iterable[EpisodeLog], jsonl_file_path: str | Path = "episodes.jsonl") -> None:
    """Write episodes to a JSONL file, without loss; ``RecordError`` where that cannot be."""
    write_jsonl(episodes, Path(jsonl_file_path))


def jsonl_to_episodes(jsonl_file_path: str | Path) -> list[EpisodeLog]:
    """Return the episodes in a JSONL file; ``RecordError`` for the first line that is none."""
    return _read(EpisodeLog, jsonl_file_path)


def get_rewards_from_episode(episode: EpisodeLog) -> list[tuple[float, dict[str, float]] | float]:
    """Return what an episode came to for each agent, in the order of the seats.

    An entry is ``(overall, {dimension: score})``, or the bare outcome of a game. Raises ``RecordError`` naming every
    agent that has no score, among them those for whom a log of Sotopia holds a bare 0.0 because its judging failed.
    """
    entries = [*episode.rewards, *[None] * (len(episode.agents) - len(episode.rewards))]
    scored = [entry for entry in entries if entry is not None and not _stands_for_no_score(entry, episode)]
    if len(scored) < len(entries) or not entries:
        raise RecordError(_unscored(episode, entries))
    return scored


def _read(kind: type[R], path: str | Path) -> list[R]:
    file = Path(path)
    if file.is_file() and file.stat().st_size == 0:  # as an empty list is written
        return []
    return [_record_of(kind, read) for read in read_each(file, kind)]


def _record_of(kind: type[R], read: FileRecord | Refusal) -> R:
    if isinstance(read, Refusal):
        raise read.error
    if not isinstance(read.record, kind):
        raise RecordError(f"{read.place}: expected {kind.kind()}, found {read.record.kind()}")
    return read.record


def _stands_for_no_score(entry: RewardEntry, episode: EpisodeLog) -> bool:
    return entry == 0.0 and episode.status == "unscored"


def _unscored(episode: EpisodeLog, entries: list[RewardEntry]) -> str:
    names = episode.agent_names or episode.agents
    missing = [
        f"{name}{_why(episode, name)}"
        for name, entry in zip(names, entries, strict=False)
        if entry is None or _stands_for_no_score(entry, episode)
    ]
    whom = ", ".join(missing) or "any agent"
    cause = f" ({episode.cause})" if episode.cause else ""
    return " ".join(f"episode {episode.pk} is {episode.status}{cause}: there is no score for {whom}".split())


def _why(episode: EpisodeLog, name: str) -> str:
    reward = episode.outcome.get(name)
    return f" ({'; '.join(reward.reasons)})" if reward is not None and reward.reasons else ""
