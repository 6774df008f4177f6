"""Krippendorff's alpha against published examples; correlations and the bootstrap against scipy."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy", reason="the extra analysis is not installed")
stats = pytest.importorskip("scipy.stats", reason="the extra analysis is not installed")

from sotopia_analysis.alpha import krippendorff_alpha  # noqa: E402
from sotopia_analysis.bootstrap import cluster_bootstrap  # noqa: E402
from sotopia_analysis.correlation import pearson, ranks, spearman  # noqa: E402


def ratings(*raters: str):
    """Read a row of digits a rater, a dot where a rating is missing, into a row a unit."""
    return np.array([[np.nan if mark == "." else float(mark) for mark in rater] for rater in raters]).T


# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), sections C and E: four observers, twelve units.
FOUR_OBSERVERS = ratings("123321412...", "12332241 25.3".replace(" ", ""), ".333234225" + "1.", "1233244125" + "1.")
# The example of the encyclopaedia article "Krippendorff's alpha": three coders, fifteen units.
THREE_CODERS = ratings(".....34121133.3", "1.213343.......", "..2134" + "4.21133.4")


@pytest.mark.parametrize(
    ("units", "metric", "published"),
    [
        (FOUR_OBSERVERS, "nominal", 0.743),
        (FOUR_OBSERVERS, "ordinal", 0.815),
        (FOUR_OBSERVERS, "interval", 0.849),
        (THREE_CODERS, "nominal", 0.691),
        (THREE_CODERS, "interval", 0.811),
    ],
)
def test_alpha_is_what_was_published(units, metric, published):
    assert krippendorff_alpha(units, metric) == pytest.approx(published, abs=5e-4)


def test_perfect_agreement_is_1_and_what_cannot_be_told_is_none():
    assert krippendorff_alpha(ratings("1234", "1234")) == 1
    assert krippendorff_alpha(ratings("1.3.", ".2.4")) is None
    assert krippendorff_alpha(ratings("5555", "5555")) is None


def test_units_with_one_rating_do_not_count():
    more = np.vstack([FOUR_OBSERVERS, [[np.nan, 9, np.nan, np.nan]]])
    assert krippendorff_alpha(more) == pytest.approx(krippendorff_alpha(FOUR_OBSERVERS))


def test_correlations_are_those_of_scipy():
    random = np.random.default_rng(1)
    one = random.integers(0, 11, size=50).astype(float)
    other = np.round(one / 2 + random.normal(0, 2, size=50))
    assert pearson(one, other) == pytest.approx(stats.pearsonr(one, other).statistic)
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert ranks(one) == pytest.approx(stats.rankdata(one))


def test_a_correlation_with_what_never_varies_is_none_and_not_0():
    assert pearson(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.1, 0.1])) is None
    assert pearson(np.array([1.0]), np.array([2.0])) is None


def test_the_bootstrap_of_single_rows_is_scipys():
    values = np.random.default_rng(2).gamma(2, size=40)
    found = cluster_bootstrap(lambda rows: float(values[rows].mean()), np.arange(40), drawn=9_999)
    done = stats.bootstrap((values,), np.mean, method="BCa", n_resamples=9_999, rng=np.random.default_rng(1))
    assert (found.low, found.high) == pytest.approx(tuple(done.confidence_interval), abs=0.03)


def test_whole_clusters_are_drawn():
    values = np.repeat(np.random.default_rng(3).normal(size=12), 20)
    clusters = np.repeat(np.arange(12), 20)
    whole = cluster_bootstrap(lambda rows: float(values[rows].mean()), clusters)
    single = cluster_bootstrap(lambda rows: float(values[rows].mean()), np.arange(240))
    assert whole.high - whole.low > 3 * (single.high - single.low)


def test_without_three_clusters_or_a_value_there_is_no_interval():
    assert cluster_bootstrap(lambda rows: 1.0 * len(rows), np.array([0, 0, 1])) is None
    assert cluster_bootstrap(lambda rows: None, np.arange(9)) is None
    assert cluster_bootstrap(lambda rows: 1.0, np.arange(9)) is None
