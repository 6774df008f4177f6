"""How long statistics take beside reading the episodes, in what memory, and how often intervals cover the truth."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.measure import KIB, MIB, Table, in_fresh_process, interleaved, median_ratio, peak_resident, resident
from sotopia_analysis.bootstrap import cluster_bootstrap
from sotopia_analysis.correlation import correlation_interval, pearson
from sotopia_analysis.description import describe
from sotopia_analysis.intervals import Codes, Interval, Numbers, clustered_mean
from sotopia_analysis.reading import read_scores
from sotopia_core.database.locate import storage_from_url
from sotopia_core.episodes import EpisodeLog, Provenance, SimpleMessage, reward_entries
from sotopia_core.evaluation import Evaluation, Judgement, Score, Scored, Unscored, aggregate
from sotopia_core.messages import ENVIRONMENT
from sotopia_core.registry import Registry
from sotopia_core.stores import Store

DIMENSIONS: Final = (
    "believability",
    "relationship",
    "knowledge",
    "secret",
    "social_rules",
    "financial_and_material_benefits",
    "goal",
)
NAMES: Final = ("Mia Davis", "Leo Park")
MODELS: Final = ("gpt-4o", "gpt-4o-mini", "claude-3-opus", "custom/llama@http://localhost:8000/v1")
SCENARIOS: Final = 90
LINE: Final = 'said: "I would rather we settle this today than leave it for next week."'
TURNS: Final = 10

Sample = tuple[Numbers, Codes, float]
"""Values, their clusters, and their true mean."""


def measure(quick: bool) -> list[Table]:
    """Measure speed and memory, and simulate how often intervals cover."""
    return [in_fresh_process(_speed, quick), in_fresh_process(_memory, quick), _means(quick), _correlations(quick)]


def episodes(count: int) -> Iterator[EpisodeLog]:
    """Yield synthetic episodes as judges score them: one in fifty has a missing score."""
    random = np.random.default_rng(0)
    turn: tuple[SimpleMessage, ...] = tuple((name, ENVIRONMENT, LINE) for name in NAMES)
    reasoning = "Turns 3 and 7 show it: the offer was repeated without pressure, and both sides kept their word."
    for number in range(count):
        values = random.integers(0, 6, size=(len(NAMES), len(DIMENSIONS))).astype(float)
        judgements: dict[str, Judgement] = {
            name: Scored(scores={d: Score(value=v, reasoning=reasoning) for d, v in zip(DIMENSIONS, row, strict=True)})
            for name, row in zip(NAMES, values.tolist(), strict=True)
        }
        if number % 50 == 0:
            judgements[NAMES[0]] = Unscored(reason="the judge gave no usable answer")
        evaluation = Evaluation(
            evaluator="ReachGoalLLMEvaluator[SotopiaDimensions]",
            dimension_set="SotopiaDimensions",
            digest="0" * 16,
            dimensions=dict.fromkeys(DIMENSIONS),
            model="gpt-4",
            judgements=judgements,
        )
        outcome = aggregate((evaluation,), NAMES)
        yield EpisodeLog(
            pk=f"{number:026}",
            environment=f"SCENARIO-{number % SCENARIOS}",
            agents=("AGENT-Mia", "AGENT-Leo"),
            agent_names=NAMES,
            tag="synthetic",
            models=("gpt-4", MODELS[number % 4], MODELS[number // 4 % 4]),
            run="RUN",
            trial=number // 1440,
            status="unscored" if number % 50 == 0 else "scored",
            verbatim_messages=(turn,) * TURNS,
            evaluations=(evaluation,),
            outcome=outcome,
            rewards=reward_entries(NAMES, outcome),
            provenance=Provenance(fingerprint="0" * 16, seed=0),
        )


def _filled(folder: str, count: int) -> Store:
    store = storage_from_url(Registry.installed(), f"sqlite:///{Path(folder) / 'store.db'}").open()
    store.put_many(episodes(count))
    return store


def _speed(quick: bool) -> Table:
    count, rounds = (3_000, 2) if quick else (100_000, 3)
    with tempfile.TemporaryDirectory() as folder, _filled(folder, count) as store:
        size = (Path(folder) / "store.db").stat().st_size / count / 1e3
        costs = interleaved(
            {
                "reading": lambda: _cpu(lambda: sum(1 for _ in store.iterate(EpisodeLog))),
                "stats": lambda: _cpu(lambda: describe(read_scores(store))),
                "by four factors": lambda: _cpu(
                    lambda: describe(read_scores(store), ["seat", "partner", "scenario", "judge"])
                ),
            },
            rounds,
        )
    rows = tuple(
        (
            what,
            min(spent),
            1e6 * min(spent) / count,
            median_ratio(spent, costs["reading"]),
            "<= 3" if what == "stats" else "",
        )
        for what, spent in costs.items()
    )
    method = (
        f"{count:,} synthetic episodes of {size:.1f} KB in SQLite, two seats and seven dimensions each; CPU time,\n"
        f"{rounds} interleaved rounds, the best, and the median ratio to reading them all with store.iterate."
    )
    return Table("analysis: speed", method, ("what", "CPU s", "us an episode", "ratio", "target"), rows)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _memory(quick: bool) -> Table:
    counts = (1_000, 3_000) if quick else (20_000, 100_000)
    found = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            _filled(folder, count).close()
            found.append((in_fresh_process(_reading_at_most, folder), *in_fresh_process(_stats_at_most, folder)))
    rows = [(f"{count:,}", *(size / MIB for size in sizes), "", "") for count, sizes in zip(counts, found, strict=True)]
    fewer, more = found
    reading, stats, table = ((more[at] - fewer[at]) / (counts[1] - counts[0]) / KIB for at in range(3))
    rows.append(("growth, KiB an episode", reading, stats, table, f"{(stats - reading) / table:.2f}", "<= 1.3"))
    method = (
        "The most memory, in MiB, that reading all episodes with store.iterate, and `stats`, take beyond what the\n"
        "process held before, and the size of the table of scores; and by how much more stats grow, beside that."
    )
    return Table("analysis: memory", method, ("episodes", "reading", "stats", "table", "ratio", "target"), tuple(rows))


def _reading_at_most(folder: str) -> int:
    with _opened(folder) as store:
        before = resident()
        for _ in store.iterate(EpisodeLog):
            pass
        return peak_resident() - before


def _stats_at_most(folder: str) -> tuple[int, int]:
    with _opened(folder) as store:
        before = resident()
        scores = read_scores(store)
        describe(scores)
        return peak_resident() - before, int(scores.frame.estimated_size())


def _opened(folder: str) -> Store:
    """Open a store, with whatever is loaded at the first use of it."""
    store = storage_from_url(Registry.installed(), f"sqlite:///{Path(folder) / 'store.db'}").open()
    describe(read_scores(store, where={"pk": f"{0:026}"}))
    return store


def _normal(random: np.random.Generator, scenarios: int) -> Sample:
    clusters = np.repeat(np.arange(scenarios), 4)
    return random.normal(size=scenarios)[clusters] + random.normal(size=len(clusters)), clusters, 0.0


def _goal(random: np.random.Generator, scenarios: int) -> Sample:
    clusters = np.repeat(np.arange(scenarios), 10)
    difficulty = random.beta(4, 2, size=scenarios)
    return random.binomial(10, difficulty[clusters]).astype(float), clusters, 10 * 4 / 6


def _uneven(random: np.random.Generator, scenarios: int) -> Sample:
    clusters = np.repeat(np.arange(scenarios), random.integers(1, 20, size=scenarios))
    difficulty = random.beta(4, 2, size=scenarios)
    return random.binomial(10, difficulty[clusters]).astype(float), clusters, 10 * 4 / 6


def _difference(random: np.random.Generator, scenarios: int) -> Sample:
    clusters = np.repeat(np.arange(scenarios), 5)
    effect = random.normal(0.5, 0.5, size=scenarios)
    return np.round(effect[clusters] + random.standard_t(4, size=len(clusters)) * 2), clusters, 0.5


def _rare(random: np.random.Generator, scenarios: int) -> Sample:
    clusters = np.repeat(np.arange(scenarios), 10)
    leaks = random.random(len(clusters)) < 0.03
    return np.where(leaks, -random.integers(1, 11, size=len(clusters)), 0).astype(float), clusters, -0.03 * 5.5


SAMPLES: Final[dict[str, Callable[[np.random.Generator, int], Sample]]] = {
    "normal, alike within a scenario": _normal,
    "goal: whole, 0 to 10, skewed": _goal,
    "goal, scenarios played 1 to 19 times": _uneven,
    "paired differences, heavy tails": _difference,
    "secret: 97 in 100 are 0": _rare,
}


def _means(quick: bool) -> Table:
    times = 300 if quick else 5_000
    rows = []
    for scenarios, target in ((90, "93 to 97"), (14, "92 to 98")):
        for what, draw in SAMPLES.items():
            random = np.random.default_rng(scenarios)
            with_clusters = without = 0
            for _ in range(times):
                values, clusters, mean = draw(random, scenarios)
                with_clusters += _covers(clustered_mean(values, clusters), mean)
                without += _covers(clustered_mean(values, np.arange(len(values))), mean)
            wanted = target if draw is not _rare else "none"
            rows.append((what, scenarios, 100 * with_clusters / times, wanted, 100 * without / times))
    method = f"95% intervals of {times:,} simulated studies; the share, in per cent, that covers the true mean."
    columns = ("scores", "scenarios", "clustered", "target", "not clustered")
    return Table("analysis: coverage of means", method, columns, tuple(rows))


def _covers(found: object, truth: float) -> bool:
    low, high = getattr(found, "low", None), getattr(found, "high", None)
    return low is not None and high is not None and bool(low <= truth <= high)


def _correlations(quick: bool) -> Table:
    times, drawn = (60, 200) if quick else (1_000, 500)
    truth = pearson(*_pair(np.random.default_rng(99), 100_000)[:2])
    assert truth is not None
    rows = []
    for scenarios in (90, 14):
        random = np.random.default_rng(scenarios)
        by_jackknife = by_bootstrap = 0
        for _ in range(times):
            one, other, clusters = _pair(random, scenarios)
            by_jackknife += _covers(correlation_interval(pearson, one, other, clusters), truth)
            by_bootstrap += _covers(_drawn(one, other, clusters, drawn), truth)
        rows.append((scenarios, 100 * by_jackknife / times, 100 * by_bootstrap / times))
    method = (
        f"95% intervals of {times:,} simulated judges, two seats a scenario; the share, in per cent, that covers the "
        f"true correlation, {truth:.2f}."
    )
    return Table("analysis: coverage of correlations", method, ("scenarios", "leaving out", "bootstrap"), tuple(rows))


def _drawn(one: Numbers, other: Numbers, clusters: Codes, drawn: int) -> Interval | None:
    return cluster_bootstrap(lambda rows: pearson(one[rows], other[rows]), clusters, drawn=drawn)


def _pair(random: np.random.Generator, scenarios: int) -> tuple[Numbers, Numbers, Codes]:
    """Draw what a judge and a person make of the same seats: whole scores that share what they are about."""
    clusters = np.repeat(np.arange(scenarios), 2)
    quality = random.normal(size=scenarios)[clusters] * 0.7 + random.normal(size=len(clusters)) * 0.7
    raters = [np.clip(np.round(6 + 2.5 * (quality + random.normal(size=len(clusters)) * 0.8)), 0, 10) for _ in "ab"]
    return raters[0], raters[1], clusters
