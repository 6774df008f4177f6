"""Any number of rows goes into a SQLite store, by however many statements, and all of it or nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sotopia_core.errors import JournalError
from sotopia_core.profiles import AgentProfile
from sotopia_core.stores import Store
from sotopia_storage.sqlite import SQLite
from sotopia_storage.sqlite_rows import ANY_NUMBER, LARGEST, is_one_statement
from sotopia_testing.storage import entry, person, pks

COUNTS = [0, 1, 2, ANY_NUMBER - 1, ANY_NUMBER, ANY_NUMBER + 1, LARGEST - 1, LARGEST, LARGEST + 1, 3 * LARGEST + 77]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with SQLite(path=tmp_path / "rows.db").open() as opened:
        yield opened


@pytest.mark.parametrize("count", COUNTS)
def test_records_and_what_they_are_found_by_are_all_there(store: Store, count: int) -> None:
    people = [person(f"p{number:04}", tag=f"t{number % 2}") for number in range(count)]
    assert store.put_many(people) == count
    assert store.find(AgentProfile) == people
    assert store.count(AgentProfile, {"tag": "t1"}) == count // 2
    assert store.put_many([one.model_copy(update={"tag": "t2"}) for one in people]) == count
    assert store.pks(AgentProfile, {"tag": "t2"}) == pks(people)
    assert store.count(AgentProfile, {"tag": "t1"}) == 0
    assert list(store.check([AgentProfile])) == []


@pytest.mark.parametrize("count", COUNTS)
def test_journal_entries_are_there_in_their_order(store: Store, count: int) -> None:
    entries = [entry("e", turn=turn) for turn in reversed(range(count))]
    store.append_journal(entries)
    assert store.read_journal("e") == entries


@pytest.mark.parametrize("count", [2, ANY_NUMBER + 1, LARGEST + 1])
@pytest.mark.parametrize("there", ["in the store", "among the entries"])
def test_of_entries_of_which_one_is_there_none_is_kept_and_it_is_named(store: Store, count: int, there: str) -> None:
    entries = [entry("e", turn=turn) for turn in range(count)]
    if there == "in the store":
        store.append_journal(entries[-1:])
    else:
        entries.append(entries[count // 2])
    before = store.read_journal("e")
    with pytest.raises(JournalError, match=f"already has episode 'e', turn {entries[-1].turn}, "):
        store.append_journal(entries)
    assert store.read_journal("e") == before
    store.append_journal([entry("f")])  # no transaction is left open


def test_what_counts_as_one_statement() -> None:
    assert [count for count in range(1, 300) if is_one_statement(count)] == [*range(1, ANY_NUMBER), 32, 64, 128]
