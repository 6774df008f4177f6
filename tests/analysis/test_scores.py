"""From episodes to the table of scores: what is there, what is missing and why, and what may be averaged."""

from __future__ import annotations

from dataclasses import replace

import pytest

pl = pytest.importorskip("polars", reason="the extra analysis is not installed")

from sotopia_analysis import describe, read_scores, reading, scores_of  # noqa: E402
from sotopia_core.database.files import read_records  # noqa: E402
from sotopia_core.database.locate import storage_from_url  # noqa: E402
from sotopia_core.episodes import Provenance, Rescoring, reward_entries  # noqa: E402
from sotopia_core.errors import InputError  # noqa: E402
from sotopia_core.evaluation import OVERALL, Evaluation, Score, Scored, aggregate  # noqa: E402
from sotopia_core.registry import Registry  # noqa: E402
from tests.analysis.played import judged, logged, played  # noqa: E402
from tests.cli.command import SHARED  # noqa: E402


def column(scores, name):
    return scores.frame[name].to_list()


@pytest.fixture
def store():
    with storage_from_url(Registry.installed(), "memory://").open() as opened:
        yield opened


def test_there_is_a_row_for_each_seat():
    scores = scores_of([played("E1", ("a", "b"), [(1, 8), (2, 4)], tag="pilot", trial=3, run="R")])
    assert column(scores, "model") == ["a", "b"]
    assert column(scores, "partner") == ["b", "a"]
    assert column(scores, "score:goal") == [8.0, 4.0]
    assert column(scores, "score:overall_score") == [4.5, 3.0]
    assert column(scores, "trial") == [3, 3]
    assert scores.dimensions == ("tact", "goal", OVERALL)
    assert (scores.models, scores.judges) == (("a", "b"), ("judge",))


@pytest.mark.parametrize(
    ("episode", "reason"),
    [
        (played("E", ("a", "b"), ["no answer", "no answer"]), "Judge[Manners]: no answer"),
        (played("E", ("a", "b"), None, status="failed", cause="timeout"), "the episode failed: timeout"),
        (played("E", ("a", "b"), None), "nobody was asked to judge"),
        (logged("E", ("j", "a", "b"), (None, None), status="unscored"), "the log gives no score"),
    ],
    ids=["unscored", "failed", "unjudged", "log"],
)
def test_what_is_missing_is_null_and_says_why(episode, reason):
    scores = scores_of([episode, played("F", ("a", "b"), [(1, 8), (2, 4)])])
    assert column(scores, "score:goal") == [None, None, 8.0, 4.0]
    assert column(scores, "reason") == [reason, reason, None, None]
    found = {
        (row.group["model"], row.dimension): row for row in describe(scores, mix_judges=True, mix_dimensions=True).rows
    }
    assert found["a", "goal"].missing == 1
    assert found["a", "goal"].estimate.value == 8.0
    assert found["a", "goal"].reasons == {reason: 1}


def test_a_bare_0_in_a_log_of_sotopia_is_a_missing_score(tmp_path, store):
    scored = '[3.0, {"goal": 3.0, "overall_score": 3.0}]'
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(
            f'{{"pk": "E{n}", "environment": "S", "agents": ["A0", "A1"], "models": ["gpt-4", "x", "y"], "tag": "",'
            f' "messages": [], "reasoning": "", "rewards": {rewards}, "rewards_prompt": ""}}\n'
            for n, rewards in enumerate([f"[{scored}, {scored}]", "[0.0, 0.0]", f"[{scored}, 0.0]"])
        ),
        encoding="utf-8",
    )
    store.put_many(read.record for read in read_records(path))
    rows = {(row.group["model"], row.dimension): row for row in describe(read_scores(store)).rows}
    goal = rows["y", "goal"]
    assert (goal.estimate.value, goal.estimate.n, goal.missing) == (3.0, 1, 2)
    assert list(goal.reasons) == ["the log has 0.0 in its place, by which Sotopia marks that scoring failed"]
    assert (rows["x", "goal"].estimate.n, rows["x", "goal"].missing) == (2, 1)


def test_models_at_other_addresses_are_other_models():
    one, other = "custom/llama@http://one:8000/v1", "custom/llama@http://other:8000/v1"
    scores = scores_of([played("E1", (one, other), [(1, 8), (2, 4)])])
    assert scores.models == (one, other)


