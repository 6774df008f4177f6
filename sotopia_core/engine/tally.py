"""Running totals of a run: how many episodes came out how, and the mean of each dimension with what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sotopia_core.agreement import Agreement, agreements
from sotopia_core.engine.spending import Accounts, Ledger
from sotopia_core.episodes import EpisodeLog, EpisodeStatus
from sotopia_core.evaluation import OVERALL


@dataclass(slots=True)
class Mean:
    """A mean over the scores that are there, with the count of those that are not; ``value`` is None without any."""

    total: float = 0.0
    n: int = 0
    missing: int = 0

    def add(self, score: float | None) -> None:
        """Take in one score; None counts as missing and changes no mean."""
        if score is None:
            self.missing += 1
        else:
            self.total += score
            self.n += 1

    @property
    def value(self) -> float | None:
        """The mean."""
        return self.total / self.n if self.n else None


@dataclass
class Tally:
    """What a run has come to so far, in memory that does not grow with the number of episodes.

    ``scores`` maps (model, dimension set's digest) to dimensions and their means over all seats that the model took;
    an episode that failed, or was not scored, counts as missing in each dimension. ``agreement`` says how far
    evaluators agree on each dimension that several of them score.
    """

    dimensions: tuple[str, ...] = ()
    counts: Counter[EpisodeStatus] = field(default_factory=Counter)
    scores: dict[str, dict[str, Mean]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    usage: Accounts = field(default_factory=Accounts)
    spending: Ledger = field(default_factory=Ledger)
    agreement: dict[str, Agreement] = field(default_factory=dict)

    def add(self, episode: EpisodeLog) -> None:
        """Take in one finished episode."""
        self.counts[episode.status] += 1
        for role, usage in episode.usage.items():
            kind = "agents" if role in episode.agent_names else role
            self.usage[kind].add(usage)
        self.spending.add_all(episode.spending)
        for turn in episode.turns:
            for why in turn.stood_in.values():
                self.reasons[f"taken as doing nothing: {why}"] += 1
        for dimension, agreement in agreements(episode.evaluations).items():
            self.agreement[dimension] = self.agreement.get(dimension, Agreement()) + agreement
        if episode.cause:
            self.reasons[f"failed: {episode.cause}"] += 1
        for name, model in zip(episode.agent_names, episode.models[1:], strict=True):
            reward = episode.outcome.get(name)
            means = self.scores.setdefault(model, {})
            for dimension in self.dimensions:
                score = reward.scores.get(dimension) if reward else None
                means.setdefault(dimension, Mean()).add(score)
            if self.dimensions:
                means.setdefault(OVERALL, Mean()).add(reward.overall if reward else None)
            for reason in reward.reasons if reward else ():
                self.reasons[reason] += 1

    def rows(self) -> Iterator[tuple[str, dict[str, Mean]]]:
        """Yield each model with its means, sorted by name."""
        yield from sorted(self.scores.items())

    @property
    def incomplete(self) -> int:
        """How many episodes are unscored or failed."""
        return self.counts["unscored"] + self.counts["failed"]
