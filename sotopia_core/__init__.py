"""The kernel of Sotopia: contracts, environment, information barrier, scoring and engine. It imports no plugin.

Everything that plugin authors and scripts import stands in ``__all__``; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sotopia_core.engine.interaction import Interaction as Interaction
    from sotopia_core.environment import ParallelSotopiaEnv as ParallelSotopiaEnv
    from sotopia_core.episodes import EpisodeLog as EpisodeLog
    from sotopia_core.episodes import RunRecord as RunRecord
    from sotopia_core.episodes import Turn as Turn
    from sotopia_core.errors import ConfigError as ConfigError
    from sotopia_core.errors import InputError as InputError
    from sotopia_core.errors import ModelAccessError as ModelAccessError
    from sotopia_core.errors import ModelError as ModelError
    from sotopia_core.errors import PluginError as PluginError
    from sotopia_core.errors import SotopiaError as SotopiaError
    from sotopia_core.errors import StorageError as StorageError
    from sotopia_core.evaluation import Dimension as Dimension
    from sotopia_core.evaluation import DimensionSet as DimensionSet
    from sotopia_core.evaluation import Score as Score
    from sotopia_core.evaluation import Scored as Scored
    from sotopia_core.evaluation import Unscored as Unscored
    from sotopia_core.hookspecs import hookimpl as hookimpl
    from sotopia_core.interfaces import OPERATIONAL as OPERATIONAL
    from sotopia_core.interfaces import Agent as Agent
    from sotopia_core.interfaces import EvaluationContext as EvaluationContext
    from sotopia_core.interfaces import InputPath as InputPath
    from sotopia_core.interfaces import Model as Model
    from sotopia_core.interfaces import ModelRef as ModelRef
    from sotopia_core.interfaces import Ordering as Ordering
    from sotopia_core.interfaces import ResponseEvaluator as ResponseEvaluator
    from sotopia_core.interfaces import Sampler as Sampler
    from sotopia_core.interfaces import Seat as Seat
    from sotopia_core.interfaces import Storage as Storage
    from sotopia_core.interfaces import TerminalEvaluator as TerminalEvaluator
    from sotopia_core.interfaces import Transcript as Transcript
    from sotopia_core.interfaces import Verdict as Verdict
    from sotopia_core.messages import AgentAction as AgentAction
    from sotopia_core.messages import Background as Background
    from sotopia_core.messages import Event as Event
    from sotopia_core.messages import Observation as Observation
    from sotopia_core.models import ChatMessage as ChatMessage
    from sotopia_core.models import Completion as Completion
    from sotopia_core.models import ModelReply as ModelReply
    from sotopia_core.models import ModelRequest as ModelRequest
    from sotopia_core.models import Usage as Usage
    from sotopia_core.packs import Pack as Pack
    from sotopia_core.profiles import AgentProfile as AgentProfile
    from sotopia_core.profiles import Combo as Combo
    from sotopia_core.profiles import EnvironmentProfile as EnvironmentProfile
    from sotopia_core.profiles import Pool as Pool
    from sotopia_core.profiles import RelationshipType as RelationshipType
    from sotopia_core.registry import Registry as Registry
    from sotopia_core.stores import JournalEntry as JournalEntry
    from sotopia_core.stores import Order as Order
    from sotopia_core.stores import Store as Store

_HOMES: Final = {
    "engine.interaction": ("Interaction",),
    "environment": ("ParallelSotopiaEnv",),
    "episodes": ("EpisodeLog", "RunRecord", "Turn"),
    "errors": (
        "ConfigError",
        "InputError",
        "ModelAccessError",
        "ModelError",
        "PluginError",
        "SotopiaError",
        "StorageError",
    ),
    "evaluation": ("Dimension", "DimensionSet", "Score", "Scored", "Unscored"),
    "hookspecs": ("hookimpl",),
    "interfaces": (
        "OPERATIONAL",
        "Agent",
        "EvaluationContext",
        "InputPath",
        "Model",
        "ModelRef",
        "Ordering",
        "ResponseEvaluator",
        "Sampler",
        "Seat",
        "Storage",
        "TerminalEvaluator",
        "Transcript",
        "Verdict",
    ),
    "messages": ("AgentAction", "Background", "Event", "Observation"),
    "models": ("ChatMessage", "Completion", "ModelReply", "ModelRequest", "Usage"),
    "packs": ("Pack",),
    "profiles": ("AgentProfile", "Combo", "EnvironmentProfile", "Pool", "RelationshipType"),
    "registry": ("Registry",),
    "stores": ("JournalEntry", "Order", "Store"),
}
_MODULE_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, *globals()]
