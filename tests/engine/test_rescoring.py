"""Episodes judged again: beside the old scores, each once, and nothing asked twice."""

import pytest

from sotopia_core.engine.rescoring import Rescorer
from sotopia_core.episodes import EpisodeLog, Rescoring
from sotopia_core.errors import StorageError
from sotopia_core.models import Usage
from sotopia_storage.memory import Memory
from tests.cli.kept import imported
from tests.engine import playable
from tests.engine.playable import BreaksOff, fails_once, play, wired


@pytest.fixture(autouse=True)
def desk(monkeypatch):
    desk = playable.Desk()
    monkeypatch.setattr(playable, "DESK", desk)
    return desk


async def rescore(store, judges=({"use": "Judge", "name": "Other"},), **run):
    rescored = []
    rescorer = Rescorer(wired(judges=judges, **run), store, lambda episode, rescoring: rescored.append(rescoring))
    await rescorer.rescore(store.find(EpisodeLog))
    return rescored, rescorer.left_alone


async def test_new_scores_stand_beside_the_old_ones_with_what_they_took(desk):
    with Memory().open() as store:
        await play(store, trials=3, tag="t")
        before = store.find(EpisodeLog)
        desk.judge = lambda transcript: 8.0
        await rescore(store)
        assert store.find(EpisodeLog) == before
        kept = store.find(Rescoring, {"tag": "t"})
    assert {one.episode for one in kept} == {one.pk for one in before}
    assert {one.rewards[0][0] for one in kept} == {8.0}
    assert {one.usage["Judge"] for one in kept} == {Usage(calls=1, input_tokens=3, cost=0.25)}
    assert {one.provenance.dimensions.keys() == {"Other"} for one in kept} == {True}


async def test_what_is_scored_is_left_alone_and_what_is_not_is_asked_again(desk):
    with Memory().open() as store:
        await play(store, trials=3)
        asked = len(desk.requests)
        desk.fail = fails_once(asked + 2)
        first, _ = await rescore(store, concurrency=1)
        assert sorted(one.status for one in first) == ["scored", "scored", "unscored"]
        desk.fail = lambda request: None
        second, left_alone = await rescore(store)
        assert (len(second), left_alone) == (1, 2)
        assert {one.status for one in store.find(Rescoring)} == {"scored"}
        assert await rescore(store) == ([], 3)
        other, _ = await rescore(store, judges=[{"use": "Judge", "name": "Third"}])
        assert len(other) == 3


@pytest.mark.parametrize("writes", [1, 2, 3, 4])
async def test_broken_off_it_goes_on_where_it_was_and_asks_nothing_twice(desk, writes):
    store = BreaksOff(10**9)
    await play(store, trials=2)
    asked = len(desk.requests)
    store.writes = writes
    if writes < 4:
        with pytest.raises(StorageError):
            await rescore(store, concurrency=1)
    store.mend()
    await rescore(store, concurrency=1)
    again = desk.requests[asked:]
    assert store.count(Rescoring, {"status": "scored"}) == 2
    assert len(again) - len(set(again)) <= 1  # what was in flight when it broke
    assert all(store.read_journal(one.pk) == [] for one in store.find(Rescoring))


async def test_imported_episodes_are_judged_from_their_messages(desk):
    heard = []
    desk.judge = lambda transcript: heard.append(transcript) or 6.0
    with Memory().open() as store:
        store.put(imported())
        (rescoring,), _ = await rescore(store)
    assert (rescoring.status, rescoring.episode, rescoring.run) == ("scored", "EPISODE-9", None)
    assert heard[0].events[0].action.argument == "Hi <b>Leo</b>"
    assert rescoring.rewards == ((6.0, {"tact": 6.0, "overall_score": 6.0}),) * 2
