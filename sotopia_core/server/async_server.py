"""``run_async_server``, the documented way to play from Python."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from sotopia_core.config import Key, LoadedConfig, PoolSection, RunConfig
from sotopia_core.database.current import current_store, existing_store
from sotopia_core.database.pool import find_pool
from sotopia_core.engine.run import draw_combos, play_run
from sotopia_core.episodes import EpisodeLog, SimpleMessage
from sotopia_core.errors import ConfigError, nearest
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Sampler
from sotopia_core.lifecycle import log_fault
from sotopia_core.profiles import Combo
from sotopia_core.registry import Registry
from sotopia_core.server.arguments import WholeNumber, check_model_name, check_type, found, is_bare
from sotopia_core.server.combos import ComboLike, combo_of
from sotopia_core.wiring import wire
from sotopia_core.wording import listed

ActionOrder = Literal["round-robin", "random", "simultaneous"]
"""Who acts in a turn: one after the other in the order of the seats, one drawn each turn, or all at once."""

_ORDERINGS: Final[Mapping[str, str]] = {
    "round-robin": "RoundRobin",
    "random": "Random",
    "simultaneous": "Simultaneous",
}
_JUDGE: Final = "env"
_PEOPLE: Final[Mapping[str, str]] = {"human": "HumanAgent", "redis": "RedisAgent"}

logger = logging.getLogger("sotopia.server")


class EpisodeMessages(tuple[tuple[SimpleMessage, ...], ...]):
    """The messages of one episode: a tuple of turns, each a tuple of ``(sender, receiver, text)``.

    ``episode`` is the whole record they are from: its rewards, its status, and the cause where it failed.
    """

    episode: EpisodeLog

    @classmethod
    def of(cls, episode: EpisodeLog) -> Self:
        """Return the messages of an episode, and the episode with them."""
        messages = cls(episode.messages)
        messages.episode = episode
        return messages


async def run_async_server(
    model_dict: Mapping[str, str],
    sampler: Sampler | None = None,
    action_order: ActionOrder = "round-robin",
    env_agent_combo_list: Sequence[ComboLike] | None = None,
    omniscient: bool = False,
    tag: str | None = None,
    push_to_db: bool = False,
    seed: int = 0,
) -> list[EpisodeMessages]:
    """Play and judge interactions, and return the messages of each episode.

    ``model_dict`` maps ``"env"`` to the judge's model and ``"agent1"``, ``"agent2"``, ... to those in the seats, two or
    more. Values are LiteLLM ids and ``"offline"``, the rule-based stand-in; for a seat also ``"human"``, a person at
    this terminal, and ``"redis"``, whoever takes the seat over a broker. Without ``"env"`` nobody judges.

    ``env_agent_combo_list`` is what to play. Without it ``sampler`` (by default ``UniformSampler()``, one combo) draws
    from the store in use (``sotopia_core.database.use_storage``), or from the starter pack where that holds no
    scenario. The same ``seed`` draws the same combos. ``omniscient`` shows all goals to all agents.

    ``push_to_db`` keeps the episodes and a record of the run in the store in use, under ``tag``, or under the empty
    tag where none is given; without it nothing is kept.

    An episode that fails does not stop the others: its messages end where it failed, a warning is logged, and its
    record (``messages.episode``, and the one in the store) has the status ``"failed"`` and the cause. Raises
    ``InputError`` where the arguments do not make a run, and what stops a whole run: ``ModelAccessError`` where a model
    refuses for good, ``StorageError`` where the store does not keep what it is given.
    """
    _check_options(sampler, action_order, omniscient, tag, push_to_db, seed)
    loaded = _config(model_dict, action_order, omniscient, tag or "", push_to_db, seed)
    combos = _listed(env_agent_combo_list, sampler, seats=len(loaded.config.agents))
    registry = Registry.discover()
    collector = _Collector()
    registry.register(collector, "run_async_server")
    wiring = wire(loaded, registry)
    if sampler is not None:
        wiring = replace(wiring, sampler=sampler)
    if combos is None:
        drawn_from = find_pool(PoolSection(), Path(), registry, existing_store(), relationships=False)
        if drawn_from.notice:
            logger.warning("%s", drawn_from.notice)
        combos = draw_combos(wiring, drawn_from.pool)
    await play_run(wiring, combos, current_store() if push_to_db else None, registry.notifier(log_fault))
    return [EpisodeMessages.of(episode) for _, episode in sorted(collector.episodes.items())]


@dataclass(eq=False)
class _Collector:
    """Keeps the episodes of a run, by draw, as they finish."""

    episodes: dict[int, EpisodeLog] = field(default_factory=dict)

    @hookimpl
    def sotopia_episode_finished(self, episode: EpisodeLog) -> None:
        self.episodes[episode.draw or 0] = episode


def _check_options(
    sampler: object, action_order: object, omniscient: object, tag: object, push_to_db: object, seed: object
) -> None:
    """Raise ``ConfigError`` where an argument is not what it must be, whoever calls without a type checker."""
    if isinstance(sampler, type) and issubclass(sampler, Sampler):
        raise ConfigError(f"sampler: expected a sampler, found its class; write {sampler.__name__}()")
    check_type("sampler", sampler, Sampler | None, "a sampler, such as UniformSampler()")
    if not isinstance(action_order, str) or action_order not in _ORDERINGS:
        close = nearest(action_order, _ORDERINGS) if isinstance(action_order, str) else ""
        expected = ", ".join(map(repr, _ORDERINGS))
        raise ConfigError(f"action_order: expected one of {expected}, found {found(action_order)}{close}")
    check_type("omniscient", omniscient, bool, "True or False")
    check_type("push_to_db", push_to_db, bool, "True or False")
    check_type("tag", tag, str | None, "text")
    check_type("seed", seed, WholeNumber, "a whole number")


def _config(models: Mapping[str, str], order: str, omniscient: bool, tag: str, keep: bool, seed: int) -> LoadedConfig:
    """Write the arguments as the run file that says the same."""
    seats = _seats(models)
    for key, model in models.items():
        check_model_name(f'model_dict["{key}"]', model)
    judged: list[dict[str, Any]] = []
    if _JUDGE in models:
        judge = models[_JUDGE]
        if judge in _PEOPLE:
            raise ConfigError(f'model_dict["{_JUDGE}"]: "{judge}" takes a seat and does not judge; name a model')
        judged.append({"use": "ReachGoalLLMEvaluator[SotopiaDimensions]", "model": judge})
    config = RunConfig.model_validate(
        {
            "run": {
                "name": tag or "run_async_server",
                "tag": tag,
                "seed": seed,
                "save": keep,
                "mode": "omniscient" if omniscient else "standard",
            },
            "models": {name: {"use": "LiteLLM", "model": name} for name in models.values() if is_bare(name)},
            "agents": [_agent(models[seat]) for seat in seats],
            "ordering": {"use": _ORDERINGS[order]},
            "terminal_evaluators": judged,
        }
    )
    origins: dict[Key, Path | str] = {("agents", i): f'model_dict["{seat}"]' for i, seat in enumerate(seats)}
    return LoadedConfig(config, {**origins, ("terminal_evaluators",): f'model_dict["{_JUDGE}"]'}, Path("model_dict"))


def _seats(models: object) -> list[str]:
    """Return the keys of the seats, in order; ``ConfigError`` where there are others, or too few."""
    if not isinstance(models, Mapping):
        example = '{"env": "openai/gpt-4o", "agent1": "offline", "agent2": "offline"}'
        raise ConfigError(f"model_dict: expected models by name, such as {example}, found {found(models)}")
    seats = [f"agent{number}" for number in range(1, len(models) + (_JUDGE not in models))]
    if len(seats) < Combo.MINIMUM:
        there = listed(models, "key") if models else "no keys"
        raise ConfigError(f'model_dict: expected "agent1", "agent2" and so on, at least two; found {there}')
    for key in models:
        if key not in (_JUDGE, *seats):
            close = nearest(key, seats) if isinstance(key, str) else ""
            raise ConfigError(f"model_dict: unknown key {key!r}{close}; expected {', '.join([_JUDGE, *seats])}")
    return seats


def _agent(model: str) -> dict[str, str]:
    return {"use": _PEOPLE[model]} if model in _PEOPLE else {"use": "LLMAgent", "model": model}


def _listed(given: object, sampler: Sampler | None, seats: int) -> list[Combo] | None:
    """Return the combos of ``env_agent_combo_list``; None where the sampler is to draw them."""
    name = "env_agent_combo_list"
    if given is None:
        return None
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ConfigError(f"{name}: expected a list of combos, found {found(given)}")
    if given and sampler is not None:
        raise ConfigError(f"give {name} or a sampler, not both: what is played is either listed or drawn")
    if not given:
        if sampler is not None:
            return None
        raise ConfigError(f"{name} is empty, so there is nothing to play; leave it out to draw from the store")
    combos = [combo_of(one, f"{name}[{position}]") for position, one in enumerate(given)]
    for position, combo in enumerate(combos):
        if len(combo.agents) != seats:
            raise ConfigError(
                f"{name}[{position}]: scenario {combo.environment.label!r} seats {len(combo.agents)} agents, "
                f"and model_dict names {seats}"
            )
    return combos
