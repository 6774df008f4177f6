"""A run that was broken off is completed: nothing is lost, nothing is there twice, nothing answered is asked again."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotopia_core.episodes import DrawnCombos, EpisodeLog, RunRecord
from sotopia_core.errors import InputError, ModelAccessError, StorageError
from sotopia_core.models import Usage
from sotopia_storage.memory import Memory
from tests.engine import playable
from tests.engine.playable import BreaksOff, contents, fails_once, play, resume, wired


@pytest.fixture(autouse=True)
def desk(monkeypatch):
    desk = playable.Desk()
    monkeypatch.setattr(playable, "DESK", desk)
    return desk


def uninterrupted(**options):
    playable.DESK = playable.Desk()
    with Memory().open() as store:
        asyncio.run(play(store, **options))
        return contents(store), list(playable.DESK.requests)


@settings(max_examples=30, deadline=None)
@given(
    breaks=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    concurrency=st.integers(1, 4),
    ordering=st.sampled_from(["InSeatOrder", "Everyone"]),
)
def test_wherever_a_run_is_broken_off_it_is_completed_and_nothing_answered_is_asked_again(
    breaks, concurrency, ordering
):
    options = {"ordering": ordering, "concurrency": concurrency, "trials": 2, "size": 2}
    expected, needed = uninterrupted(**options)
    playable.DESK = desk = playable.Desk()
    store = BreaksOff(3 + breaks[0])  # its record and its combos are there, and one answer
    _until_it_breaks(play(store, **options))
    for writes in breaks[1:]:
        store.writes = 1 + writes
        _until_it_breaks(resume(store))
    store.mend()
    asyncio.run(resume(store))
    assert contents(store) == expected
    assert set(desk.requests) == set(needed)
    unanswered = len(breaks) * concurrency * 2  # at most what every agent in play had asked when the store broke
    assert len(desk.requests) - len(needed) <= unanswered
    keys = [entry.key for episode in store.iterate(EpisodeLog) for entry in store.read_journal(episode.pk)]
    assert len(keys) == len(set(keys))


def _until_it_breaks(run):
    with suppress(StorageError):
        asyncio.run(run)


async def test_what_a_person_did_is_told_to_the_new_instance_and_never_asked_again(desk):
    store = BreaksOff(2 + 3)
    with pytest.raises(StorageError):
        await play(store, agents=["Person", "Person"], response="After")
    (episode, *_), *_ = answered = list(desk.people)
    assert [turn for _, turn, _ in answered] == [0, 1, 2, 3]
    store.mend()
    await resume(store)
    assert [(turn, name) for _, turn, name in desk.people[4:]] == [(3, "Leo Park")]  # whose answer was not kept
    assert desk.told_again == [
        (episode, 0, "I am Mia Davis at 0"),
        (episode, 1, "I am Leo Park at 1"),
        (episode, 2, "I am Mia Davis at 2"),
    ]


async def test_a_failed_episode_is_tried_again_from_where_it_failed(desk):
    desk.fail = fails_once(5)
    with Memory().open() as store:
        first = await play(store)
        (failed,) = store.find(EpisodeLog)
        assert (first.tally.counts, failed.status) == ({"failed": 1}, "failed")
        asked = list(desk.requests)
        again = await resume(store)
        (episode,) = store.find(EpisodeLog)
        assert store.get(RunRecord, again.record.pk).counts == {"scored": 1}
    assert (episode.pk, episode.status) == (failed.pk, "scored")
    assert desk.requests[len(asked)] == asked[-1]  # the one that failed, and no other
    assert Counter(desk.requests).most_common(2)[1][1] == 1
    assert len(desk.people) == len(set(desk.people))
    assert episode.usage["Mia Davis"] == Usage(calls=4, input_tokens=12, cost=1.0)


async def test_what_led_to_a_failure_is_asked_for_anew_and_its_cost_stays(desk):
    desk.words = lambda request: " " if len(desk.requests) == 2 else str(request.seed)
    with Memory().open() as store:
        await play(store)
        (failed,) = store.find(EpisodeLog)
        assert "the reply is empty" in failed.cause
        assert failed.usage["Mia Davis"].calls == 2
        await resume(store)
        (episode,) = store.find(EpisodeLog)
        assert episode.status == "scored"
        assert episode.usage["Mia Davis"].calls == 2 + 4
        await resume(store)
        assert store.get(EpisodeLog, episode.pk) == episode


async def test_unscored_episodes_are_judged_again_without_being_played(desk):
    desk.judge = lambda transcript: "no idea"
    with Memory().open() as store:
        await play(store, judges=[{"use": "Judge"}, {"use": "Judge"}], trials=2)
        before = store.find(EpisodeLog)
        assert {one.status for one in before} == {"unscored"}
        asked, people = len(desk.requests), list(desk.people)
        desk.judge = lambda transcript: 7.0
        await resume(store)
        after = store.find(EpisodeLog)
    assert {one.status for one in after} == {"scored"}
    assert [one.turns for one in after] == [one.turns for one in before]
    assert [one.started_at for one in after] == [one.started_at for one in before]
    assert (len(desk.requests) - asked, desk.people) == (4, people)
    assert after[0].rewards[0] == (7.0, {"tact": 7.0, "overall_score": 7.0})
    assert after[0].usage["Judge #1"].calls == 2


async def test_an_evaluation_that_is_complete_stands_when_another_is_asked_again(desk):
    desk.judge = lambda transcript: 3.0 if len(desk.requests) % 2 else "no idea"
    with Memory().open() as store:
        await play(store, judges=[{"use": "Judge"}, {"use": "Judge"}])
        (before,) = store.find(EpisodeLog)
        complete = [one for one in before.evaluations if one.judgements["Mia Davis"].kind == "scored"]
        desk.judge = lambda transcript: 9.0
        await resume(store)
        (after,) = store.find(EpisodeLog)
    assert len(complete) in (0, 1, 2)
    assert all(one in after.evaluations for one in complete)
    assert after.status == "scored"


async def test_what_to_resume_can_be_chosen(desk):
    desk.fail = fails_once(5)
    desk.judge = lambda transcript: "no idea"
    with Memory().open() as store:
        await play(store, trials=2, concurrency=1)
        assert sorted(one.status for one in store.iterate(EpisodeLog)) == ["failed", "unscored"]
        desk.judge = lambda transcript: 5.0
        await resume(store, only=["missing"])
        assert sorted(one.status for one in store.iterate(EpisodeLog)) == ["failed", "unscored"]
        await resume(store, only=["unscored"])
        assert sorted(one.status for one in store.iterate(EpisodeLog)) == ["failed", "scored"]
        result = await resume(store, only=["failed"])
        assert {one.status for one in store.iterate(EpisodeLog)} == {"scored"}
    assert (result.record.status, result.record.counts, result.tally.counts["scored"]) == (
        "finished",
        {"scored": 2},
        2,
    )


async def test_a_run_that_lacked_access_goes_on_once_it_has_it(desk):
    def locked(request):
        if len(desk.requests) > 6:
            raise ModelAccessError("no key for counts: set COUNTS_KEY")

    desk.fail = locked
    with Memory().open() as store:
        with pytest.raises(ModelAccessError):
            await play(store, trials=3, concurrency=1)
        assert [run.status for run in store.find(RunRecord)] == ["stopped"]
        desk.fail = lambda request: None
        result = await resume(store)
    assert result.record.counts == {"scored": 3}
    assert Counter(desk.requests).most_common()[0][1] == 2
    assert sum(n - 1 for n in Counter(desk.requests).values()) == 1


async def test_a_run_brings_its_combos_whatever_became_of_the_pool():
    with Memory().open() as store:
        result = await play(store, size=3)
        kept = store.get(DrawnCombos, result.record.pk)
    assert (len(kept.environments), len(kept.agents), len(kept.drawn)) == (1, 2, 3)
    assert kept.combos() == [playable.COMBO] * 3


async def test_another_prompt_version_or_option_stops_a_resume_with_the_flag_that_continues(monkeypatch):
    with Memory().open() as store:
        result = await play(store)
        run = result.record.pk
        monkeypatch.setattr(playable.Asks, "prompts", lambda self: {"turn": "new words"})
        with pytest.raises(InputError, match=rf"since the run {run} was played, the prompt Asks: turn is new") as told:
            await resume(store)
        assert str(told.value).endswith("; --accept-changes continues with what is there now")
        await resume(store, check=False)
        await resume(store)  # what was accepted is no change any more
        monkeypatch.setattr(playable.Asks, "prompts", lambda self: {"turn": "newer words"})
        with pytest.raises(InputError, match="the prompt Asks: turn changed"):
            await resume(store)


async def test_a_changed_default_is_a_change(monkeypatch):
    with Memory().open() as store:
        await play(store)
        monkeypatch.setattr(playable.Judge, "content_options", lambda self: {"strictness": 2})
        with pytest.raises(InputError, match=r"the options of Judge \(terminal_evaluators.0\) changed"):
            await resume(store)


async def test_versions_are_compared(monkeypatch):
    with Memory().open() as store:
        result = await play(store)
        store.put(result.record.model_copy(update={"versions": {"sotopia-old": "1.0", "sotopia-core": "0.0"}}))
        with pytest.raises(InputError, match=r"sotopia-old 1\.0 is gone; sotopia-core 0\.0 is gone"):
            await resume(store)


async def test_a_run_that_was_imported_without_its_combos_cannot_be_resumed():
    with Memory().open() as store:
        result = await play(store)
        store.delete(DrawnCombos, result.record.pk)
        with pytest.raises(InputError, match=f"what the run {result.record.pk} drew is not in the store"):
            await resume(store)


async def test_a_run_is_named_by_its_pk_or_by_a_name_that_only_one_has():
    with Memory().open() as store:
        await play(store)
        await play(store)
        with pytest.raises(InputError, match=r"2 runs are called 'r'; use a pk: \w+, \w+"):
            await resume(store)


async def test_the_config_of_an_episode_stands_in_its_provenance():
    with Memory().open() as store:
        result = await play(store)
        (episode,) = store.find(EpisodeLog)
    assert episode.provenance.config == result.record.config == wired().config.to_document()
