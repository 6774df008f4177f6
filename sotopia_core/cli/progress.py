"""The progress display: a plugin on the lifecycle hooks, a bar on a terminal and plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from sotopia_core.episodes import EpisodeLog, RunRecord, Turn
from sotopia_core.hookspecs import hookimpl

SECONDS_BETWEEN_LINES: Final = 5.0


class Progress:
    """Shows episodes, turns and failures on stderr while a run goes on."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._turns = 0
        self._failed = 0
        self._done = 0
        self._run: RunRecord | None = None
        self._spoke = 0.0
        self._bar: Bar | None = None
        self._task = TaskID(0)
        self._quiet = quiet
        self._console = Console(stderr=True, markup=False, emoji=False, highlight=False)

    @hookimpl
    def sotopia_run_started(self, run: RunRecord) -> None:
        """Begin to show."""
        self._run = run
        self._done = run.counts.get("scored", 0) + run.counts.get("unjudged", 0)
        self._spoke = time.monotonic()
        if self._quiet:
            return
        if self._console.is_terminal and "HumanAgent" not in str(run.config.get("agents")):
            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[turns]} turns, {task.fields[failed]} failed", markup=False),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task(run.name, total=run.planned, completed=self._done, turns=0, failed=0)
            self._bar.start()
        elif run.planned > 1:
            done = f", {self._done} of them finished earlier" if self._done else ""
            print(f"run {run.pk} ({run.name}): {run.planned} episodes{done}", file=sys.stderr, flush=True)

    @hookimpl
    def sotopia_turn_taken(self, turn: Turn) -> None:
        """Count a turn."""
        if turn.actions:
            self._turns += 1

    @hookimpl
    def sotopia_episode_finished(self, run: RunRecord, episode: EpisodeLog) -> None:
        """Count an episode."""
        self._done += 1
        self._failed += episode.status in ("failed", "unscored")
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, turns=self._turns, failed=self._failed)
        elif not self._quiet and time.monotonic() - self._spoke > SECONDS_BETWEEN_LINES:
            self._spoke = time.monotonic()
            print(
                f"{self._done} of {run.planned} episodes, {self._turns} turns, {self._failed} failed",
                file=sys.stderr,
                flush=True,
            )

    @property
    def run(self) -> RunRecord | None:
        """The run that began, if one did."""
        return self._run

    def summary(self) -> str:
        """Say how far the run came."""
        if self._run is None:
            return "nothing was played"
        return f"{self._done} of {self._run.planned} episodes of run {self._run.pk} are finished"

    @hookimpl
    def sotopia_run_finished(self) -> None:
        """Clear the display."""
        if self._bar is not None:
            self._bar.stop()
