"""What ``sotopia run`` does: wires, draws, plays, and tells how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from sotopia_core.cli.events import log_events
from sotopia_core.cli.interruption import EXIT_INTERRUPTED, run_to_end
from sotopia_core.cli.layout import facts
from sotopia_core.cli.loading import load_modules
from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.cli.progress import Progress
from sotopia_core.cli.transcript import described, render_episode
from sotopia_core.config import load_config
from sotopia_core.database.locate import find_storage
from sotopia_core.database.pool import find_pool
from sotopia_core.database.stored_dimensions import dimensions_in
from sotopia_core.engine.estimate import Estimate, estimate
from sotopia_core.engine.run import RunResult, draw_combos, play_run
from sotopia_core.engine.spending import Spending
from sotopia_core.engine.tally import Tally
from sotopia_core.engine.watchdog import watching
from sotopia_core.episodes import RunRecord
from sotopia_core.errors import RunCancelledError, SotopiaError
from sotopia_core.evaluation import OVERALL
from sotopia_core.interfaces import Storage
from sotopia_core.lifecycle import Faults
from sotopia_core.models import Usage
from sotopia_core.plugins import is_strict
from sotopia_core.profiles import Combo
from sotopia_core.registry import Registry
from sotopia_core.wiring import Wiring, wire

EXIT_COMPLETE: Final = 0
EXIT_FAULT: Final = 1
EXIT_INCOMPLETE: Final = 3
COMBOS_SHOWN: Final = 20
REASONS_SHOWN: Final = 5


def play(
    files: Sequence[Path],
    overrides: Sequence[str],
    *,
    dry_run: bool,
    store: str | None,
    as_json: bool,
    modules: Sequence[Path] = (),
    events: Path | None = None,
) -> int:
    """Play run files and print what came of it; returns the exit status.

    ``modules`` are Python files whose components the run may use; ``events`` is a file to log events in.
    """
    loaded = load_config(files, overrides)
    section = loaded.config.run
    registry = Registry.discover(loaded.config.plugins.disable)
    load_modules(modules, registry)
    wiring = wire(loaded, registry, dimensions_in(registry, store))
    keep = section.save and not dry_run
    storage = wiring.storage if store is None and wiring.storage is not None else find_storage(registry, store)
    opened = storage.open() if storage.exists() else None
    progress, faults = Progress(quiet=as_json), Faults()
    try:
        stored_relationships = section.relationships == "stored"
        found = find_pool(loaded.config.pool, wiring.base, registry, opened, relationships=stored_relationships)
        combos = draw_combos(wiring, found.pool)
        if found.notice and not as_json:
            note(found.notice)
        if wiring.stand_in and not as_json:
            note('"offline" is a rule-based stand-in, no language model: its words and scores say nothing about one')
        if dry_run:
            reckoned = asyncio.run(estimate(wiring, combos))
            url = storage.url if section.save else None
            _say_plan(wiring, combos, reckoned, found.pool.source, url, as_json)
            return EXIT_COMPLETE
        if keep and opened is None:  # only now: a run that cannot begin leaves no empty store behind
            opened = storage.open()
        registry.register(progress, "progress")
        with log_events(events, registry):
            playing = play_run(wiring, combos, opened if keep else None, registry.notifier(faults))
            result = run_to_end(watched(playing, registry))
    except (KeyboardInterrupt, RunCancelledError) as end:
        return say_ended(end, progress, store, kept=keep)
    except SotopiaError:
        if keep:
            say_stopped(progress, store)
        raise
    finally:
        if opened is not None:
            opened.close()
    report(result, combos, storage if keep else None, store, as_json)
    return exit_status(result, faults)


async def watched(run: Coroutine[Any, Any, RunResult], registry: Registry) -> RunResult:
    """Do a run's work, and say which plugin holds the event loop where one does."""
    with watching(registry.plugins):
        return await run


def exit_status(result: RunResult, faults: Faults) -> int:
    """Return what the command ends with, and say why where a plugin's fault decides."""
    if faults.seen and is_strict():
        note(f"{faults.first} (and --strict-plugins was asked for)")
        return EXIT_FAULT
    if result.record.status == "stopped":
        note(f"stopped: {result.record.cause}")
        return EXIT_INCOMPLETE
    return EXIT_INCOMPLETE if result.tally.incomplete else EXIT_COMPLETE


def note(text: str) -> None:
    """Say something in passing, where it disturbs no output that is read by a program."""
    say(f"note: {text}", stderr=True)


