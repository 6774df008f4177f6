"""Transcripts of stored episodes: what a judge is given of one that was played, and of one that was imported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.engine.transcripts import action_of, transcript_of
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import InputError
from sotopia_core.messages import ACTION_TYPES, AgentAction
from sotopia_core.visibility import background_for_judge
from sotopia_storage.memory import Memory
from tests.cli.kept import LEO, MIA, imported
from tests.core.casts import combo, speak
from tests.engine.playable import play

SILENT = ("none", "leave")


@given(st.builds(AgentAction, action_type=st.sampled_from(ACTION_TYPES), argument=st.text()))
def test_the_words_of_logs_give_the_action_back(action):
    bare = action.model_copy(update={"argument": ""}) if action.action_type in SILENT else action
    assert action_of(action.to_natural_language()) == bare


@given(st.text())
def test_whatever_a_log_says_is_given_to_the_judge_whole(text):
    action = action_of(text)
    assert text in (action.to_natural_language(), action.argument)


def test_an_imported_log_is_read_out_of_its_messages():
    transcript = transcript_of(imported())
    assert transcript.names == (MIA, LEO)
    first = transcript.events[0]
    assert (first.turn, first.sender, first.action) == (0, MIA, speak("Hi <b>Leo</b>"))
    assert [event.sender for event in transcript.events if event.turn == 0] == [MIA]  # Leo was not in turn
    assert transcript.background.participant(MIA).profile == {"was told": "Here is the context, Mia."}
    assert transcript.turn == 2


async def test_a_played_one_is_what_the_judge_was_given():
    with Memory().open() as store:
        await play(store)
        (episode,) = store.find(EpisodeLog)
    transcript = transcript_of(episode)
    assert transcript.background == background_for_judge(combo())
    assert transcript.events == episode.events
    assert transcript.game_metadata == {}
    game = combo(game_metadata={"bargain": {"lowest": 5}})
    assert transcript_of(episode.model_copy(update={"combo": game})).game_metadata == {"bargain": {"lowest": 5}}
    without = transcript_of(episode.model_copy(update={"combo": None}))
    assert without.background == background_for_judge(combo())


def test_an_episode_of_which_nothing_is_kept_is_named():
    with pytest.raises(InputError, match="episode EPISODE-9 has neither turns nor messages"):
        transcript_of(imported(verbatim_messages=None))
