"""``play``: one episode from components that were made in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sotopia_core.config import RunConfig
from sotopia_core.engine.run import play_run
from sotopia_core.environment import component_name, default_ordering
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import (
    ConfigError,
    InputError,
    ModelAccessError,
    PluginError,
    pass_on,
)
from sotopia_core.evaluation import check_compatible
from sotopia_core.interfaces import (
    Agent,
    Component,
    Evaluator,
    Model,
    Ordering,
    ResponseEvaluator,
    Sampler,
    TerminalEvaluator,
    model_refs,
)
from sotopia_core.lifecycle import log_fault
from sotopia_core.registry import Registry
from sotopia_core.server.arguments import check_model_name, found, is_bare
from sotopia_core.server.combos import ComboLike, combo_of
from sotopia_core.visibility import Mode
from sotopia_core.wiring import Blueprint, ModelBook, Seating, Wiring
from sotopia_core.wording import explain


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
    one = combo_of(combo, "combo")
    _check_all("agents", agents, Agent, "an agent, such as LLMAgent(model=...)")
    _check_all("evaluators", evaluators, Evaluator, "a response or a terminal evaluator")
    if len(agents) not in (1, len(one.agents)):
        raise ConfigError(
            f"agents: {len(agents)} are given and scenario {one.environment.label!r} seats {len(one.agents)}; "
            "give one for each seat, or one for all"
        )
    registry = Registry.installed()
    wiring = _wiring(agents, evaluators, ordering, {"mode": mode, "tag": tag, "seed": seed}, registry)
    result = await play_run(wiring, [one], None, registry.notifier(log_fault))
    assert result.only is not None
    return result.only.model_copy(update={"run": None, "draw": None, "trial": None})  # no run was kept


def _check_all(name: str, given: object, kind: type[Component], expected: str) -> None:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ConfigError(f"{name}: expected a list, found {found(given)}")
    for position, one in enumerate(given):
        where = f"{name}[{position}]"
        if isinstance(one, type) and issubclass(one, kind):
            raise ConfigError(f"{where}: expected {expected}, found its class; write {one.__name__}()")
        if not isinstance(one, kind):
            raise ConfigError(f"{where}: expected {expected}, found {found(one)}")


@dataclass
class _Models(ModelBook):
    """A model book that knows also of ``objects``, models that came as such and that their owner closes."""

    objects: Sequence[Model] = field(default=())

    @property
    def made(self) -> Mapping[str, Model]:
        """All models that the episode may ask, by name or label."""
        return {model.label: model for model in self.objects} | dict(super().made)


def _wiring(
    agents: Sequence[Agent],
    evaluators: Sequence[ResponseEvaluator | TerminalEvaluator],
    ordering: Ordering | None,
    run: Mapping[str, Any],
    registry: Registry,
) -> Wiring:
    """Put components together as those of a run file would be; ``InputError`` where they do not fit."""
    response = tuple(evaluator for evaluator in evaluators if isinstance(evaluator, ResponseEvaluator))
    if not response:
        response = (registry.component("response_evaluators", "RuleBasedTerminatedEvaluator", ResponseEvaluator)(),)
    terminal = tuple(evaluator for evaluator in evaluators if isinstance(evaluator, TerminalEvaluator))
    try:
        check_compatible([evaluator.dimensions for evaluator in terminal])
    except ValueError as error:
        raise ConfigError(f"evaluators: {error}") from None
    ordering = default_ordering() if ordering is None else ordering
    models = _models(
        {f"agents[{position}]": agent for position, agent in enumerate(agents)}
        | {f"evaluators[{position}]": evaluator for position, evaluator in enumerate(evaluators)},
        registry,
    )
    document = {
        "run": {"save": False, **run},
        "models": {name: {"use": blueprint.use, "model": name} for name, blueprint in models.named.items()},
        "agents": [_table(agent) for agent in agents],
        "ordering": _table(ordering),
        "response_evaluators": [_table(evaluator) for evaluator in response],
        "terminal_evaluators": [_table(evaluator) for evaluator in terminal],
    }
    try:
        config = RunConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigError(explain(error, RunConfig).removeprefix("run.")) from None
    return Wiring(
        config=config,
        registry=registry,
        seating=Seating(tuple(Blueprint(component_name(agent), agent, _maker(agent)) for agent in agents)),
        ordering=ordering,
        sampler=registry.component("samplers", config.sampler.use, Sampler)(),
        response_evaluators=response,
        terminal_evaluators=terminal,
        models=models,
        storage=None,
        base=Path(),
    )


def _models(placed: Mapping[str, Agent | ResponseEvaluator | TerminalEvaluator], registry: Registry) -> ModelBook:
    """Find every model that the components ask, and ask it whether it can be reached at all."""
    refs = {
        f"{where}.{option}": ref for where, component in placed.items() for option, ref in model_refs(component).items()
    }
    for where, ref in refs.items():
        if isinstance(ref, str):
            check_model_name(where, ref)
    bare = [ref for ref in refs.values() if isinstance(ref, str) and is_bare(ref)]
    named = {name: _litellm(name, registry) for name in dict.fromkeys(bare)}
    book = _Models(named, registry, objects=[ref for ref in refs.values() if isinstance(ref, Model)])
    for where, ref in refs.items():
        try:
            (book(ref) if isinstance(ref, str) else ref).check_access()
        except (InputError, ModelAccessError) as error:
            raise type(error)(f"{where}: {error}") from error
    return book


def _litellm(name: str, registry: Registry) -> Blueprint:
    model = registry.component("models", "LiteLLM", Model).model_validate({"model": name})
    return Blueprint("LiteLLM", model, lambda: model)


def _maker(agent: Agent) -> Callable[[], Component]:
    """Return what makes a new agent with the options of this one, and nothing that this one may remember."""
    options = {name: getattr(agent, name) for name in agent.model_fields_set}
    return lambda: type(agent)(**options)


def _table(component: Component) -> dict[str, Any]:
    """Write a component as a run file's table; ``PluginError`` where its options cannot be written down."""
    name = component_name(component)
    try:
        return {"use": name, **component.model_dump(mode="json")}
    except BaseException as error:
        pass_on(error)
        raise PluginError(name, "writing down its options", error) from error
