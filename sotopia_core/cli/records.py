"""Records other than episodes as people read them: each field that says something, labelled."""

from __future__ import annotations

import json
from typing import Any, Final

from sotopia_core.cli.layout import GAP, facts, heading, paragraph
from sotopia_core.cli.rows import Names, describe_counts
from sotopia_core.cli.transcript import describe_usage, moment
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import NotFoundError
from sotopia_core.interfaces import Store
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, Record, RelationshipProfile

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
            title, own = "Agent", {"name": record.name, **_fields(record, "first_name", "last_name")}
        case EnvironmentProfile():
            own = _fields(record, "agent_goals", "game_metadata") | {"relationship": record.relationship.name}
            own |= {f"goal of seat {seat}": goal for seat, goal in enumerate(record.agent_goals)}
            own |= {
                "game_metadata": json.dumps(record.game_metadata, ensure_ascii=False) if record.game_metadata else ""
            }
            title = "Environment"
        case RelationshipProfile():
            pair = {
                f"agent {n}": _named(names.agent(pk), pk) for n, pk in ((1, record.agent_1_id), (2, record.agent_2_id))
            }
            own = pair | {"relationship": record.relationship.name}
            own |= {"background story": record.background_story or "", "tag": record.tag}
            title = "Relationship"
        case EnvAgentComboStorage():
            seats = [_named(names.agent(pk), pk) for pk in record.agent_ids]
            own = {"scenario": _named(names.scenario(record.env_id), record.env_id), "agents": "\n".join(seats)}
            title = "Combo"
        case _:
            title, own = type(record).__name__, _fields(record)
    return f"{title} {record.pk}\n{facts([(label.replace('_', ' '), str(text)) for label, text in own.items()], width=width)}"


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
            *((f"usage, {role}", describe_usage(usage)) for role, usage in run.usage.items()),
            ("versions", "\n".join(f"{name} {version}" for name, version in run.versions.items())),
        ],
        width=width,
    )
    config = json.dumps(run.config, ensure_ascii=False, indent=2)
    return f"Run {run.pk}\n{text}\n\n{heading('Run file, resolved')}\n{paragraph(config, first=GAP, rest=GAP, width=width)}"


def _fields(record: Record, *without: str) -> dict[str, str]:
    """Return the fields that hold something, as text."""
    values = record.model_dump(mode="json", exclude={"pk", *without})
    return {name: _text(value) for name, value in values.items() if value not in (None, "", [], {})}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _named(name: str, pk: str) -> str:
    return pk if name == pk else f"{name} ({pk})"
