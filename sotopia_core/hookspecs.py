"""The hooks that plugins implement: one for each kind of component, and the lifecycle of runs.

A plugin is a module named by an entry point in the group ``sotopia``. A hook that offers components returns references
in entry-point notation, ``"package.module:Class"``, with the extra that it needs in brackets, ``"... [extra]"``; they
are imported only when a run asks for them. Notebooks and tests may return the classes themselves. An implementation
may leave out arguments that it does not use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:  # plugins import this module for hookimpl, and must not pay for what the signatures name
    import typer
    from pydantic import BaseModel

    from sotopia_core.episodes import EpisodeLog, RunRecord, Turn
    from sotopia_core.interfaces import (
        Agent,
        Model,
        Ordering,
        ResponseEvaluator,
        Sampler,
        Storage,
        TerminalEvaluator,
    )
    from sotopia_core.models import Completion, ModelRequest
    from sotopia_core.packs import Pack
    from sotopia_core.profiles import Combo

hookspec = pluggy.HookspecMarker("sotopia")
hookimpl = pluggy.HookimplMarker("sotopia")


@hookspec
def sotopia_agents() -> list[str | type[Agent]]:  # type: ignore[empty-body]
    """Offer Agent classes, which act in a seat."""


@hookspec
def sotopia_orderings() -> list[str | type[Ordering]]:  # type: ignore[empty-body]
    """Offer Ordering classes, which decide who acts in a turn."""


@hookspec
def sotopia_samplers() -> list[str | type[Sampler]]:  # type: ignore[empty-body]
    """Offer Sampler classes, which draw the combos of a run."""


@hookspec
def sotopia_response_evaluators() -> list[str | type[ResponseEvaluator]]:  # type: ignore[empty-body]
    """Offer ResponseEvaluator classes, which decide after each turn whether the interaction is over."""


@hookspec
def sotopia_terminal_evaluators() -> list[str | type[TerminalEvaluator]]:  # type: ignore[empty-body]
    """Offer TerminalEvaluator classes, which score a finished episode."""


@hookspec
def sotopia_dimensions() -> list[str | type[BaseModel]]:  # type: ignore[empty-body]
    """Offer pydantic models whose bounded int and float fields are social dimensions, as parameters of evaluators."""


@hookspec
def sotopia_models() -> list[str | type[Model]]:  # type: ignore[empty-body]
    """Offer Model classes, which answer requests."""


@hookspec
def sotopia_storage() -> list[str | type[Storage]]:  # type: ignore[empty-body]
    """Offer Storage classes, which open stores."""


@hookspec
def sotopia_packs() -> list[Pack]:  # type: ignore[empty-body]
    """Offer packs of characters and scenarios."""


@hookspec
def sotopia_commands(app: typer.Typer) -> None:
    """Add sub-commands to the command line. Called each time the command line starts, so it must import little."""


@hookspec
def sotopia_run_started(run: RunRecord) -> None:
    """Hear that a run begins. Called once, before its first episode, in the run's event loop."""


@hookspec
def sotopia_run_finished(run: RunRecord) -> None:
    """Hear that a run is over, finished or not. Called once, after everything it played is stored."""


@hookspec
def sotopia_episode_started(run: RunRecord, pk: str, combo: Combo, trial: int) -> None:
    """Hear that an episode begins."""


@hookspec
def sotopia_turn_taken(run: RunRecord, pk: str, turn: Turn) -> None:
    """Hear that all agents in turn have acted. ``turn`` holds what each was sent and what each did."""


@hookspec
def sotopia_model_called(
    run: RunRecord, pk: str, role: str, request: ModelRequest[Any], completion: Completion
) -> None:
    """Hear that a model replied, usably or not. ``role`` is the agent's name or the evaluator's."""


@hookspec
def sotopia_episode_finished(run: RunRecord, episode: EpisodeLog) -> None:
    """Hear that an episode is over and stored, whether it was scored, unscored, unjudged or failed."""
