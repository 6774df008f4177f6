"""Streams of records pass through a SQLite store in memory that does not grow with them."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile
from sotopia_storage import staging
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import ALIKE, person, pks

RECORDS = 1200
SIZE = 20_000


def people() -> Iterator[AgentProfile]:
    for number in range(RECORDS):
        yield person(f"p{number:04}", age=number, public_info=f"{number} \n\r\u2028 " + "x" * SIZE)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_many_records_are_put_and_iterated_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MEMORY", 2**20)
    monkeypatch.setattr(staging, "BATCH", 16)
    limit = RECORDS * SIZE / 3
    with SQLite(path=tmp_path / "store.db").open() as store:
        assert store.put_many(people()) == RECORDS
        assert tracemalloc.get_traced_memory()[1] < limit
        tracemalloc.reset_peak()
        assert all(one == other for one, other in zip(store.iterate(AgentProfile), people(), strict=True))
        assert tracemalloc.get_traced_memory()[1] < limit
        assert pks(store.find(AgentProfile, {"age": 777})) == ["p0777"]


def test_records_set_aside_in_a_file_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MEMORY", 0)
    texts = [text for text in ALIKE if text]
    with SQLite(path=tmp_path / "store.db").open() as store:
        store.put_many(person(text, tag=text, moral_values=(text, ""), age=number) for number, text in enumerate(texts))
        for number, text in enumerate(texts):
            expected = person(text, tag=text, moral_values=(text, ""), age=number)
            assert store.get(AgentProfile, text) == expected
            for where in ({"tag": text}, {"moral_values": text}, {"age": number}):
                assert store.find(AgentProfile, where) == [expected]


def test_of_two_records_with_one_pk_the_later_stays_also_across_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MEMORY", 0)
    monkeypatch.setattr(staging, "BATCH", 2)
    with SQLite(path=tmp_path / "store.db").open() as store:
        store.put_many(person("p", tag=str(number)) for number in range(5))
        assert [store.count(AgentProfile, {"tag": str(number)}) for number in range(5)] == [0, 0, 0, 0, 1]


def test_a_folder_for_temporary_files_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MEMORY", 0)
    with SQLite(path=tmp_path / "store.db").open() as store:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
        with pytest.raises(StorageError, match=r"cannot set records aside in the folder '.*gone': No such file"):
            store.put_many([person("p")])
        assert store.count(AgentProfile) == 0
