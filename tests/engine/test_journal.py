"""An episode's journal: what is recalled, what is asked for anew, and what is durable when."""

import asyncio
from dataclasses import replace

import pytest

from sotopia_core.asking import ReplyKey
from sotopia_core.engine.journal import Digester, EpisodeJournal
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.errors import JournalError, ModelError, StorageError
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage, Completion, ModelRequest, Usage
from sotopia_storage.memory import Memory, MemoryStore

REQUEST = ModelRequest(messages=(ChatMessage(role="user", content="Well?"),))
MIA = "Mia Davis"


def key(attempt=0, turn=0, role=MIA, purpose="act"):
    return ReplyKey(turn, role, purpose, attempt)


def said(text, **fields):
    return Completion(text=text, model="m-1", **fields)


@pytest.fixture
def store():
    with Memory().open() as opened:
        yield opened


@pytest.fixture
async def writer(store):
    made = StoreWriter(store)
    yield made
    made.close()


def again(store):
    return EpisodeJournal("e", None, store.read_journal("e"))


async def test_what_was_kept_is_recalled_whole(store, writer):
    completion = said(
        "hi \U0001f600\0", usage=Usage(calls=1, input_tokens=7, output_tokens=2, cost=None), latency=0.5, attempts=3
    )
    journal = EpisodeJournal("e", writer)
    assert journal.recall(key(), REQUEST) is None
    await journal.keep(key(), REQUEST, completion)
    assert again(store).recall(key(), REQUEST) == completion
    for other in (key(1), key(turn=1), key(role="Leo Park"), key(purpose="judge")):
        assert again(store).recall(other, REQUEST) is None


async def test_it_is_durable_before_it_is_used(store, writer):
    journal = EpisodeJournal("e", writer)
    await journal.keep(key(), REQUEST, said("a"))
    assert len(store.read_journal("e")) == 1


async def test_an_action_of_somebody_who_asked_no_model_is_durable_on_return(store, writer):
    journal = EpisodeJournal("e", writer)
    await journal.keep_action(0, MIA, AgentAction(action_type="leave"))
    assert again(store).action(0, MIA) == AgentAction(action_type="leave")
    assert again(store).action(1, MIA) is None


async def test_a_second_answer_under_a_key_is_a_fault_that_ends_all_recalling(store, writer):
    await EpisodeJournal("e", writer).keep(key(), REQUEST, said("a"))
    journal = EpisodeJournal("e", writer)
    with pytest.raises(JournalError, match="already has episode 'e', turn 0, seat 'Mia Davis'"):
        await journal.keep(key(), REQUEST, said("b"))
    assert isinstance(journal.fault, JournalError)
    with pytest.raises(JournalError):
        journal.recall(key(1), REQUEST)


async def test_what_was_given_up_is_asked_for_anew_and_counted(store, writer):
    journal = EpisodeJournal("e", writer)
    journal.recall(key(), REQUEST)
    await journal.keep(key(), REQUEST, said("nonsense", usage=Usage(calls=1, cost=0.5)))
    journal.recall(key(role="Leo Park"), REQUEST)
    await journal.keep(key(role="Leo Park"), REQUEST, said("sense"))
    await journal.give_up(0, MIA, "nonsense")
    second = EpisodeJournal("e", writer, store.read_journal("e"))
    assert second.given_up == {MIA: Usage(calls=1, cost=0.5)}
    assert second.recall(key(role="Leo Park"), REQUEST) == said("sense")
    assert second.recall(key(), REQUEST) is None
    await second.keep(key(), REQUEST, said("sense at last"))
    assert again(store).recall(key(), REQUEST) == said("sense at last")
    assert [entry.attempt for entry in store.read_journal("e") if entry.purpose == "act" and entry.seat == MIA] == [
        0,
        1,
    ]


async def test_what_was_answered_before_a_question_that_was_not_stands(store, writer):
    journal = EpisodeJournal("e", writer)
    journal.recall(key(), REQUEST)
    await journal.keep(key(), REQUEST, said("paid for"))
    journal.recall(key(1), REQUEST)  # and the server fails
    await journal.give_up(0, MIA, "status 500")
    assert again(store).recall(key(), REQUEST) == said("paid for")


async def test_answers_may_come_in_another_order_than_the_questions(store, writer):
    journal = EpisodeJournal("e", writer)
    await journal.keep(key(1), REQUEST, said("second"))
    assert again(store).recall(key(0), REQUEST) is None
    assert again(store).recall(key(1), REQUEST) == said("second")


async def test_text_that_nothing_can_keep_is_an_unusable_reply(writer):
    with pytest.raises(ModelError, match="m-1 used half a surrogate pair"):
        await EpisodeJournal("e", writer).keep(key(), REQUEST, said("\ud83d"))


async def test_an_entry_that_nobody_can_read_is_named(store, writer):
    await EpisodeJournal("e", writer).keep(key(), REQUEST, said("a"))
    (entry,) = store.read_journal("e")
    broken = replace(entry, payload={"text": 7})
    with pytest.raises(StorageError, match=r"journal of episode e cannot be read at turn 0, Mia Davis, act"):
        EpisodeJournal("e", None, [broken])


async def test_the_digest_of_a_question_depends_on_its_words_and_options():
    def asked(*contents, **options):
        messages = tuple(ChatMessage(role="user", content=content) for content in contents)
        return Digester().digest(ModelRequest(messages=messages, **options))

    digests = [
        asked("ab"),
        asked("a", "b"),
        asked("b"),
        asked(),
        asked("ab", temperature=0.0),
        asked("ab", max_tokens=5),
    ]
    assert len(set(digests)) == len(digests)
    assert asked("ab", seed=1) == asked("ab", seed=2)


async def test_a_store_that_does_not_answer_fails_all_who_wait_soon():
    class Locked(MemoryStore):
        def append_journal(self, entries):
            raise StorageError("another process kept it locked")

    writer = StoreWriter(Locked())
    try:
        journals = [EpisodeJournal(str(number), writer) for number in range(50)]
        async with asyncio.timeout(5):
            told = await asyncio.gather(
                *(journal.keep(key(), REQUEST, said("a")) for journal in journals), return_exceptions=True
            )
    finally:
        writer.close()
    assert {str(error) for error in told} == {"another process kept it locked"}


def test_the_digest_of_a_question_does_not_depend_on_those_before_it():
    def request(*contents):
        return ModelRequest(messages=tuple(ChatMessage(role="user", content=content) for content in contents))

    one = Digester()
    for contents in (("a",), ("a", "b"), ("a", "b", "c" * 20_000), ("b",), ("b", "b"), ("b",), ()):
        assert one.digest(request(*contents)) == Digester().digest(request(*contents))
