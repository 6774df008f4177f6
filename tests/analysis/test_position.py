"""The probe for position bias: a judge that favours whom it is told of first is found out, a fair one is not."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

pytest.importorskip("polars", reason="the extra analysis is not installed")

from sotopia_analysis.position import choose, probe, told
from sotopia_analysis.position_output import judges_config
from sotopia_core.database.locate import storage_from_url
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import InputError
from sotopia_core.evaluation import Dimension, DimensionSet, Score, Scored, Unscored
from sotopia_core.interfaces import TerminalEvaluator
from sotopia_core.registry import Registry
from sotopia_core.wiring import wire
from tests.analysis.test_benchmarking import SMALL
from tests.analysis.test_commands import ask
from tests.cli.kept import imported

WARMTH = DimensionSet(name="Warmth", dimensions=(Dimension(name="warmth", low=0, high=10),))


class Partial(TerminalEvaluator):
    """Gives whom it is told of first two points more, and fails for one agent where it is asked to."""

    silent_on: str = ""

    @property
    def dimensions(self):
        return WARMTH

    async def evaluate(self, transcript, context):
        first, second = transcript.names
        given = {
            first: Scored(scores={"warmth": Score(value=7.0)}),
            second: Scored(scores={"warmth": Score(value=5.0)}),
        }
        return {name: Unscored(reason="no idea") if name == self.silent_on else one for name, one in given.items()}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('position') / 'store.db'}"
    ask("benchmark", "offline", "--partner", "offline", *SMALL, "--store", url, "--tag", "played")
    return url


@pytest.fixture
def store(url):
    with storage_from_url(Registry.installed(), url).open() as opened:
        yield opened


def probed(store, evaluator):
    wiring = replace(wire(judges_config("offline", ()), Registry.installed()), terminal_evaluators=(evaluator,))
    episodes, left_out = choose(store.iterate(EpisodeLog), None)
    return asyncio.run(probe(episodes, wiring, store, left_out=left_out))


def test_both_orders_tell_the_same_but_for_the_order(store):
    (episode, *_) = store.iterate(EpisodeLog)
    normal, swapped = (told(episode, swapped=one) for one in (False, True))
    assert normal.names == swapped.names[::-1] == episode.agent_names
    assert normal.events == swapped.events == episode.events
    assert sorted(map(str, normal.background.participants)) == sorted(map(str, swapped.background.participants))


def test_a_judge_that_favours_the_first_is_found_out(store):
    warmth, overall = probed(store, Partial()).rows
    assert (warmth.dimension, warmth.bias.value, warmth.bias.n, warmth.same.value) == ("warmth", 2.0, 4, 0.0)
    assert overall.holm is None


def test_what_the_judge_does_not_score_is_missing(store):
    (episode, *_) = store.iterate(EpisodeLog)
    found = probed(store, Partial(silent_on=episode.agent_names[0]))
    assert found.rows[0].bias.n + found.rows[0].missing == 4
    assert found.rows[0].missing >= 1
    assert list(found.reasons) == ["Partial: no idea"]


def test_the_stand_in_is_fair_says_what_it_is_and_is_asked_once(url):
    command = ("position-bias", "--judge", "offline", "--store", url, "--json")
    document = json.loads(ask(*command).stdout)
    assert {row["bias"] for row in document["rows"]} == {0.0}
    assert any("rule-based stand-in" in note for note in document["notes"])
    assert json.loads(ask(*command).stdout) == document
    with storage_from_url(Registry.installed(), url).open() as opened:
        assert {episode.status for episode in opened.iterate(EpisodeLog)} == {"scored"}


def test_imported_logs_are_judged_too(store):
    log = imported()
    store.put(log)
    try:
        wiring = replace(wire(judges_config("offline", ()), Registry.installed()), terminal_evaluators=(Partial(),))
        found = asyncio.run(probe([log], wiring, store))
    finally:
        store.delete(EpisodeLog, log.pk)
    assert (found.rows[0].bias.value, found.rows[0].bias.n) == (2.0, 2)


def test_what_cannot_be_judged_again_is_left_out(store):
    (episode, *_) = store.iterate(EpisodeLog)
    nothing = imported(verbatim_messages=())
    failed = episode.model_copy(update={"status": "failed", "cause": "timeout"})
    chosen, left_out = choose([nothing, failed, episode], None)
    assert (len(chosen), left_out) == (1, {"its log does not hold what a judge is told": 1, "it failed": 1})
    with pytest.raises(
        InputError, match="no episode can be judged again: 1 x its log does not hold what a judge is told"
    ):
        choose([nothing], None)


def test_somebody_must_be_asked_to_judge(url):
    with pytest.raises(InputError, match="nobody is asked to judge; name a judge with --judge, or a run file that has"):
        ask("position-bias", "--store", url)
