"""Telling plugins of a run's events: each implementation is called on its own, so none can harm another or the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pluggy

from sotopia_core.episodes import EpisodeLog, RunRecord, Turn
from sotopia_core.errors import (
    PluginError,
    pass_on,
)
from sotopia_core.models import Completion, ModelRequest
from sotopia_core.plugins import one_plugin
from sotopia_core.profiles import Combo

logger = logging.getLogger("sotopia.plugins")


class Notifier:
    """Tells plugins of a run's events: typed methods over pluggy, each implementation called on its own."""

    def __init__(
        self, manager: pluggy.PluginManager, titles: Mapping[str, str], on_fault: Callable[[PluginError], None]
    ) -> None:
        self._manager = manager
        self._titles = titles
        self._on_fault = on_fault
        self._callers: dict[str, list[tuple[str, pluggy.HookCaller]]] = {}

    def run_started(self, run: RunRecord) -> None:
        """Tell that a run begins."""
        self._tell("sotopia_run_started", run=run)

    def run_finished(self, run: RunRecord) -> None:
        """Tell that a run is over."""
        self._tell("sotopia_run_finished", run=run)

    def episode_started(self, run: RunRecord, pk: str, combo: Combo, trial: int) -> None:
        """Tell that an episode begins."""
        self._tell("sotopia_episode_started", run=run, pk=pk, combo=combo, trial=trial)

    def turn_taken(self, run: RunRecord, pk: str, turn: Turn) -> None:
        """Tell that a turn was taken."""
        self._tell("sotopia_turn_taken", run=run, pk=pk, turn=turn)

    @property
    def hears_turns(self) -> bool:
        """Whether anybody wants to be told of turns."""
        return bool(self._listeners("sotopia_turn_taken"))

    def model_called(
        self,
        run: RunRecord,
        pk: str,
        role: str,
        request: ModelRequest[Any],
        completion: Completion,
    ) -> None:
        """Tell that a model replied."""
        self._tell("sotopia_model_called", run=run, pk=pk, role=role, request=request, completion=completion)

    def episode_finished(self, run: RunRecord, episode: EpisodeLog) -> None:
        """Tell that an episode is over and stored."""
        self._tell("sotopia_episode_finished", run=run, episode=episode)

    def _tell(self, hook: str, **arguments: object) -> None:
        for name, caller in self._listeners(hook):
            try:
                caller(**arguments)
            except BaseException as error:
                pass_on(error)
                self._on_fault(PluginError(self._titles.get(name, name), f"in {hook}", error))

    def _listeners(self, hook: str) -> list[tuple[str, pluggy.HookCaller]]:
        if hook not in self._callers:
            names = [impl.plugin_name for impl in getattr(self._manager.hook, hook).get_hookimpls()]
            self._callers[hook] = [(name, one_plugin(self._manager, hook, name)) for name in dict.fromkeys(names)]
        return self._callers[hook]


class Faults:
    """Hears of plugins that raise in lifecycle hooks: reports each fault once, though it may come with every turn."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        """How often each fault came, by what it says."""

    def __call__(self, fault: PluginError) -> None:
        """Take note of a fault."""
        if str(fault) not in self.seen:
            log_fault(fault)
        self.seen[str(fault)] = self.seen.get(str(fault), 0) + 1

    @property
    def first(self) -> str:
        """The fault that came first; ``StopIteration`` where none came."""
        return next(iter(self.seen))


def log_fault(fault: PluginError) -> None:
    """Report a plugin that raised in a lifecycle hook; the run goes on."""
    logger.warning("%s", fault, exc_info=fault.__cause__)
