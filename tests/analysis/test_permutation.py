"""Sign flips against scipy's permutation test, and Holm's correction by hand."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy", reason="the extra analysis is not installed")
stats = pytest.importorskip("scipy.stats", reason="the extra analysis is not installed")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from sotopia_analysis.permutation import DRAWN, holm, sign_flip_test  # noqa: E402


def scipys(sums, resamples):
    done = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=resamples, random_state=np.random.default_rng(3)
    )
    return done.pvalue


@pytest.mark.parametrize("seed", range(4))
def test_with_few_clusters_it_is_exact_as_scipy_is(seed):
    random = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(9), random.integers(1, 5, size=9))
    differences = random.integers(-3, 5, size=len(clusters)).astype(float)
    found = sign_flip_test(differences, clusters)
    assert found.exact
    assert found.flips == 2**9
    assert found.p == pytest.approx(scipys(np.bincount(clusters, weights=differences), np.inf))


def test_with_many_clusters_it_is_drawn_and_close_to_what_scipy_draws():
    differences = np.random.default_rng(5).normal(0.25, 1, size=40)
    found = sign_flip_test(differences, np.arange(40))
    assert not found.exact
    assert found.flips == DRAWN
    assert found.p == pytest.approx(scipys(differences, 20_000), abs=0.015)


def test_the_same_seed_gives_the_same_p():
    differences = np.random.default_rng(6).normal(size=30)
    assert sign_flip_test(differences, np.arange(30), seed=1) == sign_flip_test(differences, np.arange(30), seed=1)


def test_what_was_drawn_never_gives_a_p_of_0():
    assert sign_flip_test(np.full(60, 5.0), np.arange(60)).p == pytest.approx(1 / (DRAWN + 1))


def test_whole_clusters_are_flipped():
    one_scenario = sign_flip_test(np.ones(50), np.zeros(50, dtype=np.int64))
    assert (one_scenario.p, one_scenario.flips) == (1.0, 2)


def test_without_differences_there_is_nothing_to_test():
    with pytest.raises(ValueError, match="there are no differences to test"):
        sign_flip_test(np.array([]), np.array([], dtype=np.int64))


def test_under_the_hypothesis_p_is_below_5_per_cent_in_5_per_cent():
    random = np.random.default_rng(7)
    ps = [sign_flip_test(random.normal(size=10), np.arange(10)).p for _ in range(1000)]
    assert 0.03 < np.mean(np.array(ps) <= 0.05) < 0.07


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_keeps_the_order_and_never_lowers_a_p(ps):
    corrected = holm(ps)
    assert all(p <= c <= 1 for p, c in zip(ps, corrected, strict=True))
    assert all(corrected[i] <= corrected[j] for i, p in enumerate(ps) for j, q in enumerate(ps) if p <= q)
