"""What ``sotopia benchmark`` does: plays what is left, and prints what the scores of all its runs come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from sotopia_analysis.benchmarking import Benchmark, Estimate, Part, estimate, play_parts, prepare
from sotopia_analysis.description import describe
from sotopia_analysis.published import read_published, report_published
from sotopia_analysis.reading import scores_of
from sotopia_analysis.reports import report_descriptions
from sotopia_analysis.tables import Format, counted, print_report
from sotopia_core.cli.interruption import EXIT_INTERRUPTED, run_to_end
from sotopia_core.cli.output import say, say_json
from sotopia_core.cli.progress import Progress
from sotopia_core.cli.transcript import describe_usage
from sotopia_core.database.locate import find_storage
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.lifecycle import Faults
from sotopia_core.registry import Registry
from sotopia_core.stores import Store

EXIT_COMPLETE: Final = 0
EXIT_INCOMPLETE: Final = 3


def run_benchmark(
    asked: Benchmark, *, store: str | None, form: Format, level: float, dry_run: bool, published: Path | None
) -> int:
    """Play a benchmark, print what it came to, and return the exit status."""
    figures = None if published is None else read_published(published)
    registry = Registry.discover()  # a registry of its own, which the progress display joins
    storage = find_storage(registry, store)
    opened = storage.open() if storage.exists() else None
    progress = Progress(quiet=form == "json")
    try:
        parts = prepare(asked, registry, opened, store)
        if dry_run:
            _say_plan(parts, estimate(parts, opened), storage.url, form)
            return EXIT_COMPLETE
        opened = storage.open() if opened is None else opened
        registry.register(progress, "progress")
        run_to_end(play_parts(parts, opened, registry.notifier(Faults()), _note))
        episodes = _episodes(parts, opened)
        found = describe(scores_of(episodes), level=level, mix_judges=True)
    except KeyboardInterrupt:
        _note(f"interrupted: {progress.summary()}; the same command goes on")
        return EXIT_INTERRUPTED
    finally:
        if opened is not None:
            opened.close()
    note = f"each model took both seats of the same combos; all episodes have the tag {asked.title!r}"
    report = report_descriptions(replace(found, notes=(*found.notes, note)))
    beside = () if figures is None else figures
    facts: dict[str, object] = {"tag": asked.title, "target": asked.target, "partner": asked.partner}
    facts["published"] = [one.model_dump() for one in beside]
    print_report(replace(report, facts={**report.facts, **facts}), form)
    if figures is not None and form != "json":
        say()
        print_report(report_published(figures), form)
    return EXIT_COMPLETE if all(episode.status == "scored" for episode in episodes) else EXIT_INCOMPLETE


def _episodes(parts: Sequence[Part], store: Store) -> list[EpisodeLog]:
    runs = [
        run for part in parts for run in store.find(RunRecord, {"tag": part.wiring.config.run.tag, "name": part.name})
    ]
    return [episode for run in runs for episode in store.iterate(EpisodeLog, {"run": run.pk})]


def _note(text: str) -> None:
    say(f"note: {text}", stderr=True)


def _say_plan(parts: Sequence[Part], cost: Estimate, url: str, form: Format) -> None:
    if form == "json":
        say_json(
            {
                "runs": [
                    {
                        "name": part.name,
                        "models": part.labels,
                        "combos": len(part.combos),
                        "episodes": part.episodes,
                        "begun": part.begun.pk if part.begun else None,
                        "complete": part.complete,
                    }
                    for part in parts
                ],
                "episodes": cost.episodes,
                "estimated_from": cost.known,
                "usage": cost.usage.model_dump() if cost.usage else None,
                "store": url,
            }
        )
        return
    for part in parts:
        state = "played already" if part.complete else "to be gone on with" if part.begun else "to be played"
        trials = counted(part.wiring.config.run.trials, "trial")
        say(f"{part.name}: {counted(len(part.combos), 'combo')} from {part.source}, {trials} each; {state}")
        say(f"  seats: {', '.join(part.labels)}")
    judges = {part.wiring.label(one) or type(one).__name__ for part in parts for one in part.wiring.terminal_evaluators}
    say(f"judge: {', '.join(sorted(judges))}")
    if not cost.episodes:
        say("nothing is left to play")
    elif cost.usage is None:
        say(f"{counted(cost.episodes, 'episode')}; no earlier episode with these models tells what they will take")
    else:
        took = describe_usage(cost.usage)
        why = (
            f"as {counted(cost.known, 'earlier episode')} took" if cost.known else "as some played by the stand-in take"
        )
        say(f"{counted(cost.episodes, 'episode')}, about {took}, {why}")
    say(f"store: {url}")
