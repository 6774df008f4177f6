"""Playing from Python, as Sotopia documents it: ``run_async_server`` and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from beartype import beartype

from sotopia_core.config import LoadedConfig, PoolSection, RunConfig
from sotopia_core.database.locate import find_storage
from sotopia_core.database.pool import find_pool
from sotopia_core.engine.run import RunResult, draw_combos, play_run
from sotopia_core.episodes import EpisodeLog, SimpleMessage
from sotopia_core.errors import ConfigError, nearest
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Sampler
from sotopia_core.lifecycle import log_fault
from sotopia_core.profiles import Combo
from sotopia_core.registry import Registry
from sotopia_core.wiring import Wiring, wire

ActionOrder = Literal["round-robin", "random", "simultaneous"]
_ORDERINGS: Mapping[str, str] = {"round-robin": "RoundRobin", "random": "Random", "simultaneous": "Simultaneous"}
_JUDGE = "env"


class _Collector:
    """Keeps the episodes of a run as they finish."""

    def __init__(self) -> None:
        self.episodes: dict[tuple[int, int], EpisodeLog] = {}

    @hookimpl
    def sotopia_episode_finished(self, episode: EpisodeLog) -> None:
        self.episodes[episode.draw or 0, episode.trial or 0] = episode


@beartype
async def run_async_server(
    model_dict: Mapping[str, str],
    sampler: Sampler | None = None,
    action_order: ActionOrder = "round-robin",
    env_agent_combo_list: Sequence[Combo] = (),
    omniscient: bool = False,
    tag: str | None = None,
    push_to_db: bool = False,
    seed: int = 0,
) -> list[tuple[tuple[SimpleMessage, ...], ...]]:
    """Play and judge interactions, and return the messages of each episode.

    ``model_dict`` maps ``"env"`` to the judge's model and ``"agent1"``, ``"agent2"``, ... to the models in the seats:
    LiteLLM ids, ``"offline"``, or for a seat ``"human"``. ``env_agent_combo_list`` is what to play; without it
    ``sampler`` draws from the store (from the starter pack, where the store is empty). ``push_to_db`` keeps the
    episodes, under ``tag``. An episode that fails returns the messages up to its failure. ``InputError`` where the
    arguments do not make a run; ``ModelAccessError`` where a model refuses for good.
    """
    registry = Registry.discover()
    collector = _Collector()
    registry.register(collector, "run_async_server")
    wiring = wire(_config(model_dict, action_order, omniscient, tag or "", push_to_db, seed), registry)
    if sampler is not None:
        wiring = replace(wiring, sampler=sampler)
    await _play(wiring, env_agent_combo_list, push_to_db)
    return [episode.messages for _, episode in sorted(collector.episodes.items())]


async def _play(wiring: Wiring, combos: Sequence[Combo], keep: bool) -> RunResult:
    storage = find_storage(wiring.registry)
    store = storage.open() if keep or (not combos and storage.exists()) else None
    try:
        if not combos:
            found = find_pool(PoolSection(), Path(), wiring.registry, store, relationships=False)
            combos = draw_combos(wiring, found.pool)
        return await play_run(wiring, combos, store if keep else None, wiring.registry.notifier(log_fault))
    finally:
        if store is not None:
            store.close()


def _config(
    models: Mapping[str, str], order: ActionOrder, omniscient: bool, tag: str, keep: bool, seed: int
) -> LoadedConfig:
    seats = [f"agent{number}" for number in range(1, len(models) + (_JUDGE not in models))]
    for key in models:
        if key not in (_JUDGE, *seats):
            expected = ", ".join([_JUDGE, *seats])
            raise ConfigError(f"model_dict: unknown key {key!r}{nearest(key, seats)}; expected {expected}")
    if not seats:
        raise ConfigError('model_dict: no agents; expected "agent1", "agent2", ... beside "env"')
    judged: list[dict[str, Any]] = [
        {"use": "ReachGoalLLMEvaluator[SotopiaDimensions]", "model": models[_JUDGE]} for _ in [1] if _JUDGE in models
    ]
    config = RunConfig.model_validate(
        {
            "run": {"tag": tag, "seed": seed, "save": keep, "mode": "omniscient" if omniscient else "standard"},
            "agents": [_agent(models[seat]) for seat in seats],
            "ordering": {"use": _ORDERINGS[order]},
            "terminal_evaluators": judged,
        }
    )
    return LoadedConfig(config, {}, Path("model_dict"))


def _agent(model: str) -> dict[str, str]:
    return {"use": "HumanAgent"} if model == "human" else {"use": "LLMAgent", "model": model}
