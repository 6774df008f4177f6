"""Playing from Python: ``run_async_server``, as Sotopia documents it, and ``play``, one episode from components."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

from pydantic import ValidationError

from sotopia_core.config import Key, LoadedConfig, PoolSection, RunConfig
from sotopia_core.database.current import _in_use, current_store
from sotopia_core.database.locate import find_storage
from sotopia_core.database.pool import find_pool
from sotopia_core.engine.run import draw_combos, play_run
from sotopia_core.environment import component_name, default_ordering
from sotopia_core.episodes import EpisodeLog, SimpleMessage
from sotopia_core.errors import FAULTS, ConfigError, InputError, NotFoundError, PluginError, nearest
from sotopia_core.evaluation import check_compatible
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import (
    Agent,
    Component,
    Model,
    Ordering,
    ResponseEvaluator,
    Sampler,
    Store,
    TerminalEvaluator,
    model_refs,
)
from sotopia_core.lifecycle import log_fault
from sotopia_core.profiles import AgentProfile, Combo, EnvAgentComboStorage, EnvironmentProfile
from sotopia_core.records import Record
from sotopia_core.registry import Registry
from sotopia_core.visibility import Mode
from sotopia_core.wiring import Blueprint, ModelBook, Seating, Wiring, wire
from sotopia_core.wording import explain, shown

R = TypeVar("R", bound=Record)
T = TypeVar("T")

ActionOrder = Literal["round-robin", "random", "simultaneous"]
"""Who acts in a turn: one after the other in the order of the seats, one drawn each turn, or all at once."""

ComboLike = Combo | EnvAgentComboStorage | tuple[EnvironmentProfile, Sequence[AgentProfile]]
"""What to play: a combo, a stored combo (whose profiles are looked up in the store in use), or a pair
``(scenario, [character, ...])``, one character for each goal."""

_ORDERINGS: Final[Mapping[str, str]] = {
    "round-robin": "RoundRobin",
    "random": "Random",
    "simultaneous": "Simultaneous",
}
_JUDGE: Final = "env"
_RESERVED: Final = ("offline", "human", "redis")
_COMBO: Final = "a Combo, an EnvAgentComboStorage or a pair (EnvironmentProfile, [AgentProfile, ...])"

logger = logging.getLogger("sotopia.server")


class EpisodeMessages(tuple[tuple[SimpleMessage, ...], ...]):
    """The messages of one episode: a tuple of turns, each a tuple of ``(sender, receiver, text)``.

    ``episode`` is the whole record they are from: its rewards, its status, and the cause where it failed.
    """

    episode: EpisodeLog

    @classmethod
    def of(cls, episode: EpisodeLog) -> EpisodeMessages:
        """Return the messages of an episode, with the episode."""
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
    this terminal. Without ``"env"`` nobody judges.

    ``env_agent_combo_list`` is what to play. Without it ``sampler`` (by default ``UniformSampler()``, one combo) draws
    from the store in use (``sotopia_core.database.use_storage``), or from the starter pack where that holds no
    scenario. ``omniscient`` shows all agents all goals. ``push_to_db`` keeps the episodes and a record of the run in
    the store in use, under ``tag``, or under the empty tag where none is given; without it nothing is kept. The same
    ``seed`` draws the same combos.

    An episode that fails does not stop the others: it returns its messages up to there, a warning is logged, and
    ``messages.episode`` has the status ``"failed"`` and the cause. Raises ``InputError`` where the arguments do not
    make a run, and what stops a run as a whole: ``ModelAccessError`` where a model refuses for good, ``StorageError``
    where the store does not keep what it is given.
    """
    order = _check_arguments(sampler, action_order, omniscient, tag, push_to_db, seed)
    loaded = _config(model_dict, order, omniscient, tag or "", push_to_db, seed)
    registry = Registry.discover()
    collector = _Collector({})
    registry.register(collector, "run_async_server")
    wiring = wire(loaded, registry)
    if sampler is not None:
        wiring = replace(wiring, sampler=sampler)
    combos = _given(env_agent_combo_list, sampler, len(loaded.config.agents))
    if combos is None:
        found = find_pool(PoolSection(), Path(), registry, _existing_store(), relationships=False)
        if found.notice:
            logger.warning("%s", found.notice)
        combos = draw_combos(wiring, found.pool)
    await play_run(wiring, combos, current_store() if push_to_db else None, registry.notifier(log_fault))
    return [EpisodeMessages.of(episode) for _, episode in sorted(collector.episodes.items())]


