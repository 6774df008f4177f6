"""What ``sotopia position-bias`` does: asks a judge twice for each episode, and prints how the order mattered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from sotopia_analysis.benchmarking import BASE
from sotopia_analysis.position import Position, Probe, choose, probe
from sotopia_analysis.tables import Column, Format, Report, counted, interval, number, p_value, print_report
from sotopia_core.cli.conditions import read_conditions
from sotopia_core.cli.interruption import EXIT_INTERRUPTED, run_to_end
from sotopia_core.cli.output import say
from sotopia_core.cli.stores import open_to_read
from sotopia_core.config import LoadedConfig, load_config
from sotopia_core.database.stored_dimensions import dimensions_in
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import InputError
from sotopia_core.registry import Registry
from sotopia_core.toml_text import written
from sotopia_core.wiring import wire

EXIT_COMPLETE: Final = 0
EXIT_INCOMPLETE: Final = 3


def run_probe(
    judge: str | None,
    run_files: Sequence[Path],
    *,
    tags: Sequence[str],
    where: Sequence[str],
    limit: int | None,
    level: float,
    store: str | None,
    form: Format,
) -> int:
    """Probe a judge, print what was found, and return the exit status."""
    registry = Registry.installed()
    conditions = read_conditions(EpisodeLog, where)
    opened, _ = open_to_read(store)
    with opened:
        wiring = wire(judges_config(judge, run_files), registry, dimensions_in(registry, store))
        wanted = [{**conditions, "tag": tag} for tag in tags] or [conditions]
        episodes, left_out = choose((e for one in wanted for e in opened.iterate(EpisodeLog, one)), limit)
        try:
            found = run_to_end(probe(episodes, wiring, opened, left_out=left_out, level=level))
        except KeyboardInterrupt:
            say("note: interrupted; the same command goes on and asks for nothing twice", stderr=True)
            return EXIT_INTERRUPTED
    print_report(report_probe(found), form)
    return EXIT_INCOMPLETE if any(row.missing for row in found.rows) else EXIT_COMPLETE


def judges_config(judge: str | None, run_files: Sequence[Path]) -> LoadedConfig:
    """Return a run file that has the judge and nobody who plays; ``InputError`` where nobody is asked to judge."""
    over = ['agents=[{use = "ScriptedAgent"}]']
    if judge is not None:
        asked: dict[str, JsonValue] = {"use": "ReachGoalLLMEvaluator[SotopiaDimensions]", "model": judge}
        over.append(f"terminal_evaluators={written([asked])}")
    loaded = load_config(run_files or (BASE,), over)
    if not loaded.config.terminal_evaluators:
        raise InputError("nobody is asked to judge; name a judge with --judge, or a run file that has one")
    return loaded


def report_probe(found: Probe) -> Report:
    """Lay a probe out: a row for each dimension."""
    columns = (
        Column("dimension", "dimension"),
        Column("first − second", "bias"),
        Column(f"{100 * found.level:g}% interval", "interval"),
        Column("p", "p"),
        Column("p (Holm)", "holm"),
        Column("same score", "same"),
        Column("n", "n"),
        Column("missing", "missing"),
        Column("scenarios", "clusters"),
    )
    cells = [
        [
            row.dimension.replace("_", " "),
            number(row.bias.value),
            interval(row.bias.low, row.bias.high),
            p_value(row.test.p if row.test else None),
            p_value(row.holm),
            number(row.same.value),
            str(row.bias.n),
            str(row.missing),
            str(row.bias.clusters),
        ]
        for row in found.rows
    ]
    left_out = [f"  left out: {counted(count, 'episode')}: {why}" for why, count in found.left_out.items()]
    return Report(
        columns=columns,
        cells=cells,
        records=[_record(row) for row in found.rows],
        numbers_from=1,
        notes=found.notes,
        asides=[
            f"{found.judge} judged {counted(found.episodes, 'episode')} in either order",
            *left_out,
            *(f"  missing: {count} x {reason}" for reason, count in found.reasons.items()),
        ],
        facts={
            "judge": found.judge,
            "episodes": found.episodes,
            "left_out": found.left_out,
            "reasons": found.reasons,
            "level": found.level,
        },
    )


def _record(row: Position) -> dict[str, object]:
    return {
        "dimension": row.dimension,
        "bias": row.bias.value,
        "low": row.bias.low,
        "high": row.bias.high,
        "p": row.test.p if row.test else None,
        "holm": row.holm,
        "same": row.same.value,
        "n": row.bias.n,
        "missing": row.missing,
        "clusters": row.bias.clusters,
    }
