"""How a stored run stands: how far it is, whether somebody plays it, and how to have it end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sotopia_core.engine.lease import is_played
from sotopia_core.engine.run import stored_statuses
from sotopia_core.episodes import EpisodeStatus, RunRecord, RunStatus
from sotopia_core.stores import Store

State = RunStatus | Literal["died"]
"""A run's status; ``died`` is one that says it is running, and that no process plays."""

NOT_OVER: Final = ("running", "cancelling")


@dataclass(frozen=True)
class Standing:
    """A run as it stands now: its state, and how many of its episodes came to what."""

    run: RunRecord
    state: State
    counts: Mapping[EpisodeStatus, int]

    @property
    def missing(self) -> int:
        """How many episodes were not played to their end yet."""
        return max(0, self.run.planned - sum(self.counts.values()))

    @property
    def incomplete(self) -> int:
        """How many episodes sotopia resume would have something to do for."""
        return self.missing + self.counts.get("failed", 0) + self.counts.get("unscored", 0)


def standing_of(store: Store, run: RunRecord) -> Standing:
    """Find out how a run stands, out of the store's indexes alone."""
    counts = Counter(stored_statuses(store, run.pk).values())
    state: State = run.status
    if run.status in NOT_OVER and not is_played(store, run):
        state = "died" if run.status == "running" else "cancelled"
    return Standing(run, state, counts)


def ask_to_end(store: Store, run: RunRecord) -> State:
    """Have a run end, and return the state that it is in then: ``cancelling`` where a process plays it.

    That process hears of it within seconds, keeps what is durable, and ends. A run that is over stays as it is.
    """
    if run.status not in NOT_OVER:
        return run.status
    status: RunStatus = "cancelling" if is_played(store, run) else "cancelled"
    cause = None if status == "cancelling" else "cancelled by sotopia runs cancel"
    store.put(run.model_copy(update={"status": status, "cause": cause}))
    return status


def prune(store: Store, run: RunRecord, *, all_of_it: bool) -> int:
    """Drop the journals of a run's complete episodes, or of all; returns how many entries there were.

    What is dropped cannot be replayed, and an incomplete episode without its journal begins anew on resume.
    """
    statuses = stored_statuses(store, run.pk)
    complete = [pk for pk, status in statuses.items() if all_of_it or status in ("scored", "unjudged")]
    return store.drop_journals(complete)
