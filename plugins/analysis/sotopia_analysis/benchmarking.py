"""A model against a partner in both seats of the same combos: run files, begun, gone on with, or played already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import tomli
from pydantic import JsonValue

from sotopia_core.config import LoadedConfig, load_config
from sotopia_core.database.pool import find_pool
from sotopia_core.database.stored_dimensions import dimensions_in
from sotopia_core.engine.estimate import estimate as reckon
from sotopia_core.engine.resuming import restore_run
from sotopia_core.engine.run import RunResult, draw_combos, play_run, resume_run
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import ConfigError, InputError, NotFoundError
from sotopia_core.lifecycle import Notifier
from sotopia_core.models import Usage
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, Pool
from sotopia_core.records import Record
from sotopia_core.registry import Registry
from sotopia_core.stores import Store
from sotopia_core.toml_text import written
from sotopia_core.wiring import Wiring, wire

BASE: Final = Path(__file__).with_name("benchmark.toml")
SEATINGS: Final = ("first", "second")
"""Which seat the model under test takes, as its runs are named."""

Table = dict[str, Any]
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What is to be played: ``target`` and ``partner`` as :func:`read_agent` takes them, the rest over run files.

    ``files`` and ``packs`` say what combos are drawn from; without either, what the run files say, and without these,
    the store. ``size`` combos are drawn by seed; None means all stored combos. ``tag`` names the benchmark: what was
    played under it is not played again.
    """

    target: str
    partner: str
    judge: str | None = None
    run_files: tuple[Path, ...] = ()
    files: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    size: int | None = None
    trials: int | None = None
    seed: int | None = None
    tag: str | None = None
    settings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The tag of all its runs."""
        return self.tag if self.tag is not None else f"benchmark: {self.target} with {self.partner}"

    def configs(self, registry: Registry) -> list[tuple[str, LoadedConfig]]:
        """Return a name and a run file for each seat that the model under test takes; one where both are the same."""
        target, partner = read_agent(self.target, registry), read_agent(self.partner, registry)
        seatings = [(target, partner), (partner, target)] if target != partner else [(target, partner)]
        return [
            (f"{self.title}, {self.target} {seat}", self._config(agents, f"{self.title}, {self.target} {seat}"))
            for seat, agents in zip(SEATINGS, seatings, strict=False)
        ]

    def _config(self, agents: Sequence[Table], name: str) -> LoadedConfig:
        over = [f"run.name={written(name)}", f"run.tag={written(self.title)}", f"agents={written(list(agents))}"]
        if self.judge is not None:
            judge: dict[str, JsonValue] = {"use": "ReachGoalLLMEvaluator[SotopiaDimensions]", "model": self.judge}
            over.append(f"terminal_evaluators={written([judge])}")
        if self.files or self.packs:
            over.append(f"pool={written({'files': list(self.files), 'packs': list(self.packs)})}")
        if self.size is not None:
            over.append(f"sampler={written({'use': 'UniformSampler', 'size': self.size})}")
        elif not self.run_files:
            over.append(f"sampler={written({'use': 'CombosSampler'})}")
        over += [
            f"run.{key}={value}" for key, value in (("trials", self.trials), ("seed", self.seed)) if value is not None
        ]
        loaded = load_config(self.run_files or (BASE,), [*over, *self.settings])
        if not loaded.config.terminal_evaluators:
            raise InputError("nobody is asked to judge; name a judge with --judge, or a run file that has one")
        return loaded


def read_agent(text: str, registry: Registry) -> Table:
    """Return the table of an agent: a TOML inline table, the name of an agent component, or else that of a model.

    ``ConfigError`` for a table that cannot be read or names no component.
    """
    if text.lstrip().startswith("{"):
        try:
            table: Table = tomli.loads(f"agent = {text}")["agent"]
        except tomli.TOMLDecodeError as error:
            raise ConfigError(f"{text}: is no TOML table: {error}") from None
        if "use" not in table:
            raise ConfigError(f'{text}: names no agent; write {{use = "LLMAgent", ...}}')
        return table
    if text in registry.names("agents"):
        return {"use": text}
    return {"use": "LLMAgent", "model": text}


@dataclass(frozen=True)
class Part:
    """One seating of a benchmark: what it would play, and the run that has begun it already, if any."""

    name: str
    wiring: Wiring
    combos: tuple[Combo, ...]
    source: str
    begun: RunRecord | None = None

    @property
    def episodes(self) -> int:
        """How many episodes there are in all."""
        return len(self.combos) * self.wiring.config.run.trials

    @property
    def labels(self) -> tuple[str, ...]:
        """The models by seat, as records name them."""
        return tuple(self.wiring.label(self.wiring.seating.sample(seat)) for seat in range(2))

    @property
    def complete(self) -> bool:
        """Whether everything was played and scored already."""
        return self.begun is not None and self.begun.counts.get("scored", 0) == self.begun.planned


def prepare(benchmark: Benchmark, registry: Registry, store: Store | None, url: str | None) -> list[Part]:
    """Wire a benchmark's runs and draw their combos, the same for each; nothing is played.

    ``InputError`` where something does not fit, also where runs under the same tag are of something else.
    """
    parts = []
    for name, loaded in benchmark.configs(registry):
        wiring = wire(loaded, registry, dimensions_in(registry, url))
        stored = loaded.config.run.relationships == "stored"
        found = find_pool(loaded.config.pool, wiring.base, registry, store, relationships=stored)
        pool = found.pool if store is None else _completed(found.pool, store)
        combos = tuple(draw_combos(wiring, pool))
        begun = _begun(store, wiring, name) if store is not None else None
        parts.append(Part(name, wiring, combos, found.pool.source, begun))
    return parts


def _completed(pool: Pool, store: Store) -> Pool:
    """Add to the pool of a file of combos alone the scenarios and characters that these name and the store has."""
    scenarios = {combo.env_id for combo in pool.combos} - {one.pk for one in pool.environments}
    characters = {pk for combo in pool.combos for pk in combo.agent_ids} - {one.pk for one in pool.agents}
    return pool.model_copy(
        update={
            "environments": (*pool.environments, *_stored(store, EnvironmentProfile, scenarios)),
            "agents": (*pool.agents, *_stored(store, AgentProfile, characters)),
        }
    )


def _stored(store: Store, kind: type[R], pks: Iterable[str]) -> Iterator[R]:
    for pk in sorted(pks):
        with suppress(NotFoundError):  # the sampler names what is missing, and the combo that it is missing from
            yield store.get(kind, pk)


def _begun(store: Store, wiring: Wiring, name: str) -> RunRecord | None:
    runs = store.find(RunRecord, {"tag": wiring.config.run.tag, "name": name})
    for run in runs:
        if _asked(run.config) != _asked(wiring.config.to_document()):
            raise InputError(
                f"under the tag {run.tag!r} something else was played (run {run.pk}); choose another with --tag"
            )
    return runs[-1] if runs else None


def _asked(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a run file asks for, without what changes no episode."""
    return {**document, "run": {key: value for key, value in document["run"].items() if key != "concurrency"}}


async def play_parts(
    parts: Sequence[Part], store: Store, notifier: Notifier, say: Callable[[str], None]
) -> list[RunResult]:
    """Play what is not played and scored yet, one run after the other; raises what stops a run."""
    results = []
    for part in parts:
        if part.complete:
            say(f"{part.name}: played already, as run {part.begun.pk if part.begun else ''}")
        elif part.begun is not None:
            say(f"{part.name}: going on with run {part.begun.pk}")
            restored = restore_run(store, part.begun, part.wiring.registry)
            restored.check_unchanged(f"sotopia resume {part.begun.pk} --accept-changes")
            results.append(await resume_run(part.begun, restored.wiring, restored.combos, store, notifier, say=say))
        else:
            results.append(await play_run(part.wiring, part.combos, store, notifier))
    return results


@dataclass
class Estimate:
    """What a benchmark will take, told from ``known`` earlier episodes of the same models and judge.

    ``usage`` is what all of its ``episodes`` would take at their average; where there is no such episode, what the
    kernel reckons by playing some with the stand-in. None where neither tells.
    """

    episodes: int
    known: int = 0
    usage: Usage | None = None
    seen: Usage = field(default_factory=Usage)


def estimate(parts: Sequence[Part], store: Store | None) -> Estimate:
    """Estimate what is left to play from what earlier episodes with the same models and judges took, or reckon it."""
    left = [part for part in parts if not part.complete]
    found = Estimate(sum(part.episodes for part in left))
    for usage in _earlier(left, store) if store is not None else ():
        found.known += 1
        found.seen = found.seen + usage
    if found.known:
        share = found.episodes / found.known
        seen = found.seen
        found.usage = Usage(
            calls=round(seen.calls * share),
            input_tokens=round(seen.input_tokens * share),
            output_tokens=round(seen.output_tokens * share),
            cost=None if seen.cost is None else seen.cost * share,
        )
    else:
        found.usage = _reckoned(left)
    return found


def _reckoned(parts: Sequence[Part]) -> Usage | None:
    reckoned = [asyncio.run(reckon(part.wiring, part.combos)) for part in parts]
    return None if any(one.unknown for one in reckoned) else sum((one.total for one in reckoned), Usage())


def _earlier(parts: Sequence[Part], store: Store) -> Iterator[Usage]:
    for part in parts:
        judges = {part.wiring.label(evaluator) for evaluator in part.wiring.terminal_evaluators}
        for episode in store.iterate(EpisodeLog):
            if episode.models[1:] == part.labels and episode.models[0] in judges and episode.usage:
                yield sum(episode.usage.values(), Usage())