async def play(
    combo: ComboLike,
    agents: Sequence[Agent],
    evaluators: Sequence[ResponseEvaluator | TerminalEvaluator] = (),
    *,
    ordering: Ordering | None = None,
    mode: Mode = "standard",
    tag: str = "",
    seed: int = 0,
) -> EpisodeLog:
    """Play one episode with agents and evaluators made in Python, and return its record, which is not stored yet.

    One agent is given for each seat, or one for all of them. Each seat plays with a new agent that has the options of
    the given one, so agents can be given again. Where no response evaluator is given, the installed
    ``RuleBasedTerminatedEvaluator`` ends the episode; without a terminal evaluator nobody judges; without an
    ``ordering`` the agents take turns. Models that are named are looked up (``"offline"`` and LiteLLM ids) and closed
    in the end; those given as objects stay open. ::

        episode = await play((scenario, [mia, leo]), [LLMAgent(model="offline"), Parrot()])
        print(episode.status, episode.rewards)
        episode.save()

    An episode that fails is returned up to its failure, with the status ``"failed"`` and the cause. Raises
    ``InputError`` where the arguments do not make an episode, ``ModelAccessError`` where a model refuses for good.
    """
    registry = Registry.installed()
    one = _combo(combo, "combo")
    wiring = _wiring(one, agents, evaluators, ordering, registry, run={"mode": mode, "tag": tag, "seed": seed})
    result = await play_run(wiring, [one], None, registry.notifier(log_fault))
    assert result.only is not None
    return result.only.model_copy(update={"run": None, "draw": None, "trial": None})


@dataclass
class _Collector:
    """Keeps the episodes of a run, by draw and trial, as they finish."""

    episodes: dict[tuple[int, int], EpisodeLog]

    @hookimpl
    def sotopia_episode_finished(self, episode: EpisodeLog) -> None:
        self.episodes[episode.draw or 0, episode.trial or 0] = episode


def _check_arguments(
    sampler: object, action_order: object, omniscient: object, tag: object, push_to_db: object, seed: object
) -> str:
    """Return the ordering that is asked for; ``ConfigError`` where an argument is of another kind than it must be."""
    if isinstance(sampler, type) and issubclass(sampler, Sampler):
        raise ConfigError(f"sampler: expected a sampler, found its class; write {sampler.__name__}()")
    _expect("sampler", sampler, Sampler | None, "a sampler, such as UniformSampler()")
    if not isinstance(action_order, str) or action_order not in _ORDERINGS:
        close = nearest(action_order, _ORDERINGS) if isinstance(action_order, str) else ""
        expected = ", ".join(map(repr, _ORDERINGS))
        raise ConfigError(f"action_order: expected one of {expected}, found {_found(action_order)}{close}")
    _expect("omniscient", omniscient, bool, "True or False")
    _expect("push_to_db", push_to_db, bool, "True or False")
    _expect("tag", tag, str | None, "text")
    if isinstance(seed, bool):
        raise ConfigError(f"seed: expected a whole number, found {seed}")
    _expect("seed", seed, int, "a whole number")
    return _ORDERINGS[action_order]


def _expect(name: str, value: object, kinds: Any, expected: str) -> None:
    if not isinstance(value, kinds):
        raise ConfigError(f"{name}: expected {expected}, found {_found(value)}")


def _found(value: object) -> str:
    if value is None or isinstance(value, bool):
        return repr(value)
    return f"the class {value.__name__}" if isinstance(value, type) else shown(value)


