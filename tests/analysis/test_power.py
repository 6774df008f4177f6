"""The size of a study: variance components that are known, and power that simulation confirms."""

from __future__ import annotations

import json

import pytest

np = pytest.importorskip("numpy", reason="the extra analysis is not installed")
pytest.importorskip("polars", reason="the extra analysis is not installed")

from sotopia_analysis import (  # noqa: E402
    Components,
    achieved_power,
    clustered_mean,
    detectable,
    scenarios_needed,
    scores_of,
    variance_components,
)
from sotopia_analysis.power import pilot  # noqa: E402
from sotopia_core.errors import InputError  # noqa: E402
from tests.analysis.played import played  # noqa: E402
from tests.analysis.test_commands import ask  # noqa: E402
from tests.cli.kept import keep  # noqa: E402


def test_variance_is_split_by_scenario():
    values = np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0])
    found = variance_components(values, np.array([0, 0, 1, 1, 2, 2]))
    assert found == Components(between=15.0, within=2.0, n=6, clusters=3)  # mean squares 32 and 2; (32 - 2) / 2


def test_components_of_many_uneven_scenarios_are_those_they_were_drawn_with():
    random = np.random.default_rng(1)
    clusters = np.repeat(np.arange(2000), random.integers(1, 6, size=2000))
    values = random.normal(0, 2, size=2000)[clusters] + random.normal(0, 1, size=len(clusters))
    found = variance_components(values, clusters)
    assert (found.between, found.within) == (pytest.approx(4, rel=0.1), pytest.approx(1, rel=0.1))


def test_simulated_studies_find_a_difference_as_often_as_was_said():
    components = Components(between=0.5, within=4.0, n=0, clusters=0)
    scenarios = scenarios_needed(components, 0.8, 3)
    random = np.random.default_rng(2)
    clusters = np.repeat(np.arange(scenarios), 3)
    found = 0
    for _ in range(600):
        values = 0.8 + random.normal(0, 0.5**0.5, scenarios)[clusters] + random.normal(0, 2, len(clusters))
        found += clustered_mean(values, clusters).low > 0
    assert found / 600 == pytest.approx(0.8, abs=0.06)


def test_what_is_needed_is_the_least_that_is_enough_and_inverts_what_is_detectable():
    components = Components(between=1.0, within=3.0, n=0, clusters=0)
    needed = scenarios_needed(components, 0.5, 2)
    assert achieved_power(components, 0.5, needed, 2) >= 0.8 > achieved_power(components, 0.5, needed - 1, 2)
    assert detectable(components, needed, 2) <= 0.5 < detectable(components, needed - 1, 2)
    assert scenarios_needed(components, 0.001, 1) is None


def episodes(scenarios=4, trials=2):
    return [
        played(f"{m}{s}{t}", (m, "p"), [(0, (s * 3 + t * k) % 11), (0, 5)], scenario=f"S{s}", trial=t)
        for s in range(scenarios)
        for t in range(trials)
        for m, k in (("a", 2), ("b", 5))
    ]


def test_a_pilot_gives_paired_differences_or_twice_one_models_variance():
    scores = scores_of(episodes())
    paired = pilot(scores, "a", "b", "goal")
    assert (paired.n, paired.clusters) == (8, 4)
    alone = pilot(scores, "a", None, "goal")
    goals = np.array([(s * 3 + t * 2) % 11 for s in range(4) for t in range(2)], dtype=float)
    own = variance_components(goals, np.repeat(np.arange(4), 2))
    assert (alone.between, alone.within) == (2 * own.between, 2 * own.within)


@pytest.mark.parametrize(
    ("pilots", "message"),
    [
        (episodes(1), "a pilot of 1 scenario does not tell how scenarios differ"),
        (episodes(4, 1), "no scenario of the pilot was played twice, so nothing tells how its episodes differ"),
    ],
)
def test_a_pilot_that_tells_too_little_says_so(pilots, message):
    with pytest.raises(InputError) as caught:
        pilot(scores_of(pilots), "a", "b", "goal")
    assert str(caught.value) == message


def test_the_command_prints_scenarios_for_each_number_of_pairs(tmp_path):
    url = keep(tmp_path, *episodes(12))
    document = json.loads(ask("power", "a", "b", "--store", url, "--json", "--difference", "1").stdout)
    assert [row["each"] for row in document["rows"]] == [1, 2, 5, 10]
    needed = [row["scenarios"] for row in document["rows"]]
    assert needed == sorted(needed, reverse=True)
    assert "variance of a difference:" in ask("power", "a", "b", "--store", url).stdout