def test_judges_are_averaged_as_the_episode_was_or_kept_apart():
    episode = played("E1", ("a", "b"), [(1, 8), (2, 4)], judge="x", more=[judged("y", [(3, 6), "busy"])])
    together = scores_of([episode])
    assert together.judges == ("x + y",)
    assert column(together, "score:goal") == [7.0, None]
    apart = scores_of([episode], apart=True)
    assert apart.judges == ("x", "y")
    assert column(apart.by_judge("x"), "score:goal") == [8.0, 4.0]
    assert column(apart.by_judge("y"), "score:goal") == [6.0, None]


def test_what_was_judged_again_stands_beside_what_was_judged_first(store):
    again = judged("later", [(2, 2), "busy"], digest="b" * 16)
    same = judged("judge", [(9, 9), (9, 9)])
    store.put(played("E1", ("a", "b"), [(1, 8), (2, 4)]))
    store.put_many(rescoring(f"R{n}", one) for n, one in enumerate((again, same)))
    apart = read_scores(store, apart=True)
    assert apart.judges == ("judge", "judge (rescored)", "later")
    assert column(apart.by_judge("later"), "score:goal") == [2.0, None]
    assert column(apart.by_judge("judge"), "score:goal") == [8.0, 4.0]
    assert read_scores(store).judges == ("judge",)


def rescoring(pk, evaluation):
    outcome = aggregate((evaluation,), ("agent 0", "agent 1"))
    return Rescoring(
        pk=pk,
        episode="E1",
        status="unscored",
        evaluations=(evaluation,),
        outcome=outcome,
        rewards=reward_entries(("agent 0", "agent 1"), outcome),
        provenance=Provenance(fingerprint="f", seed=0),
        judged_at="2025-01-01T00:00:00.000+00:00",
    )


def test_what_failed_is_missing_for_every_judge():
    failed = played("E2", ("a", "b"), None, status="failed", cause="timeout")
    unjudged = played("E3", ("a", "b"), None)
    scores = scores_of([played("E1", ("a", "b"), [(1, 8), (2, 4)]), failed, unjudged], apart=True).by_judge("judge")
    assert column(scores, "reason") == [None, None, "the episode failed: timeout", "the episode failed: timeout"]


def test_different_dimension_sets_are_not_averaged_unless_allowed():
    other = played("E2", ("a", "b"), None, evaluations=(judged("judge", [(5, 5), (5, 5)], digest="b" * 16),))
    other = other.model_copy(update={"outcome": aggregate(other.evaluations, other.agent_names), "status": "scored"})
    scores = scores_of([played("E1", ("a", "b"), [(1, 8), (2, 4)]), other])
    with pytest.raises(
        InputError, match=r"2 dimension sets and cannot be averaged: 2 seats on Manners \(aaaaaaaaaaaaaaaa\), 2 "
    ):
        describe(scores)
    assert describe(scores, mix_dimensions=True).rows[0].estimate.n == 2
    assert describe(scores.on_set("b" * 16)).rows[0].estimate.n == 1


def test_different_judges_are_not_averaged_unless_allowed():
    scores = scores_of([played(f"E{n}", ("a", "b"), [(1, 8), (2, 4)], judge=by) for n, by in enumerate(("x", "y"))])
    with pytest.raises(
        InputError, match="by 2 judges and cannot be averaged: 2 seats by x, 2 seats by y; choose one with"
    ):
        describe(scores)
    assert describe(scores, mix_judges=True).rows[0].estimate.n == 2
    assert {row.group["judge"] for row in describe(scores, ["judge"]).rows} == {"x", "y"}


def test_a_dimension_that_was_not_asked_for_is_not_missing():
    alone = Evaluation(
        evaluator="Goal",
        dimension_set="GoalDimension",
        digest="c" * 16,
        dimensions={"goal": None},
        model="judge",
        judgements={f"agent {seat}": Scored(scores={"goal": Score(value=5.0)}) for seat in (0, 1)},
    )
    narrow = played("E2", ("a", "b"), None, evaluations=(alone,), status="scored")
    narrow = narrow.model_copy(update={"outcome": aggregate((alone,), narrow.agent_names)})
    scores = scores_of([played("E1", ("a", "b"), [(1, 8), (2, 4)]), narrow])
    rows = {(row.group["model"], row.dimension): row for row in describe(scores, mix_dimensions=True).rows}
    assert (rows["a", "tact"].estimate.n, rows["a", "tact"].missing) == (1, 0)
    assert (rows["a", "goal"].estimate.n, rows["a", "goal"].missing) == (2, 0)


def test_intervals_are_by_scenario_and_within_one_by_episode():
    episodes = [played(f"E{s}{n}", ("a", "b"), [(n, n), (s, s)], scenario=f"S{s}") for s in range(3) for n in range(4)]
    (tact, *_) = describe(scores_of(episodes)).rows
    assert (tact.estimate.clusters, tact.clustered_by) == (3, "scenario")
    (tact, *_) = describe(scores_of(episodes), ["scenario"]).rows
    assert (tact.estimate.clusters, tact.clustered_by) == (4, "episode")


