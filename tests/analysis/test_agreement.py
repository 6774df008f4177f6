"""Judges held against people: joined by episode and seat, with what is missing, and refused where it cannot be so."""

from __future__ import annotations

import json

import pytest

np = pytest.importorskip("numpy", reason="the extra analysis is not installed")
pytest.importorskip("polars", reason="the extra analysis is not installed")

from sotopia_analysis import agreement, join_ratings, krippendorff_alpha, pearson, scores_of  # noqa: E402
from sotopia_core.annotations import AnnotationForEpisode  # noqa: E402
from sotopia_core.errors import InputError  # noqa: E402
from tests.analysis.played import judged, played  # noqa: E402
from tests.analysis.test_commands import ask  # noqa: E402
from tests.cli.command import SHARED, sotopia  # noqa: E402
from tests.cli.kept import keep  # noqa: E402


def annotated(episode, annotator, *goals, pk=None):
    rewards = tuple(None if goal is None else (float(goal), {"goal": float(goal)}) for goal in goals)
    return AnnotationForEpisode(
        pk=pk or f"{episode}-{annotator}", episode=episode, annotator_id=annotator, rewards=rewards
    )


PEOPLE = {"E1": [(8, 2), (7, 3)], "E2": [(5, 5), (6, 4)], "E3": [(9, 1), (9, 2)], "E4": [(4, 4), (2, 5)]}
JUDGED = {"E1": (9, 2), "E2": (5, 6), "E3": (9, 0), "E4": (3, 4)}
ANNOTATIONS = [
    annotated(pk, annotator, *goals)
    for pk, given in PEOPLE.items()
    for annotator, goals in zip("xy", given, strict=True)
]
EPISODES = [
    played(pk, ("a", "b"), [(0, first), (0, second)], scenario=f"S{pk}") for pk, (first, second) in JUDGED.items()
]


def found(annotations=ANNOTATIONS, episodes=EPISODES, **options):
    ratings = join_ratings(annotations, scores_of(episodes, apart=True) if episodes else None)
    return agreement(ratings, dimensions=["goal"], **options)


def test_people_are_held_against_each_other_and_the_judge_against_them():
    people, each, mean = found().rows
    x = np.array([goal for given in PEOPLE.values() for goal in given[0]], dtype=float)
    y = np.array([goal for given in PEOPLE.values() for goal in given[1]], dtype=float)
    judge = np.array([goal for goals in JUDGED.values() for goal in goals], dtype=float)
    assert (people.between, people.pairs, people.units) == ("people", 8, 8)
    assert people.pearson.value == pytest.approx(pearson(np.r_[x, y], np.r_[y, x]))
    assert people.squared_error.value == pytest.approx(np.mean((x - y) ** 2))
    assert people.alpha.value == pytest.approx(krippendorff_alpha(np.c_[x, y]))
    assert (each.between, each.judge, each.pairs) == ("judge and each person", "judge", 16)
    assert each.exact.value == pytest.approx(np.mean(np.r_[judge == x, judge == y]))
    assert each.within_one.value == pytest.approx(np.mean(np.r_[abs(judge - x) <= 1, abs(judge - y) <= 1]))
    assert each.alpha.value == pytest.approx(krippendorff_alpha(np.c_[x, y, judge]))
    assert (mean.between, mean.pairs) == ("judge and mean of people", 8)
    assert mean.pearson.value == pytest.approx(pearson(judge, (x + y) / 2))
    assert mean.pearson.interval.low < mean.pearson.value < mean.pearson.interval.high
    assert people.squared_error.clusters == 4


def test_any_number_of_judges_can_be_held_against_people():
    other = judged("other", [(0, 1), (0, 9)])
    episodes = [played("E1", ("a", "b"), [(0, 9), (0, 2)], scenario="S", more=[other]), *EPISODES[1:]]
    rows = found(episodes=episodes).rows
    assert [row.judge for row in rows] == [None, "judge", "judge", "other", "other"]
    assert [row.pairs for row in rows if row.judge == "other"] == [4, 2]


def test_what_the_judge_did_not_score_is_missing_and_no_0():
    silent = played("E1", ("a", "b"), ["busy", (0, 2)], scenario="S")
    done = found(episodes=[silent, *EPISODES[1:]])
    _, each, _ = done.rows
    assert (each.pairs, each.missing) == (14, 1)
    assert done.reasons == {"judge": {"Judge[Manners]: busy": 1}}


def test_without_the_episodes_people_are_held_against_each_other_alone():
    done = found(episodes=[])
    assert [row.between for row in done.rows] == ["people"]
    assert done.clustered_by == "episode"
    assert done.notes[0].startswith("4 annotated episodes are not in the store: no judge can be held against")


def test_what_one_annotator_alone_rated_agrees_with_nobody():
    people, *_ = (done := found(ANNOTATIONS[:-1])).rows
    assert people.pairs == 6
    assert "2 of 8 rated seats have one annotator, who agrees with nobody" in done.notes


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([], "there is no annotation; sotopia import TABLE.csv brings them in, sotopia annotate makes them"),
        (
            [annotated("E1", "x", 8, 2, pk="one"), annotated("E1", "x", 7, 2, pk="two")],
            "annotator 'x' contradicts themselves on episode E1: the annotations one and two differ; "
            "delete one of them",
        ),
        (
            [annotated("E1", "x", 8, 12, pk="one")],
            "annotation one of episode E1 by 'x': goal 12 is outside 0..10 (GoalDimension)",
        ),
    ],
    ids=["none", "contradiction", "out of range"],
)
def test_annotations_that_cannot_be_used_are_named(annotations, message):
    with pytest.raises(InputError) as caught:
        join_ratings(annotations, None)
    assert str(caught.value) == message


def test_the_command_prints_them_and_knows_its_options(tmp_path):
    url = keep(tmp_path, *ANNOTATIONS, *EPISODES)
    done = ask("agreement", "--store", url, "--dimension", "goal")
    assert "2 annotators, 4 episodes; intervals are clustered by scenario" in done.stdout
    rows = json.loads(ask("agreement", "--store", url, "--json").stdout)["rows"]
    assert {row["between"] for row in rows} == {"people", "judge and each person", "judge and mean of people"}
    for option, value, message in (
        ("--judge", "jugde", "no episode was judged by 'jugde'; did you mean 'judge'?"),
        ("--annotator", "z", "no annotation is by 'z'; there are x, y"),
        ("--dimension", "gaol", "nobody rated 'gaol'; did you mean 'goal'?"),
        ("--alpha", "ratio", "--alpha ratio: there is no such metric; there are nominal, ordinal, interval"),
    ):
        with pytest.raises(InputError) as caught:
            ask("agreement", "--store", url, option, value)
        assert str(caught.value) == message


def test_published_annotations_are_imported_and_described(tmp_path):
    table = SHARED / "human" / "gpt3.5_final.csv"
    if not table.exists():
        pytest.skip("the shared data are not here")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    assert "29 new records" in sotopia("import", table, "--store", url, cwd=tmp_path).stdout
    document = json.loads(ask("agreement", "--store", url, "--json").stdout)
    goal = next(row for row in document["rows"] if row["dimension"] == "goal")
    assert (document["annotators"], document["episodes"]) == (11, 14)
    assert (goal["pairs"], goal["units"]) == (32, 28)
    assert goal["pearson"] == pytest.approx(0.658, abs=5e-4)
    secret = next(row for row in document["rows"] if row["dimension"] == "secret")
    assert (secret["exact"], secret["pearson"], secret["alpha"]) == (1.0, None, None)
