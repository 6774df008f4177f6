"""The reply cache: what is taken from it, what is kept in it, and what never is."""

import pytest

from sotopia_core.config import CacheSection, LoadedConfig
from sotopia_core.engine.cache import key_of
from sotopia_core.engine.run import draw_combos, play_run
from sotopia_core.episodes import CachedReply, EpisodeLog
from sotopia_core.errors import InputError
from sotopia_core.models import ChatMessage, ModelRequest, Usage
from sotopia_core.profiles import Pool
from sotopia_core.wiring import wire
from sotopia_storage.memory import Memory
from tests.engine import playable
from tests.engine.playable import Counts, fails_once, raise_it, registry, wired


@pytest.fixture(autouse=True)
def desk(monkeypatch):
    desk = playable.Desk()
    monkeypatch.setattr(playable, "DESK", desk)
    return desk


async def play(store, mode, **options):
    config = wired(agents=("Asks", "Asks"), **options).config.model_copy(update={"cache": CacheSection(mode=mode)})
    wiring = wire(LoadedConfig(config, {}, playable.Path("run.toml")), registry())
    return await play_run(wiring, draw_combos(wiring, Pool()), store, wiring.registry.notifier(raise_it))


def last(store, result):
    return [episode for episode in store.find(EpisodeLog) if episode.run == result.record.pk]


async def test_a_run_that_is_played_again_meets_its_own_replies_and_pays_nothing(desk):
    with Memory().open() as store:
        first = await play(store, "read-write", trials=3)
        asked = len(desk.requests)
        again = await play(store, "read-write", trials=3)
        assert len(desk.requests) == asked == store.count(CachedReply)
        old, new = last(store, first), last(store, again)

    by_trial = {one.trial: one.turns for one in old}
    assert all(one.turns == by_trial[one.trial] for one in new)
    assert {usage for one in new for usage in one.usage.values()} == {Usage()}


async def test_trials_stay_independent(desk):
    with Memory().open() as store:
        await play(store, "read-write", trials=2)
        asked = len(desk.requests)
        result = await play(store, "read-write", trials=3)
        said = {one.turns[0].actions["Mia Davis"].argument for one in last(store, result)}
    assert len(said) == 3
    assert len(desk.requests) == asked * 3 // 2


async def test_off_means_off(desk):
    with Memory().open() as store:
        await play(store, "off")
        assert store.count(CachedReply) == 0


async def test_replay_only_asks_nothing_and_says_what_is_not_there(desk):
    with Memory().open() as store:
        await play(store, "read-write")
        asked = len(desk.requests)
        result = await play(store, "replay-only", trials=2)
        known, unknown = sorted(last(store, result), key=lambda one: one.trial)
    assert len(desk.requests) == asked
    assert known.status == "scored"
    assert unknown.cause.endswith("the cache has no reply to this, and [cache] mode is replay-only")


async def test_errors_are_never_kept(desk):
    desk.fail = fails_once(3)
    with Memory().open() as store:
        await play(store, "read-write")
        assert store.count(CachedReply) == 2
        result = await play(store, "read-write")
        assert [one.status for one in last(store, result)] == ["scored"]


async def test_nor_are_replies_that_cannot_be_used(desk):
    desk.words = lambda request: " " if len(desk.requests) == 2 else str(request.seed)
    with Memory().open() as store:
        await play(store, "read-write")
        assert store.count(CachedReply) == 1


async def test_a_cache_needs_a_store():
    with pytest.raises(InputError, match=r"\[cache\] mode = 'read-write' needs a store"):
        await play(None, "read-write")


def test_the_key_depends_on_the_question_and_its_place_and_not_on_limits():
    def key(text="Well?", model=None, **options):
        return key_of(model or Counts(), ModelRequest(messages=(ChatMessage(role="user", content=text),), **options))

    keys = [
        key(),
        key("Well!"),
        key(seed=1),
        key(temperature=0.5),
        key(max_tokens=9),
        key(response_type=playable.Verdict),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == key(purpose="judge")
