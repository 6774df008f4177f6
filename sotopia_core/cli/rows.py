"""How each kind of record stands in a list: its columns, and the rows it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sotopia_core.cli.transcript import moment, number, overall_scores, seats_of
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import NotFoundError
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, RelationshipProfile
from sotopia_core.records import Record
from sotopia_core.stores import BY_PK, Order, Store

R = TypeVar("R", bound=Record)
Rows = list[list[str]]


@dataclass
class Names:
    """Names for the primary keys that records mention, looked up in the store, each once."""

    store: Store
    _known: dict[tuple[type[Record], str], str] = field(default_factory=dict)

    def agent(self, pk: str) -> str:
        """Return a character's name, or the pk where the store has none."""
        return self._name(AgentProfile, pk, lambda agent: agent.name)

    def scenario(self, pk: str) -> str:
        """Return a scenario's codename, or the pk where the store has none."""
        return self._name(EnvironmentProfile, pk, lambda environment: environment.label)

    def _name(self, kind: type[R], pk: str, name_of: Callable[[R], str]) -> str:
        if (kind, pk) not in self._known:
            try:
                self._known[kind, pk] = name_of(self.store.get(kind, pk))
            except NotFoundError:
                self._known[kind, pk] = pk
        return self._known[kind, pk]


@dataclass(frozen=True)
class Listed(Generic[R]):
    """One kind of record in lists.

    ``rows`` gives the lines of one record, a cell a column; ``order`` is that of the table, ``right`` names the columns
    that are aligned to the right.
    """

    kind: type[R]
    columns: tuple[str, ...]
    rows: Callable[[R, Names], Rows]
    order: Order = BY_PK
    right: frozenset[str] = frozenset()


def _agent(agent: AgentProfile, names: Names) -> Rows:
    return [[agent.pk, agent.name, "" if agent.age is None else str(agent.age), agent.occupation, agent.tag]]


def _environment(environment: EnvironmentProfile, names: Names) -> Rows:
    goals = str(len(environment.agent_goals))
    return [[environment.pk, environment.codename, goals, environment.relationship.name, environment.tag]]


def _combo(combo: EnvAgentComboStorage, names: Names) -> Rows:
    return [[combo.pk, names.scenario(combo.env_id), ", ".join(map(names.agent, combo.agent_ids))]]


def _relationship(record: RelationshipProfile, names: Names) -> Rows:
    pair = [names.agent(record.agent_1_id), names.agent(record.agent_2_id)]
    return [[record.pk, *pair, record.relationship.name, record.tag]]


def _episode(episode: EpisodeLog, names: Names) -> Rows:
    overall = overall_scores(episode)
    seats = [[name, model, number(overall.get(name), mean=True)] for name, model in seats_of(episode)]
    first, *others = seats or [["", "", ""]]
    return [[episode.pk, episode.tag, episode.status, *first], *(["", "", "", *seat] for seat in others)]


def _run(run: RunRecord, names: Names) -> Rows:
    return [[run.pk, run.name, run.tag, run.status, describe_counts(run), moment(run.started_at)[:16]]]


def describe_counts(run: RunRecord) -> str:
    """Write how a run's episodes came out, and of how many."""
    counts = [f"{count} {status}" for status, count in run.counts.items() if count]
    return f"{', '.join(counts) or 'none'} of {run.planned}"


KINDS: Final[dict[str, Listed[Any]]] = {
    "agents": Listed(AgentProfile, ("pk", "name", "age", "occupation", "tag"), _agent, right=frozenset({"age"})),
    "environments": Listed(EnvironmentProfile, ("pk", "codename", "goals", "relationship", "tag"), _environment),
    "combos": Listed(EnvAgentComboStorage, ("pk", "scenario", "agents"), _combo),
    "relationships": Listed(RelationshipProfile, ("pk", "agent 1", "agent 2", "relationship", "tag"), _relationship),
    "episodes": Listed(
        EpisodeLog,
        ("pk", "tag", "status", "agents", "models", "overall"),
        _episode,
        order=Order("started_at"),
        right=frozenset({"overall"}),
    ),
    "runs": Listed(
        RunRecord, ("pk", "name", "tag", "status", "episodes", "started (UTC)"), _run, order=Order("started_at")
    ),
}
"""What can be listed, by the name that the command line has for it."""


def latest(listed: Listed[R], store: Store, where: dict[str, Any], limit: int | None) -> Iterator[R]:
    """Yield the records that are found, in constant memory and by pk; with a ``limit``, the last in their order.

    Those that have no order but their pk begin with the first.
    """
    if limit is None:
        yield from store.iterate(listed.kind, where)
    else:
        backwards = Order(listed.order.field, descending=True)
        order = listed.order if listed.order == BY_PK else backwards
        found: Sequence[R] = store.find(listed.kind, where, order=order, limit=limit)
        yield from found if listed.order == BY_PK else reversed(found)
