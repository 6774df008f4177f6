"""The pool that a run draws from: record files, packs of plugins, or the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sotopia_core.config import PoolSection
from sotopia_core.database.files import read_pool_files
from sotopia_core.errors import ConfigError, nearest
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, Pool, RelationshipProfile
from sotopia_core.records import Record
from sotopia_core.registry import Registry
from sotopia_core.stores import Store

R = TypeVar("R", bound=Record)

STARTER: Final = "starter"


@dataclass(frozen=True, slots=True)
class FoundPool:
    """A pool, and what the user should know about where it came from."""

    pool: Pool
    notice: str = ""


def find_pool(
    section: PoolSection, base: Path, registry: Registry, store: Store | None, *, relationships: bool
) -> FoundPool:
    """Gather what a run draws from, as ``[pool]`` says.

    Files and packs come first; without either, the store; where that holds no scenario, the starter pack, with a
    notice. ``relationships`` says whether agents meet in their stored relationships. ``InputError`` where something
    named is missing.
    """
    notice = ""
    if section.files or section.packs:
        records = [*read_pool_files(section.files, base)] if section.files else []
        for name in section.packs:
            records += read_pack(registry, name)
        source = " and ".join([*section.files, *(f"the {name} pack" for name in section.packs)])
    elif store is not None and store.count(EnvironmentProfile):
        kinds = (AgentProfile, EnvironmentProfile, EnvAgentComboStorage, RelationshipProfile)
        records = [record for kind in kinds for record in store.iterate(kind)]
        source = "the store"
    else:
        records, source = read_pack(registry, STARTER), f"the {STARTER} pack"
        notice = f"the store holds no scenario, so the {STARTER} pack is played"
    pool = _narrow(section, _of(AgentProfile, records), _of(EnvironmentProfile, records), records, source)
    return FoundPool(pool.model_copy(update={"stored_relationships": relationships}), notice)


def read_pack(registry: Registry, name: str) -> list[Record]:
    """Read the records of an installed pack; ``ConfigError`` where no plugin brings one of that name."""
    found = [pack for _, pack in registry.packs if pack.name == name]
    if not found:
        known = [pack.name for _, pack in registry.packs]
        there = f"; there are {', '.join(known)}" if known else "; no plugin brings any"
        raise ConfigError(f"no pack is called {name!r}{nearest(name, known) or there}")
    if len(found) > 1:
        owners = " and ".join(plugin.title for plugin, pack in registry.packs if pack.name == name)
        raise ConfigError(f"{len(found)} plugins bring a pack called {name!r}: {owners}; disable one of them")
    return read_pool_files([str(path) for path in found[0].files], Path())


def _narrow(
    section: PoolSection,
    agents: Sequence[AgentProfile],
    environments: Sequence[EnvironmentProfile],
    records: Iterable[Record],
    source: str,
) -> Pool:
    if section.tag is not None:
        tagged = [environment for environment in environments if environment.tag == section.tag]
        if environments and not tagged:
            raise ConfigError(f"pool.tag: no scenario in {source} has the tag {section.tag!r}")
        environments = tagged
    if section.environments:
        by_name = [(e, (e.pk, e.codename)) for e in environments]
        environments = _pick("pool.environments", "scenario", section.environments, by_name, source)
    if section.agents:
        agents = _pick("pool.agents", "character", section.agents, [(a, (a.pk, a.name)) for a in agents], source)
    known = {environment.pk for environment in environments}
    cast = {agent.pk for agent in agents}
    narrowed = bool(section.tag or section.environments or section.agents)
    combos = _of(EnvAgentComboStorage, records)
    if narrowed:  # a combo outside of what was asked for is not meant; a dangling one is the sampler's to report
        combos = [combo for combo in combos if combo.env_id in known and cast.issuperset(combo.agent_ids)]
    return Pool(
        environments=tuple(environments),
        agents=tuple(agents),
        combos=tuple(combos),
        relationships=tuple(_of(RelationshipProfile, records)),
        source=source,
    )


def _pick(
    key: str, what: str, wanted: Sequence[str], named: Sequence[tuple[R, tuple[str, str]]], source: str
) -> list[R]:
    picked: list[R] = []
    for want in wanted:
        found = [record for record, names in named if want in names]
        if not found:
            close = nearest(want, [name for _, names in named for name in names if name])
            raise ConfigError(f"{key}: no {what} in {source} has the pk or name {want!r}{close}")
        if len(found) > 1:
            pks = ", ".join(record.pk for record in found)
            raise ConfigError(f"{key}: {len(found)} records in {source} are called {want!r}; use a pk: {pks}")
        picked += [record for record in found if record not in picked]
    return picked


def _of(kind: type[R], records: Iterable[Record]) -> list[R]:
    return [record for record in records if isinstance(record, kind)]
