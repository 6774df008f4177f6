"""A stored episode played again from its journal: the same, or it is said where it departs."""

import pytest

from sotopia_core.engine.replaying import replay_episode
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import InputError
from sotopia_core.messages import AgentAction
from sotopia_storage.memory import Memory
from tests.engine import playable
from tests.engine.playable import fails_once, play, registry, resume


@pytest.fixture(autouse=True)
def desk(monkeypatch):
    desk = playable.Desk()
    monkeypatch.setattr(playable, "DESK", desk)
    return desk


@pytest.fixture
def store():
    with Memory().open() as opened:
        yield opened


async def played(store, **options):
    await play(store, **options)
    return store.find(EpisodeLog)[0]


async def again(store, episode):
    return await replay_episode(store, episode, registry())


@pytest.mark.parametrize("ordering", ["InSeatOrder", "Everyone"])
async def test_a_replay_comes_to_the_same_and_asks_nobody(store, desk, ordering):
    episode = await played(store, ordering=ordering)
    asked, people = len(desk.requests), len(desk.people)
    replay = await again(store, episode)
    assert replay.departures == ()
    assert (replay.episode.turns, replay.episode.rewards) == (episode.turns, episode.rewards)
    assert (replay.episode.messages, replay.episode.usage) == (episode.messages, episode.usage)
    assert (len(desk.requests), len(desk.people), replay.recalled) == (asked, people, asked)
    assert store.find(EpisodeLog) == [episode]


async def test_an_agent_that_reads_replies_differently_is_found_at_its_first_turn(store, monkeypatch):
    episode = await played(store)

    async def acts(self, observation):
        return AgentAction(action_type="leave")

    monkeypatch.setattr(playable.Asks, "aact", acts)
    replay = await again(store, episode)
    said = episode.turns[0].actions["Mia Davis"].argument
    assert f'turn 0: Mia Davis said: "{said}", and now left the conversation' in replay.departures
    assert not replay.faithful


async def test_another_question_is_a_departure_even_where_the_answer_leads_to_the_same(store, monkeypatch):
    episode = await played(store)
    plain = playable.ChatMessage
    monkeypatch.setattr(playable, "ChatMessage", lambda role, content: plain(role=role, content=content + " Please."))
    replay = await again(store, episode)
    assert replay.departures[0] == "turn 0: Mia Davis is not asked what it was asked then"
    assert replay.episode.turns == episode.turns


async def test_a_question_more_than_the_journal_has_answers_to_is_told(store, desk):
    episode = await played(store)
    journal = [entry for entry in store.read_journal(episode.pk) if entry.turn != 2 or entry.seat != "Mia Davis"]
    store.drop_journals([episode.pk])
    store.append_journal(journal)
    asked = len(desk.requests)
    replay = await again(store, episode)
    assert len(desk.requests) == asked
    assert replay.departures[0] == "turn 2: Mia Davis asks what the journal has no answer to"


async def test_a_judge_that_reads_its_reply_differently_is_told_by_its_scores(store, desk):
    episode = await played(store)
    desk.judge = lambda transcript: 9.0
    replay = await again(store, episode)
    assert replay.departures == (
        "scores: Judge gave Mia Davis tact 5, and now tact 9",
        "scores: Judge gave Leo Park tact 5, and now tact 9",
        "rewards: 5.00, 5.00 became 9.00, 9.00",
    )


async def test_a_failed_episode_is_replayed_up_to_its_failure(store, desk):
    desk.fail = fails_once(5)
    episode = await played(store)
    assert episode.status == "failed"
    replay = await again(store, episode)
    assert replay.episode.turns == episode.turns
    assert replay.departures == ()


async def test_an_episode_that_was_broken_off_and_judged_twice_is_replayed(store, desk):
    desk.judge = lambda transcript: "no idea"
    desk.fail = fails_once(5)
    await play(store)
    await resume(store)
    desk.judge = lambda transcript: 5.0
    await resume(store)
    (episode,) = store.find(EpisodeLog)
    assert episode.status == "scored"
    assert (await again(store, episode)).departures == ()


async def test_without_a_journal_or_a_run_there_is_nothing_to_replay(store):
    episode = await played(store)
    with pytest.raises(InputError, match="was not played in a run that was kept"):
        await again(store, episode.model_copy(update={"run": None}))
    store.drop_journals([episode.pk])
    with pytest.raises(InputError, match="has no journal any more"):
        await again(store, episode)
