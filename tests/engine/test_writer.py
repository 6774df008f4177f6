"""The writer: durable when a call returns, together what arrives together, and alone what fails."""

import asyncio
import threading

import pytest

from sotopia_core.annotations import Annotator
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.errors import JournalError, StorageError
from sotopia_core.stores import JournalEntry
from sotopia_storage.memory import Memory


def entry(turn):
    return JournalEntry(episode="e", turn=turn, seat="Mia", purpose="act", payload={"turn": turn})


@pytest.fixture
def store():
    with Memory().open() as store:
        yield store


async def test_what_was_put_is_there_when_the_call_returns(store):
    writer = StoreWriter(store)
    await writer.put(Annotator(pk="a", name="A"))
    assert store.get(Annotator, "a").name == "A"
    await writer.append_journal([entry(0), entry(1)])
    assert store.read_journal("e") == [entry(0), entry(1)]
    writer.close()


async def test_what_waits_is_committed_together(store, monkeypatch):
    first_begun, go_on, groups = threading.Event(), threading.Event(), []

    def put_many(records):
        records = list(records)
        groups.append(len(records))
        first_begun.set()
        assert go_on.wait(timeout=10)
        return len(records)

    monkeypatch.setattr(store, "put_many", put_many)
    writer = StoreWriter(store)
    puts = [asyncio.ensure_future(writer.put(Annotator(name="0")))]
    await asyncio.to_thread(first_begun.wait, 10)
    puts += [asyncio.ensure_future(writer.put(Annotator(name=str(number)))) for number in range(50)]
    await asyncio.sleep(0.05)
    go_on.set()
    await asyncio.gather(*puts)
    writer.close()
    assert groups == [1, 50]


async def test_a_culprit_fails_alone_and_the_others_are_kept(store):
    store.append_journal([entry(7)])
    writer = StoreWriter(store)
    answers = await asyncio.gather(
        writer.append_journal([entry(1)]),
        writer.append_journal([entry(7)]),
        writer.put(Annotator(pk="a", name="A")),
        writer.append_journal([entry(2)]),
        return_exceptions=True,
    )
    writer.close()
    assert [type(answer) for answer in answers] == [type(None), JournalError, type(None), type(None)]
    assert sorted(kept.turn for kept in store.read_journal("e")) == [1, 2, 7]
    assert store.count(Annotator) == 1


async def test_records_that_fail_do_not_write_the_journal_twice(store, monkeypatch):
    def put_many(records):
        raise StorageError("the disk is full")

    monkeypatch.setattr(store, "put_many", put_many)
    writer = StoreWriter(store)
    answers = await asyncio.gather(
        writer.append_journal([entry(0)]), writer.put(Annotator(name="A")), return_exceptions=True
    )
    writer.close()
    assert answers[0] is None
    assert str(answers[1]) == "the disk is full"
    assert store.read_journal("e") == [entry(0)]


async def test_a_store_that_breaks_in_an_unforeseen_way_is_a_storage_error(store, monkeypatch):
    monkeypatch.setattr(store, "put_many", lambda records: 1 / 0)
    writer = StoreWriter(store)
    with pytest.raises(StorageError, match="the store failed: ZeroDivisionError: division by zero"):
        await writer.put(Annotator(name="A"))
    writer.close()


async def test_closing_writes_what_was_handed_in(store):
    writer = StoreWriter(store)
    puts = [asyncio.ensure_future(writer.put(Annotator(name=str(number)))) for number in range(300)]
    await asyncio.sleep(0)
    writer.close()
    assert store.count(Annotator) == 300
    await asyncio.gather(*puts)


async def test_who_no_longer_waits_harms_nobody(store):
    writer = StoreWriter(store)
    put = asyncio.ensure_future(writer.put(Annotator(pk="a", name="A")))
    await asyncio.sleep(0)
    put.cancel()
    await writer.put(Annotator(pk="b", name="B"))
    writer.close()
    assert store.count(Annotator) == 2
