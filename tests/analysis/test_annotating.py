"""``sotopia annotate``: blind, along the episode's own dimensions, and never asking twice."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("polars", reason="the extra analysis is not installed")

import typer
from typer.testing import CliRunner

from sotopia_analysis.annotating import annotation_pk, blind, to_annotate
from sotopia_analysis.plugin import sotopia_commands
from sotopia_core.annotations import AnnotationForEpisode, Annotator
from sotopia_core.database.locate import storage_from_url
from sotopia_core.errors import InputError
from sotopia_core.registry import Registry
from tests.cli.kept import BOTH_SCORED, LEO, MIA, episode, imported, keep

SECRETS_OF_THE_RUN = ("gpt-4o", "gpt-4o-mini", "llama-3", "LLMAgent", "spring", "RUN-1", "kind words", "unjudged")


def type_in(url, *lines, options=()):
    app = typer.Typer()
    sotopia_commands(app)
    arguments = ["annotate", "ann", "--store", url, *options]
    return CliRunner().invoke(app, arguments, input="".join(f"{line}\n" for line in lines), catch_exceptions=False)


def kept(url, kind):
    with storage_from_url(Registry.installed(), url).open() as store:
        return list(store.iterate(kind))


@pytest.fixture
def url(tmp_path):
    return keep(tmp_path, episode(pk="EPISODE-1", tag="spring"))


GOALS = ("--dimension-set", "GoalDimension")


def test_an_annotator_is_shown_what_happened_and_nothing_about_who_played():
    shown = blind(episode(judgements=BOTH_SCORED))
    assert "Hello, Leo." in shown
    assert "Mia owes money." in shown
    assert [word for word in SECRETS_OF_THE_RUN if word in shown] == []
    assert "No scores" not in shown
    assert "Sent to Mia Davis" in blind(imported())
    assert "gpt-4" not in blind(imported())


def test_scores_and_reasons_are_kept_by_seat(url):
    done = type_in(url, "8", "sold it", "2", "", options=GOALS)
    assert done.exit_code == 0
    assert "1 episode annotated by ann, 0 left" in done.stdout
    (annotation,) = kept(url, AnnotationForEpisode)
    assert annotation.pk == annotation_pk("EPISODE-1", "ann")
    assert annotation.rewards == (
        (8.0, {"goal": 8.0, "overall_score": 8.0}),
        (2.0, {"goal": 2.0, "overall_score": 2.0}),
    )
    assert annotation.reasoning == "Agent 1 comments:\ngoal: sold it\nAgent 2 comments:"
    assert [one.name for one in kept(url, Annotator)] == ["ann"]


def test_what_is_no_score_is_asked_for_again(url):
    done = type_in(url, "?", "eleven", "11", "8.5", "8", "2", options=(*GOALS, "--no-reasons"))
    assert "'eleven' is no score: type a score, ? for the rubric" in done.stdout
    assert "goal 11 is outside 0..10" in done.stdout
    assert "goal 8.5 is not a whole number" in done.stdout
    assert len(kept(url, AnnotationForEpisode)) == 1


def test_what_was_answered_is_not_asked_again(url):
    first = type_in(url, "8", "sold it", options=GOALS)
    assert first.exit_code == 3
    assert kept(url, AnnotationForEpisode) == []
    second = type_in(url, "2", "no", options=GOALS)
    assert f"{MIA}, goal" not in second.stdout
    assert f"{LEO}, goal" in second.stdout
    (annotation,) = kept(url, AnnotationForEpisode)
    assert [entry[0] for entry in annotation.rewards] == [8.0, 2.0]
    assert "0 episodes annotated by ann, 0 left" in type_in(url, options=GOALS).stdout


def test_an_episode_can_be_skipped_and_a_sitting_ended(tmp_path):
    url = keep(tmp_path, episode(pk="E1"), episode(pk="E2"))
    done = type_in(url, "skip", "1", "2", options=(*GOALS, "--no-reasons"))
    assert (done.exit_code, len(kept(url, AnnotationForEpisode))) == (3, 1)
    assert type_in(url, "quit", options=GOALS).exit_code == 3
    document = json.loads(type_in(url, "3", "4", options=(*GOALS, "--no-reasons", "--json")).stdout)
    assert (document["annotated"], document["before"], document["left"]) == (1, 1, 0)
    assert len(kept(url, AnnotationForEpisode)) == 2


def test_every_annotator_has_an_order_of_their_own(tmp_path):
    url = keep(tmp_path, *(episode(pk=f"E{n}") for n in range(8)))
    pks = [f"E{n}" for n in range(8)]
    with storage_from_url(Registry.installed(), url).open() as store:
        assert to_annotate(store, pks, "ann") == to_annotate(store, pks, "ann") != to_annotate(store, pks, "bob")


def test_dimensions_that_are_not_as_they_were_are_not_annotated(tmp_path):
    url = keep(tmp_path, episode(judgements=BOTH_SCORED))
    with pytest.raises(
        InputError, match=r"was judged on Manners \(0{16}\), which is not here, or not as it was; name the"
    ):
        type_in(url, "1")


def test_nothing_to_annotate_and_nobody_to_do_it_are_told(url):
    with pytest.raises(
        InputError, match="no episode in .* is to be annotated; sotopia list episodes shows what there is"
    ):
        type_in(url, options=("--tag", "autumn"))