def _config(
    models: Mapping[str, str], ordering: str, omniscient: bool, tag: str, keep: bool, seed: int
) -> LoadedConfig:
    _expect("model_dict", models, Mapping, 'models by name: {"env": ..., "agent1": ..., "agent2": ...}')
    seats = [f"agent{number}" for number in range(1, len(models) + (_JUDGE not in models))]
    for key in models:
        if key not in (_JUDGE, *seats):
            expected = ", ".join([_JUDGE, *seats])
            close = nearest(key, seats) if isinstance(key, str) else ""
            raise ConfigError(f"model_dict: unknown key {key!r}{close}; expected {expected}")
    if len(seats) < Combo.MINIMUM:
        raise ConfigError('model_dict: an interaction needs "agent1", "agent2" and so on, at least two, beside "env"')
    for key, model in models.items():
        _check_model(f'model_dict["{key}"]', model, judges=key == _JUDGE)
    judges = [_JUDGE] if _JUDGE in models else []
    config = RunConfig.model_validate(
        {
            "run": {
                "name": tag or "run_async_server",
                "tag": tag,
                "seed": seed,
                "save": keep,
                "mode": "omniscient" if omniscient else "standard",
            },
            "models": {name: {"use": "LiteLLM", "model": name} for name in models.values() if _is_bare(name)},
            "agents": [_agent(models[seat]) for seat in seats],
            "ordering": {"use": ordering},
            "terminal_evaluators": [
                {"use": "ReachGoalLLMEvaluator[SotopiaDimensions]", "model": models[judge]} for judge in judges
            ],
        }
    )
    origins: dict[Key, Path | str] = {("agents", i): f'model_dict["{seat}"]' for i, seat in enumerate(seats)}
    return LoadedConfig(config, {**origins, ("terminal_evaluators",): f'model_dict["{_JUDGE}"]'}, Path("model_dict"))


def _check_model(where: str, model: object, *, judges: bool) -> None:
    """Raise ``ConfigError`` unless this names a model, or for a seat a person."""
    if not isinstance(model, str) or not model.strip():
        raise ConfigError(f'{where}: expected a model such as "openai/gpt-4o" or "offline", found {_found(model)}')
    if model == "redis":
        raise ConfigError(f'{where}: seats over a broker, "redis", are not there yet; name a model, or "human"')
    if model == "human" and judges:
        raise ConfigError(f'{where}: "human" takes a seat and cannot judge; name a model, or leave "{_JUDGE}" out')
    if _is_bare(model) and (close := nearest(model, _RESERVED)):
        raise ConfigError(f"{where}: no model is called {model!r}{close}")


def _is_bare(model: str) -> bool:
    """Whether a name without a slash is LiteLLM's own, such as ``gpt-4o``: here no ``[models]`` can be meant."""
    return "/" not in model and model not in _RESERVED


def _agent(model: str) -> dict[str, str]:
    return {"use": "HumanAgent"} if model == "human" else {"use": "LLMAgent", "model": model}


def _given(given: object, sampler: Sampler | None, seats: int) -> list[Combo] | None:
    """Return the combos of ``env_agent_combo_list``; None where the sampler is to draw them."""
    name = "env_agent_combo_list"
    if given is None:
        return None
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ConfigError(f"{name}: expected a list of combos, found {_found(given)}")
    if not given:
        if sampler is None:
            raise ConfigError(f"{name} is empty, so there is nothing to play; leave it out to draw from the store")
        return None
    if sampler is not None:
        raise ConfigError(f"give {name} or a sampler, not both: what is to be played is either listed or drawn")
    combos = [_combo(one, f"{name}[{position}]") for position, one in enumerate(given)]
    for position, combo in enumerate(combos):
        if len(combo.agents) != seats:
            raise ConfigError(
                f"{name}[{position}]: scenario {combo.environment.label!r} seats {len(combo.agents)} agents, "
                f"and model_dict names {seats}"
            )
    return combos


