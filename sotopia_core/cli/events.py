"""The event log: a plugin on the lifecycle hooks that writes what happens in a run, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sotopia_core.episodes import EpisodeLog, RunRecord, Turn
from sotopia_core.errors import ConfigError
from sotopia_core.hookspecs import hookimpl
from sotopia_core.models import Completion, ModelRequest
from sotopia_core.profiles import Combo
from sotopia_core.registry import Registry


@contextmanager
def log_events(path: Path | None, registry: Registry) -> Iterator[None]:
    """Log the events of the runs that are played meanwhile, if there is a file to log them in."""
    if path is None:
        yield
        return
    log = EventLog(path)
    registry.register(log, "events")
    try:
        yield
    finally:
        log.close()


class EventLog:
    """Appends each event to a file as soon as it happens. Prompts and backgrounds stay out; actions are there.

    Every line has ``event``, ``at`` (UTC, ISO 8601) and ``run``; those of an episode have ``episode``.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a", encoding="utf-8", newline="\n", buffering=1)  # a line at a time
        except OSError as error:
            raise ConfigError(f"--events {path}: cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # a line that cannot be written was reported when it was to be
            self._file.close()

    @hookimpl
    def sotopia_run_started(self, run: RunRecord) -> None:
        """Write which run begins."""
        self._write("run_started", run, name=run.name, tag=run.tag, planned=run.planned)

    @hookimpl
    def sotopia_episode_started(self, run: RunRecord, pk: str, combo: Combo, trial: int) -> None:
        """Write who meets where."""
        scenario, agents = combo.environment.pk, {agent.name: agent.pk for agent in combo.agents}
        self._write("episode_started", run, episode=pk, environment=scenario, agents=agents, trial=trial)

    @hookimpl
    def sotopia_turn_taken(self, run: RunRecord, pk: str, turn: Turn) -> None:
        """Write what each did."""
        actions = {name: action.model_dump(mode="json") for name, action in turn.actions.items()}
        self._write("turn_taken", run, episode=pk, turn=turn.number, actions=actions)

    @hookimpl
    def sotopia_model_called(
        self, run: RunRecord, pk: str, role: str, request: ModelRequest[Any], completion: Completion
    ) -> None:
        """Write who asked which model, and what that took."""
        self._write(
            "model_called",
            run,
            episode=pk,
            role=role,
            purpose=request.purpose,
            model=completion.model,
            attempts=completion.attempts,
            seconds=round(completion.latency, 6),
            usage=completion.usage.model_dump(mode="json"),
        )

    @hookimpl
    def sotopia_episode_finished(self, run: RunRecord, episode: EpisodeLog) -> None:
        """Write what became of an episode."""
        overall = {name: reward.overall for name, reward in episode.outcome.items()}
        self._write(
            "episode_finished", run, episode=episode.pk, status=episode.status, cause=episode.cause, overall=overall
        )

    @hookimpl
    def sotopia_run_finished(self, run: RunRecord) -> None:
        """Write what became of the run."""
        self._write("run_finished", run, status=run.status, cause=run.cause, counts=run.counts)

    def _write(self, event: str, run: RunRecord, **facts: object) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._file.write(json.dumps({"event": event, "at": at, "run": run.pk, **facts}, ensure_ascii=False) + "\n")
