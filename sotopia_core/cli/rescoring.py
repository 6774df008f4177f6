"""What ``sotopia rescore`` does: finds the episodes, has them judged, and tells what came of it and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sotopia_core.cli.interruption import EXIT_INTERRUPTED, run_to_end
from sotopia_core.cli.loading import load_modules
from sotopia_core.cli.output import say, say_json
from sotopia_core.cli.playing import EXIT_COMPLETE, EXIT_INCOMPLETE, note, say_scores
from sotopia_core.cli.stores import open_to_read
from sotopia_core.cli.transcript import describe_usage
from sotopia_core.config import ComponentTable, LoadedConfig, RunConfig, load_config
from sotopia_core.engine.rescoring import Rescorer
from sotopia_core.engine.resuming import find_run, stored_dimensions_of
from sotopia_core.engine.tally import Tally
from sotopia_core.episodes import EpisodeLog, Rescoring, cast_of
from sotopia_core.errors import ConfigError, InputError
from sotopia_core.models import Usage
from sotopia_core.registry import Registry
from sotopia_core.stores import Store
from sotopia_core.wiring import Wiring, wire

NOBODY: Final = ComponentTable(use="HumanAgent")
"""Stands in the seats of a run file that is there for its judges: nobody is seated."""

EVALUATOR: Final = "ReachGoalLLMEvaluator"


@dataclass(frozen=True)
class Chosen:
    """Which episodes are meant: those with these pks, or all with a tag, or of a run."""

    pks: tuple[str, ...]
    tag: str | None
    run: str | None

    def find(self, store: Store) -> tuple[int, Iterator[EpisodeLog]]:
        """Return how many there are, and them; ``InputError`` where that is not said, or there is none."""
        if sum((bool(self.pks), self.tag is not None, self.run is not None)) != 1:
            raise InputError("say which episodes: their primary keys, or --tag, or --run")
        if self.pks:
            return len(self.pks), iter([store.get(EpisodeLog, pk) for pk in self.pks])
        where = {"tag": self.tag} if self.run is None else {"run": find_run(store, self.run).pk}
        number = store.count(EpisodeLog, where)
        if not number:
            raise InputError(
                f"no episode has the tag {self.tag!r}" if self.run is None else f"{self.run} has no episodes"
            )
        return number, store.iterate(EpisodeLog, where)


def judge_again(
    chosen: Chosen,
    judge: str | None,
    dimensions: str,
    files: Sequence[Path],
    *,
    modules: Sequence[Path],
    store: str | None,
    as_json: bool,
) -> int:
    """Judge episodes and print what came of it; returns the exit status."""
    opened, _ = open_to_read(store)
    with opened:
        wiring = _wiring(opened, _loaded(judge, dimensions, files), modules)
        number, episodes = chosen.find(opened)
        if any(evaluator.model_label == "offline" for evaluator in wiring.terminal_evaluators) and not as_json:
            note('"offline" is a rule-based stand-in, no language model: its scores say nothing about one')
        tally = _Judged(Tally(tuple(dict.fromkeys(name for one in wiring.dimensions for name in one.names))))
        rescorer = Rescorer(wiring, opened, tally.add)
        try:
            run_to_end(rescorer.rescore(episodes))
        except KeyboardInterrupt:
            done = tally.number + rescorer.left_alone
            note(f"interrupted: {done} of {number} episodes are judged; the same command goes on")
            return EXIT_INTERRUPTED
    _report(tally, rescorer, as_json)
    return EXIT_INCOMPLETE if tally.tally.incomplete else EXIT_COMPLETE


def _loaded(judge: str | None, dimensions: str, files: Sequence[Path]) -> LoadedConfig:
    """Return a run file of which the judges are those that are asked for."""
    loaded = load_config(files) if files else LoadedConfig(RunConfig(agents=(NOBODY,)), {}, Path("--judge"))
    changes: dict[str, Any] = {"agents": (NOBODY,), "response_evaluators": (), "storage": None}
    if judge is not None:
        table = {"use": f"{EVALUATOR}[{dimensions}]", "model": judge}
        changes["terminal_evaluators"] = (ComponentTable.model_validate(table),)
    elif not loaded.config.terminal_evaluators:
        raise ConfigError("name who judges: --judge MODEL, or --config FILE with [[terminal_evaluators]]")
    origins = {key: origin for key, origin in loaded.origins.items() if key[0] not in changes}
    return LoadedConfig(loaded.config.model_copy(update=changes), origins, loaded.last)


def _wiring(store: Store, loaded: LoadedConfig, modules: Sequence[Path]) -> Wiring:
    registry = Registry.discover(loaded.config.plugins.disable)
    load_modules(modules, registry)
    return wire(loaded, registry, stored_dimensions_of(store))


@dataclass
class _Judged:
    """What has been judged so far."""

    tally: Tally
    number: int = 0

    def add(self, episode: EpisodeLog, rescoring: Rescoring) -> None:
        self.number += 1
        names = cast_of(episode)
        models = episode.models if len(episode.models) == len(names) + 1 else ("", *names)
        judged = {"outcome": rescoring.outcome, "usage": rescoring.usage, "status": rescoring.status}
        self.tally.add(episode.model_copy(update={**judged, "agent_names": names, "models": models, "cause": None}))


def _report(judged: _Judged, rescorer: Rescorer, as_json: bool) -> None:
    counts, usage = judged.tally.counts, sum(judged.tally.usage.totals().values(), Usage())
    if as_json:
        say_json(
            {
                "scored": counts["scored"],
                "unscored": counts["unscored"],
                "left_alone": rescorer.left_alone,
                "usage": usage.model_dump(mode="json"),
                "reasons": dict(judged.tally.reasons),
            }
        )
        return
    if judged.number:
        say_scores(judged.tally)
    for reason, times in judged.tally.reasons.most_common():
        say(f"{times} x {reason}", stderr=True)
    parts = [f"{counts[status]} {status}" for status in ("scored", "unscored") if counts[status]]
    if rescorer.left_alone:
        parts.append(f"{rescorer.left_alone} scored before and left alone")
    say(f"judged again: {', '.join(parts) or 'nothing'}; {describe_usage(usage) or 'no calls'}")
