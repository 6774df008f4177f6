"""What ``sotopia resume`` does: finds the run, looks at what changed since, plays the rest, and tells how it went."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from sotopia_core.cli.events import log_events
from sotopia_core.cli.interruption import run_to_end
from sotopia_core.cli.loading import load_modules
from sotopia_core.cli.playing import exit_status, note, report, say_ended, say_stopped, watched
from sotopia_core.cli.progress import Progress
from sotopia_core.cli.stores import find_to_read
from sotopia_core.engine.resuming import find_run, installed_for, restore_run
from sotopia_core.engine.run import UNFINISHED, Unfinished, resume_run
from sotopia_core.errors import InputError, RunCancelledError, SotopiaError, nearest
from sotopia_core.lifecycle import Faults


def go_on(
    name: str,
    only: Sequence[str],
    *,
    accept_changes: bool,
    store: str | None,
    as_json: bool,
    modules: Sequence[Path] = (),
    events: Path | None = None,
) -> int:
    """Go on with a run and print what came of it; returns the exit status.

    ``modules`` are Python files whose components the run may use; ``events`` is a file to log events in.
    """
    chosen = _chosen(only)
    storage = find_to_read(store)
    progress, faults = Progress(quiet=as_json), Faults()
    with storage.open() as opened:
        record = find_run(opened, name)
        registry = installed_for(record)
        load_modules(modules, registry)
        run = restore_run(opened, record, registry)
        if not accept_changes:
            run.check_unchanged("--accept-changes")
        registry.register(progress, "progress")
        try:
            with log_events(events, registry):
                notifier = registry.notifier(faults)
                resumed = resume_run(record, run.wiring, run.combos, opened, notifier, chosen, say=note)
                result = run_to_end(watched(resumed, registry))
        except (KeyboardInterrupt, RunCancelledError) as end:
            return say_ended(end, progress, store, kept=True)
        except SotopiaError:
            say_stopped(progress, store)
            raise
    report(result, run.combos, storage, store, as_json)
    return exit_status(result, faults)


def _chosen(only: Sequence[str]) -> Collection[Unfinished]:
    """Return what ``--only`` names; ``InputError`` where it names something else."""
    chosen: list[Unfinished] = []
    for word in only:
        match = [one for one in UNFINISHED if one == word]
        if not match:
            there = f"; there are {', '.join(UNFINISHED)}"
            raise InputError(f"--only {word}: nothing is called so{nearest(word, UNFINISHED) or there}")
        chosen += match
    return chosen or UNFINISHED