def _say_plan(
    wiring: Wiring, combos: Sequence[Combo], reckoned: Estimate, source: str, url: str | None, as_json: bool
) -> None:
    trials = wiring.config.run.trials
    if as_json:
        say_json(
            {
                "combos": [{"environment": c.environment.pk, "agents": [a.pk for a in c.agents]} for c in combos],
                "trials": trials,
                "episodes": len(combos) * trials,
                "store": url,
                "estimate": None if reckoned.unknown else _as_json(reckoned.spending),
            }
        )
        return
    episodes, drawn, each = (
        _count(len(combos) * trials, "episode"),
        _count(len(combos), "combo"),
        _count(trials, "trial"),
    )
    say(f"{episodes}: {drawn} from {source}, {each} each")
    for seat, blueprint in enumerate(wiring.seating.blueprints):
        where = f"seat {seat}" if wiring.seating.seats else "every seat"
        label = wiring.label(wiring.seating.sample(seat))
        say(f"{where}: {blueprint.use}" + (f" ({label})" if label != blueprint.use else ""))
    for evaluator in wiring.terminal_evaluators:
        label = wiring.label(evaluator)
        say(f"judge: {type(evaluator).__name__}" + (f" ({label})" if label else ""))
    say(f"about: {_taken(reckoned.total)}" if not reckoned.unknown else f"no estimate: {reckoned.unknown}")
    say(f"store: {url}" if url else "store: none; nothing is kept")
    shown = combos[:COMBOS_SHOWN]
    say_table(("scenario", "cast"), [(c.environment.label, ", ".join(c.names)) for c in shown])
    if len(combos) > len(shown):
        say(f"... and {len(combos) - len(shown)} more")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say_ended(end: BaseException, progress: Progress, url: str | None, *, kept: bool) -> int:
    """Say how far a run came that somebody ended, and how to go on with it; returns the exit status."""
    what = "cancelled" if isinstance(end, RunCancelledError) else "interrupted"
    note(f"{what}: {progress.summary()}{how_to_resume(progress.run, url) if kept else ''}")
    return EXIT_INTERRUPTED


def say_stopped(progress: Progress, url: str | None) -> None:
    """Say how far a run came that an error stopped, and how to go on with it; nothing where it had not begun."""
    if progress.run is not None:
        note(f"stopped: {progress.summary()}{how_to_resume(progress.run, url)}")


def how_to_resume(run: RunRecord | None, url: str | None) -> str:
    """Return the end of a sentence that says how a run is gone on with; empty where it had not begun."""
    return f"; sotopia resume {run.pk}{f' --store {url}' if url else ''} goes on" if run else ""


def report(result: RunResult, combos: Sequence[Combo], storage: Storage | None, url: str | None, as_json: bool) -> None:
    """Print what a run came to: its scores, what is missing and why, and what to look at next."""
    counts = result.tally.counts
    if as_json:
        say_json(
            {
                "run": result.record.pk,
                "tag": result.record.tag,
                "episodes": {status: counts[status] for status in ("scored", "unscored", "unjudged", "failed")},
                "agreement": {
                    dimension: {"pairs": one.pairs, "distance": one.distance, "alike": one.alike}
                    for dimension, one in result.tally.agreement.items()
                },
                "pks": result.pks,
                "status": result.record.status,
                "spending": _as_json(result.tally.spending.totals()),
            }
        )
        return
    if result.only is not None:
        say(render_episode(result.only, scenario=combos[0].environment.label, reasoning=False))
        say()
    else:
        say_scores(result.tally)
    for reason, times in result.tally.reasons.most_common(REASONS_SHOWN):
        say(f"{times} x {reason}", stderr=True)
    say(_summary(result))
    if storage is not None and result.tally.incomplete:
        note(f"{result.tally.incomplete} incomplete{how_to_resume(result.record, url)}")
    if storage is not None:
        _say_next(result, storage, url)


def _summary(result: RunResult) -> str:
    counts = result.tally.counts
    parts = [f"{counts[status]} {status}" for status in ("scored", "unscored", "unjudged", "failed") if counts[status]]
    taken = sum(result.tally.usage.totals().values(), Usage())
    return f"run {result.record.pk}: {', '.join(parts) or 'nothing played'}; {_taken(taken)}"


def _taken(usage: Usage) -> str:
    took = f"{usage.calls} model calls"
    if tokens := usage.input_tokens + usage.output_tokens:
        took += f", {tokens} tokens, " + ("of unknown price" if usage.cost is None else f"{usage.cost:.4f} US dollars")
    return took


def _as_json(spending: Spending) -> dict[str, dict[str, Any]]:
    return {
        model: {purpose: usage.model_dump(mode="json") for purpose, usage in purposes.items()}
        for model, purposes in spending.items()
    }


def say_scores(tally: Tally) -> None:
    """Print a row a model and a column a dimension: the mean, with how many scores are missing where some are."""
    if not tally.dimensions:
        say("no terminal evaluators: the episodes are unjudged")
        return
    columns = [*tally.dimensions, OVERALL]
    rows = []
    for model, means in tally.rows():
        cells = [
            ("–" if mean.value is None else f"{mean.value:.2f}")
            + (f" ({mean.missing} missing)" if mean.missing else "")
            for mean in (means[column] for column in columns)
        ]
        rows.append((model, str(means[OVERALL].n + means[OVERALL].missing), *cells))
    say_table(("model", "seats", *(column.replace("_", " ") for column in columns)), rows, numbers_from=1)
    if tally.agreement:
        say()
        say(f"Agreement of the judges:\n{facts(described(tally.agreement))}")


def _say_next(result: RunResult, storage: Storage, url: str | None) -> None:
    option = f" --store {url}" if url else ""
    say("")
    say("next:")
    if result.pks:
        say(f"  sotopia show {result.pks[0]}{option}")
    say(f"  sotopia list episodes --where run={result.record.pk}{option}")
    say(f"kept in {storage.url}")
