"""What ``sotopia runs`` prints and does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sotopia_core.cli.layout import facts
from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.cli.playing import how_to_resume
from sotopia_core.cli.stores import open_to_read
from sotopia_core.cli.transcript import describe_usage, moment
from sotopia_core.engine.resuming import find_run
from sotopia_core.engine.standing import NOT_OVER, Standing, ask_to_end, prune, standing_of
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.models import Usage
from sotopia_core.stores import Order, Store

SECONDS_TO_CANCEL: Final = 12.0
"""How long ``sotopia runs cancel`` waits for the process that plays the run."""

STATUSES: Final = ("scored", "unscored", "unjudged", "failed")


def say_runs(url: str | None, limit: int | None, *, as_json: bool) -> None:
    """Print the runs of a store, the latest last."""
    opened, where = open_to_read(url)
    with opened:
        latest = opened.find(RunRecord, order=Order("started_at", descending=True), limit=limit)
        standings = [standing_of(opened, run) for run in reversed(latest)]
    if as_json:
        say_json([_document(standing) for standing in standings])
    elif not standings:
        say(f"no runs in {where}", stderr=True)
    else:
        rows = [
            (s.run.pk, s.run.name, s.run.tag, s.state, _episodes(s), moment(s.run.started_at)[:16]) for s in standings
        ]
        say_table(("pk", "name", "tag", "state", "episodes", "started (UTC)"), rows)


def say_run(name: str, url: str | None, *, as_json: bool) -> None:
    """Print how far a run is."""
    with _found(name, url) as (store, run):
        standing = standing_of(store, run)
        usage = _usage(store, run)
    if as_json:
        taken = {role: one.model_dump(mode="json") for role, one in usage.items()}
        say_json(_document(standing) | {"usage": taken})
        return
    pairs = [
        ("name", run.name),
        ("tag", run.tag),
        ("state", standing.state),
        ("cause", run.cause or ""),
        ("episodes", _episodes(standing)),
        ("played by", str(run.owner) if run.owner and standing.state in NOT_OVER else ""),
        ("started", f"{moment(run.started_at)} UTC"),
        ("ended", f"{moment(run.finished_at)} UTC" if run.finished_at else ""),
        ("usage", "\n".join(f"{role}: {describe_usage(one)}" for role, one in usage.items())),
    ]
    say(f"Run {run.pk}\n{facts(pairs)}")
    if standing.incomplete and standing.state not in NOT_OVER:
        say(f"{standing.incomplete} incomplete{how_to_resume(run, url)}")


def cancel_run(name: str, url: str | None, *, as_json: bool) -> None:
    """Have a run end, wait a while for it, and print the state that it is in then."""
    with _found(name, url) as (store, run):
        before = run.status
        state = ask_to_end(store, run)
        deadline = time.monotonic() + SECONDS_TO_CANCEL
        while state == "cancelling" and time.monotonic() < deadline:
            time.sleep(0.2)
            state = standing_of(store, find_run(store, run.pk)).state
    if as_json:
        say_json({"run": run.pk, "state": state})
    elif before not in NOT_OVER:
        say(f"run {run.pk} was over before: {state}")
    elif state == "cancelling":
        say(f"run {run.pk} was asked to end; the process that plays it has not answered yet")
    else:
        say(f"run {run.pk} is {state}{how_to_resume(run, url)}")


def prune_run(name: str, url: str | None, *, everything: bool, as_json: bool) -> None:
    """Drop journals of a run, and print how many entries they held."""
    with _found(name, url) as (store, run):
        dropped = prune(store, run, all_of_it=everything)
    if as_json:
        say_json({"run": run.pk, "entries": dropped})
    else:
        say(f"run {run.pk}: {dropped} journal entries dropped")


@contextmanager
def _found(name: str, url: str | None) -> Iterator[tuple[Store, RunRecord]]:
    opened, _ = open_to_read(url)
    with opened:
        yield opened, find_run(opened, name)


def _usage(store: Store, run: RunRecord) -> dict[str, Usage]:
    """Return what a run took by now: as its record says once it is over, and else of what its episodes say."""
    if run.status == "finished":
        return dict(run.usage)
    usage: dict[str, Usage] = {}
    for episode in store.iterate(EpisodeLog, {"run": run.pk}):
        for role, one in episode.usage.items():
            kind = "agents" if role in episode.agent_names else role
            usage[kind] = usage.get(kind, Usage()) + one
    return usage


def _episodes(standing: Standing) -> str:
    parts = [f"{standing.counts[status]} {status}" for status in STATUSES if standing.counts.get(status)]
    return f"{', '.join(parts) or 'none'} of {standing.run.planned}"


def _document(standing: Standing) -> dict[str, Any]:
    run = standing.run
    return {
        "run": run.pk,
        "name": run.name,
        "tag": run.tag,
        "state": standing.state,
        "cause": run.cause,
        "planned": run.planned,
        "episodes": {status: standing.counts.get(status, 0) for status in STATUSES},
        "missing": standing.missing,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }
