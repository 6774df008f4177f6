"""Records other than episodes as people read them: each field that says something, labelled."""

from __future__ import annotations

import json
from typing import Any, Final

from sotopia_core.cli.layout import GAP, facts, heading, paragraph
from sotopia_core.cli.rows import Names, describe_counts
from sotopia_core.cli.transcript import describe_usage, moment
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import NotFoundError
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, RelationshipProfile
from sotopia_core.records import Record
from sotopia_core.stores import Store

SHOWN: Final[tuple[type[Record], ...]] = (
    EpisodeLog,
    RunRecord,
    AgentProfile,
    EnvironmentProfile,
    RelationshipProfile,
    EnvAgentComboStorage,
)
"""The kinds of record that can be shown, in the order in which a primary key is looked up."""


def find_record(store: Store, pk: str, url: str) -> Record:
    """Return the record of any kind that has this primary key; ``NotFoundError`` where there is none."""
    for kind in SHOWN:
        try:
            return store.get(kind, pk)
        except NotFoundError:
            continue
    raise NotFoundError(f"nothing in {url} has the pk {pk!r}; sotopia list shows what there is")


def render_record(record: Record, names: Names, *, width: int | None = None) -> str:
    """Return a record as text; what it refers to is named, as far as the store knows it."""
    match record:
        case RunRecord():
            return _run(record, width)
        case AgentProfile():
            title, pairs = "Agent", [("name", record.name), *_fields(record, "first_name", "last_name")]
        case EnvironmentProfile():
            title, pairs = "Environment", _environment(record)
        case RelationshipProfile():
            title, pairs = "Relationship", _relationship(record, names)
        case EnvAgentComboStorage():
            seats = [_named(names.agent(pk), pk) for pk in record.agent_ids]
            scenario = _named(names.scenario(record.env_id), record.env_id)
            title, pairs = "Combo", [("scenario", scenario), ("agents", "\n".join(seats))]
        case _:
            title, pairs = record.kind(), _fields(record)
    return f"{title} {record.pk}\n{facts(pairs, width=width)}"


def _environment(record: EnvironmentProfile) -> list[tuple[str, str]]:
    goals = [(f"goal of seat {seat}", goal) for seat, goal in enumerate(record.agent_goals)]
    first = _fields(record, "agent_goals", "relationship", "game_metadata")
    game = json.dumps(record.game_metadata, ensure_ascii=False) if record.game_metadata else ""
    return [*first, ("relationship", record.relationship.name), *goals, ("game metadata", game)]


def _relationship(record: RelationshipProfile, names: Names) -> list[tuple[str, str]]:
    return [
        ("agent 1", _named(names.agent(record.agent_1_id), record.agent_1_id)),
        ("agent 2", _named(names.agent(record.agent_2_id), record.agent_2_id)),
        ("relationship", record.relationship.name),
        ("background story", record.background_story or ""),
        ("tag", record.tag),
    ]


def _run(run: RunRecord, width: int | None) -> str:
    finished = f" to {moment(run.finished_at)} UTC" if run.finished_at else " UTC"
    text = facts(
        [
            ("name", run.name),
            ("tag", run.tag),
            ("status", run.status),
            ("cause", run.cause or ""),
            ("episodes", describe_counts(run)),
            ("played", f"{moment(run.started_at)}{finished}"),
            ("usage", "\n".join(f"{role}: {describe_usage(usage)}" for role, usage in run.usage.items())),
            ("versions", "\n".join(f"{name} {version}" for name, version in run.versions.items())),
        ],
        width=width,
    )
    config = json.dumps(run.config, ensure_ascii=False, indent=2)
    indented = paragraph(config, first=GAP, rest=GAP, width=width)
    return f"Run {run.pk}\n{text}\n\n{heading('Run file, resolved')}\n{indented}"


def _fields(record: Record, *without: str) -> list[tuple[str, str]]:
    """Return the fields that hold something, as text."""
    values = record.model_dump(mode="json", exclude={"pk", *without})
    there = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    return [(name.replace("_", " "), _text(value)) for name, value in there.items()]


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _named(name: str, pk: str) -> str:
    return pk if name == pk else f"{name} ({pk})"
