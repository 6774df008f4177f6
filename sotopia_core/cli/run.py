"""``sotopia run``: plays what run files ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from sotopia_core.config import LoadedConfig
    from sotopia_core.engine.run import RunResult
    from sotopia_core.interfaces import Storage
    from sotopia_core.profiles import Combo
    from sotopia_core.registry import Registry
    from sotopia_core.wiring import Wiring

EXIT_INCOMPLETE: Final = 3
EXIT_INTERRUPTED: Final = 130


def run(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Run files; the later overwrites the earlier.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Overwrite a key, such as run.trials=3 or agents.0.model=..."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be played, and play nothing.")] = False,
    store: Annotated[str | None, typer.Option(metavar="URL", help="The store to use: sqlite:///path/to.db")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Play what run files ask for, and score it.

    The exit status is 0 when every episode is scored (or nobody was asked to judge), 3 when some are unscored or
    failed, 2 when the input cannot be used.
    """
    import asyncio

    from sotopia_core.cli.progress import Progress
    from sotopia_core.config import load_config
    from sotopia_core.database.pool import find_pool
    from sotopia_core.engine.run import draw_combos, play_run
    from sotopia_core.lifecycle import log_fault
    from sotopia_core.registry import Registry
    from sotopia_core.wiring import wire

    loaded = load_config(files, overrides or [])
    registry = Registry.discover(loaded.config.plugins.disable)
    wiring = wire(loaded, registry)
    keep = loaded.config.run.save and not dry_run
    storage = _storage(loaded, wiring, registry, store)
    opened = storage.open() if keep or storage.exists() else None
    progress = Progress(quiet=as_json)
    try:
        found = find_pool(
            loaded.config.pool,
            wiring.base,
            registry,
            opened,
            relationships=loaded.config.run.relationships == "stored",
        )
        combos = draw_combos(wiring, found.pool)
        if found.notice and not as_json:
            _note(found.notice)
        if wiring.stand_in and not as_json:
            _note('"offline" is a rule-based stand-in, no language model: its words and scores say nothing about one')
        if dry_run:
            _say_plan(wiring, combos, found.pool.source, storage.url if loaded.config.run.save else None, as_json)
            return
        registry.register(progress, "progress")
        result = asyncio.run(play_run(wiring, combos, opened if keep else None, registry.notifier(log_fault)))
    except KeyboardInterrupt:
        _note(f"interrupted: {progress.summary(kept=keep)}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        if opened is not None:
            opened.close()
    _report(result, storage if keep else None, store, as_json)
    raise typer.Exit(EXIT_INCOMPLETE if result.tally.incomplete else 0)


def _storage(loaded: LoadedConfig, wiring: Wiring, registry: Registry, url: str | None) -> Storage:
    from sotopia_core.database.locate import find_storage

    if url is None and wiring.storage is not None:
        return wiring.storage
    return find_storage(registry, url)


def _note(text: str) -> None:
    from sotopia_core.cli.output import say

    say(f"note: {text}", stderr=True)


def _say_plan(wiring: Wiring, combos: list[Combo], source: str, url: str | None, as_json: bool) -> None:
    from sotopia_core.cli.output import say, say_json, say_table

    trials = wiring.config.run.trials
    if as_json:
        say_json(
            {
                "combos": [{"environment": c.environment.pk, "agents": [a.pk for a in c.agents]} for c in combos],
                "trials": trials,
                "episodes": len(combos) * trials,
                "store": url,
            }
        )
        return
    say(f"{len(combos) * trials} episodes: {len(combos)} combos from {source}, {trials} trials each")
    for seat, blueprint in enumerate(wiring.seating.blueprints):
        where = f"seat {seat}" if wiring.seating.seats else "every seat"
        label = getattr(blueprint.sample, "model_label", "")
        say(f"{where}: {blueprint.use}" + (f" ({label})" if label != blueprint.use else ""))
    for evaluator in wiring.terminal_evaluators:
        say(f"judge: {type(evaluator).__name__}" + (f" ({evaluator.model_label})" if evaluator.model_label else ""))
    say(f"store: {url}" if url else "store: none; nothing is kept")
    shown = combos[:20]
    say_table(("scenario", "cast"), [(c.environment.label, ", ".join(c.names)) for c in shown])
    if len(combos) > len(shown):
        say(f"... and {len(combos) - len(shown)} more")


def _report(result: RunResult, storage: Storage | None, url: str | None, as_json: bool) -> None:
    from sotopia_core.cli.output import say, say_json

    counts = result.tally.counts
    if as_json:
        say_json(
            {
                "run": result.record.pk,
                "tag": result.record.tag,
                "episodes": {status: counts[status] for status in ("scored", "unscored", "unjudged", "failed")},
                "pks": result.pks,
            }
        )
        return
    if result.only is not None:
        from sotopia_core.cli.layout import heading, text_width
        from sotopia_core.cli.transcript import render_episode, render_scores

        say(render_episode(result.only, width=text_width()))
        say(f"\n{heading('Scores')}\n{render_scores(result.only, width=text_width())}\n")
    else:
        _say_scores(result)
    for reason, times in result.tally.reasons.most_common(5):
        say(f"{times} x {reason}", stderr=True)
    say(_summary(result))
    if storage is not None:
        _say_next(result, storage, url)


def _summary(result: RunResult) -> str:
    counts = result.tally.counts
    parts = [f"{counts[status]} {status}" for status in ("scored", "unscored", "unjudged", "failed") if counts[status]]
    calls = sum(usage.calls for usage in result.tally.usage.values())
    return f"run {result.record.pk}: {', '.join(parts) or 'nothing played'}; {calls} model calls"


def _say_scores(result: RunResult) -> None:
    """Print a row a model and a column a dimension: the mean, with how many scores are missing where some are."""
    from sotopia_core.cli.output import say, say_table
    from sotopia_core.evaluation import OVERALL

    tally = result.tally
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


def _say_next(result: RunResult, storage: Storage, url: str | None) -> None:
    from sotopia_core.cli.output import say

    option = f" --store {url}" if url else ""
    say("")
    say("next:")
    if result.pks:
        say(f"  sotopia show {result.pks[0]}{option}")
    say(f"  sotopia list episodes --where run={result.record.pk}{option}")
    say(f"kept in {storage.url}")
