"""Means with intervals by cluster, against scipy and against the definition of CR2."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy", reason="the extra analysis is not installed")
stats = pytest.importorskip("scipy.stats", reason="the extra analysis is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from sotopia_analysis.intervals import clustered_mean  # noqa: E402

SCORES = st.floats(-10, 10, allow_nan=False).map(lambda value: round(value, 3))


def by_definition(values, clusters):
    """CR2 and its degrees of freedom for a mean, with the matrices of Bell and McCaffrey."""
    n = len(values)
    hat = np.ones((n, n)) / n
    residuals = values - values.mean()
    variance, columns = 0.0, []
    for cluster in np.unique(clusters):
        own = clusters == cluster
        roots, vectors = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        adjustment = vectors @ np.diag(roots**-0.5) @ vectors.T
        variance += (np.ones(own.sum()) @ adjustment @ residuals[own]) ** 2 / n**2
        columns.append((np.eye(n) - hat)[:, own] @ adjustment @ np.ones(own.sum()) / n)
    products = np.array(columns) @ np.array(columns).T
    return variance**0.5, np.trace(products) ** 2 / np.sum(products**2)


def test_without_clusters_it_is_the_t_interval_of_scipy():
    values = np.random.default_rng(1).normal(size=30)
    found = clustered_mean(values, np.arange(30))
    low, high = stats.t.interval(0.95, 29, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.n, found.clusters, found.freedom) == (30, 30, pytest.approx(29))


def test_with_clusters_of_one_size_it_is_the_t_interval_over_their_means():
    values = np.random.default_rng(2).normal(size=(12, 5))
    found = clustered_mean(values.ravel(), np.repeat(np.arange(12), 5), 0.9)
    means = values.mean(axis=1)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.9, 11, means.mean(), stats.sem(means)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(SCORES, min_size=1, max_size=6), min_size=2, max_size=7))
def test_error_and_freedom_are_those_of_the_definition(groups):
    values = np.array([value for group in groups for value in group])
    clusters = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    found = clustered_mean(values, clusters)
    error, freedom = by_definition(values, clusters)
    if found.error is None:
        assert error == pytest.approx(0, abs=1e-9)
        return
    assert found.error == pytest.approx(error, abs=1e-9)
    assert found.freedom == pytest.approx(freedom)


def test_any_whole_numbers_name_the_clusters():
    values = np.arange(6.0) ** 2
    found = clustered_mean(values, np.array([0, 0, 1, 2, 2, 3]))
    for named in ([-9, -9, 0, 5, 5, 10**15], [1, 1, 3, 5, 5, 6], [7, 7, 8, 90, 90, 91]):
        assert clustered_mean(values, np.array(named)) == found


@pytest.mark.parametrize(
    ("values", "clusters", "value", "n"),
    [
        ([], [], None, 0),
        ([3.0, 5.0], [7, 7], 4.0, 2),
        ([4.0, 4.0, 4.0], [1, 2, 3], 4.0, 3),
        ([0.1, 0.3, 0.3, 0.1], [1, 1, 2, 2], 0.2, 4),
    ],
    ids=["no value", "one cluster", "no spread", "no spread between clusters"],
)
def test_where_nothing_tells_how_far_off_it_is_a_mean_has_no_interval(values, clusters, value, n):
    found = clustered_mean(np.array(values), np.array(clusters, dtype=np.int64))
    assert (found.value, found.n) == (None if value is None else pytest.approx(value), n)
    assert found.low is found.high is found.error is found.freedom is None


def test_a_missing_score_is_no_value():
    with pytest.raises(ValueError, match="leave missing scores out, and count them"):
        clustered_mean(np.array([1.0, np.nan]), np.array([1, 2]))


def scores(random, scenarios, sizes):
    """Draw scores as judges give them: whole, from 0 to 10, skewed, alike within a scenario; their mean is known."""
    difficulty = random.beta(4, 2, size=scenarios)
    clusters = np.repeat(np.arange(scenarios), sizes)
    return random.binomial(10, difficulty[clusters]).astype(float), clusters, 10 * 4 / 6


@pytest.mark.parametrize(
    ("scenarios", "low", "high"), [(90, 0.925, 0.975), (14, 0.92, 0.98)], ids=["90 scenarios", "14 scenarios"]
)
@pytest.mark.parametrize("even", [True, False], ids=["as often each", "unevenly"])
def test_intervals_cover_what_they_claim(scenarios, low, high, even):
    """95% intervals, 1,000 times: the share has a standard error of 0.7%; benchmarks/analysis.py takes it further."""
    random = np.random.default_rng(scenarios)
    times = 1000
    covered = 0
    for _ in range(times):
        sizes = np.full(scenarios, 4) if even else random.integers(1, 8, size=scenarios)
        values, clusters, mean = scores(random, scenarios, sizes)
        found = clustered_mean(values, clusters)
        covered += found.low <= mean <= found.high
    assert low <= covered / times <= high