def test_within_a_scenario_rows_of_one_episode_are_a_cluster_wherever_they_stand():
    episodes = [played(f"E{n}", ("a", "a"), [(n, n), (n % 3, n % 2)]) for n in range(6)]
    scores = scores_of(episodes)
    mixed = replace(scores, frame=scores.frame.sort("seat", "episode", descending=[False, True]))
    (tact, *_), (as_well, *_) = (describe(one, ["scenario"]).rows for one in (scores, mixed))
    assert tact.estimate.clusters == as_well.estimate.clusters == 6
    assert as_well.estimate.low == pytest.approx(tact.estimate.low)


def test_the_table_is_the_same_of_whatever_parts_it_is_made(monkeypatch):
    def table():
        return scores_of(
            [
                *(played(f"E{n}", ("a", "b"), [(1, n), "busy"], scenario=f"S{n}", trial=n) for n in range(300)),
                logged("F", ("j", "a", "b"), ((3.0, {"wit": 3.0}), None), status="unscored", environment="S7"),
                played("G", ("c", "a", "b"), None, status="failed", cause="timeout", tag="late"),
            ]
        ).frame

    whole = table()
    monkeypatch.setattr(reading, "ROWS", 7)
    parts = table()
    assert (whole.n_chunks(), parts.n_chunks()) == (1, 87)
    assert whole.equals(parts)
    assert whole.schema == parts.schema


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda s: describe(s, ["seta"]), "scores cannot be told apart by 'seta'; did you mean 'seat'?"),
        (lambda s: describe(s, dimensions=["gaol"]), "no dimension is called 'gaol'; did you mean 'goal'?"),
        (lambda s: s.by_judge("jugde"), "no episode was judged by 'jugde'; did you mean 'judge'?"),
        (lambda s: s.of_models("z"), "no episode was played by 'z'; there are a, b"),
        (lambda s: s.on_set("Maners"), "nothing is scored on the dimension set 'Maners'; did you mean 'Manners'?"),
    ],
)
def test_what_is_not_there_is_named(asked, message):
    with pytest.raises(InputError) as caught:
        asked(scores_of([played("E1", ("a", "b"), [(1, 8), (2, 4)])]))
    assert str(caught.value) == message


def test_an_unknown_tag_is_named_with_those_there_are(store):
    store.put_many([played("E1", ("a", "b"), [(1, 8), (2, 4)], tag="pilot")])
    with pytest.raises(InputError, match="no episode has the tag 'pilto'; did you mean 'pilot'?"):
        read_scores(store, tags=["pilto"])
    assert read_scores(store, tags=["pilot"]).frame.height == 2


def test_an_empty_store_and_one_without_scores_are_told(store):
    with pytest.raises(InputError, match="there is no episode in the store"):
        read_scores(store)
    store.put(played("E1", ("a", "b"), None))
    with pytest.raises(InputError) as caught:
        describe(read_scores(store))
    assert str(caught.value) == "nothing is scored: 2 seats, all without a score (2 x nobody was asked to judge)"


def test_a_game_is_scored_on_no_dimension():
    game = logged("G", ("", "a", "b"), (-1.0, 1.0), environment="")
    assert [row.dimension for row in describe(scores_of([game])).rows] == [OVERALL, OVERALL]


def published():
    for name in ("episode_logs.jsonl", "exported_episodes.jsonl"):
        path = SHARED / "episodes" / name
        if not path.exists():
            pytest.skip("the shared data are not here")
        yield from (read.record for read in read_records(path))


def test_the_overall_scores_of_published_episodes_are_the_means_of_their_dimensions_exactly():
    entries = [entry for episode in published() for entry in episode.rewards]
    assert len(entries) == 20
    for overall, scores in entries:
        evaluation = Evaluation(
            evaluator="log",
            dimension_set="log",
            digest="0",
            dimensions=dict.fromkeys(name for name in scores if name != OVERALL),
            judgements={"x": Scored(scores={k: Score(value=v) for k, v in scores.items() if k != OVERALL})},
        )
        assert aggregate((evaluation,), ["x"])["x"].overall == overall == scores[OVERALL]


def test_published_episodes_are_described_as_they_are():
    rows = {(row.group["model"], row.dimension): row for row in describe(scores_of(published())).rows}
    goal = rows["gpt-4", "goal"]
    assert (goal.estimate.n, goal.missing) == (7, 0)