def _combo(given: object, where: str) -> Combo:
    """Make a combo of whatever says what to play; ``InputError`` names the place where it does not."""
    if isinstance(given, Combo):
        return given
    if isinstance(given, EnvAgentComboStorage):
        return _looked_up(given, where)
    match given:
        case (EnvironmentProfile() as environment, list() | tuple() as agents):
            if all(isinstance(agent, AgentProfile) for agent in agents):
                return _seated(environment, agents, where)
    raise ConfigError(f"{where}: expected {_COMBO}, found {_found(given)}")


def _looked_up(stored: EnvAgentComboStorage, where: str) -> Combo:
    store = _existing_store()
    if store is None:
        raise InputError(f"{where}: combo {stored.pk} names its profiles by pk, and there is no store to find them in")

    def find(kind: type[R], what: str, pk: str) -> R:
        try:
            return store.get(kind, pk)
        except NotFoundError:
            text = f"{where}: combo {stored.pk} names the {what} {pk}, which is not in the store"
            raise InputError(text) from None

    environment = find(EnvironmentProfile, "scenario", stored.env_id)
    agents = [find(AgentProfile, "character", pk) for pk in stored.agent_ids]
    return _seated(environment, agents, where, stored.pk)


def _seated(environment: EnvironmentProfile, agents: Iterable[AgentProfile], where: str, pk: str | None = None) -> Combo:
    try:
        return Combo(environment=environment, agents=tuple(agents), pk=pk)
    except ValidationError as error:
        raise InputError(f"{where}: {explain(error, Combo)}") from None


def _existing_store() -> Store | None:
    """Return the store in use; None where it has not been made yet, since looking must not make an empty one."""
    if _in_use.named is None and not find_storage(Registry.installed()).exists():
        return None
    return current_store()


def _wiring(
    combo: Combo,
    agents: Sequence[Agent],
    evaluators: Sequence[ResponseEvaluator | TerminalEvaluator],
    ordering: Ordering | None,
    registry: Registry,
    run: Mapping[str, Any],
) -> Wiring:
    """Put components together as a run file's would be; ``InputError`` where they do not make an episode."""
    _check_all("agents", agents, Agent, "agents, such as LLMAgent(model=...)")
    _check_all("evaluators", evaluators, ResponseEvaluator | TerminalEvaluator, "response and terminal evaluators")
    if len(agents) not in (1, len(combo.agents)):
        raise ConfigError(
            f"agents: scenario {combo.environment.label!r} seats {len(combo.agents)}, and {len(agents)} are given; "
            "give one for each seat, or one for all"
        )
    response = tuple(evaluator for evaluator in evaluators if isinstance(evaluator, ResponseEvaluator))
    if not response:
        response = (registry.component("response_evaluators", "RuleBasedTerminatedEvaluator", ResponseEvaluator)(),)
    terminal = tuple(evaluator for evaluator in evaluators if isinstance(evaluator, TerminalEvaluator))
    turns = default_ordering() if ordering is None else ordering
    placed: dict[str, Component] = {f"agents[{i}]": agent for i, agent in enumerate(agents)}
    placed |= {f"evaluators[{i}]": evaluator for i, evaluator in enumerate(evaluators)}
    book = _models(placed, registry)
    try:
        check_compatible([evaluator.dimensions for evaluator in terminal])
    except ValueError as error:
        raise ConfigError(f"evaluators: {error}") from None
    config = RunConfig.model_validate(
        {
            "run": {"save": False, **run},
            "agents": [_table(agent) for agent in agents],
            "ordering": _table(turns),
            "response_evaluators": [_table(evaluator) for evaluator in response],
            "terminal_evaluators": [_table(evaluator) for evaluator in terminal],
        }
    )
    return Wiring(
        config=config,
        registry=registry,
        seating=Seating(tuple(_blueprint(agent) for agent in agents)),
        ordering=turns,
        sampler=registry.component("samplers", config.sampler.use, Sampler)(),
        response_evaluators=response,
        terminal_evaluators=terminal,
        models=book,
        storage=None,
        base=Path(),
    )
