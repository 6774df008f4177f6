"""Copying a store: everything arrives, nothing that was there is lost, and an interrupted copy goes on where it was."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sotopia_core.database import copying
from sotopia_core.database.copying import CopyReport, copy_store
from sotopia_core.database.names import STORED
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile
from sotopia_core.records import Record, Written
from sotopia_core.stores import Store
from sotopia_storage.memory import Memory, MemoryStore
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import ALIKE, Note, entry, episode, person, played_episode


def watch(doing: str, kind: str, done: int, total: int) -> None:
    assert doing in ("copying", "verifying")
    assert 0 < done <= total, kind


def copy(source: Store, target: Store, *, overwrite: bool = False) -> CopyReport:
    return copy_store(source, target, STORED, overwrite=overwrite, watcher=watch)


@pytest.fixture
def source() -> Iterator[Store]:
    with Memory().open() as store:
        store.put_many(person(text, tag=text) for text in ALIKE if text)
        store.put_many([played_episode("e"), episode("f")])
        store.append_journal([entry("e"), entry("unstored", payload={"n": 1}), entry("e", attempt=1)])
        yield store


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    with SQLite(path=tmp_path / "target.db").open() as store:
        yield store


def everything(store: Store) -> list[object]:
    records = [record.model_dump_json() for kind in STORED for record in store.iterate(kind)]
    return [records, {episode: store.read_journal(episode) for episode in store.journals()}]


def test_all_records_and_journals_arrive(source: Store, target: Store) -> None:
    report = copy(source, target)
    assert report.complete
    assert everything(target) == everything(source)
    assert [(one.kind, one.found, one.copied) for one in report.kinds] == [
        ("AgentProfile", len(ALIKE) - 1, len(ALIKE) - 1),
        ("EpisodeLog", 2, 2),
    ]
    assert (report.journal.found, report.journal.copied) == (3, 3)
    assert target.find(AgentProfile, {"tag": "Ann "}) == [person("Ann ", tag="Ann ")]


def test_what_is_there_already_is_not_written_again(source: Store, target: Store) -> None:
    first = copy(source, target)
    target.put(person("another"))
    target.append_journal([entry("of another run")])
    again = copy(source, target)
    assert again.complete
    assert [one.copied for one in (*again.kinds, again.journal)] == [0, 0, 0]
    assert [one.same for one in again.kinds] == [one.found for one in first.kinds]
    assert [one.digest for one in again.kinds] == [one.digest for one in first.kinds]
    assert target.get(AgentProfile, "another") == person("another")


def test_other_values_stay_and_are_named_unless_they_are_to_be_overwritten(source: Store, target: Store) -> None:
    target.put(person("Ann", tag="another"))
    report = copy(source, target)
    assert not report.complete
    assert [one.conflicts for one in report.kinds] == [["Ann"], []]
    assert not report.kinds[0].verified
    assert target.get(AgentProfile, "Ann").tag == "another"
    assert target.count(AgentProfile) == source.count(AgentProfile)
    assert copy(source, target, overwrite=True).complete
    assert everything(target) == everything(source)


def test_a_journal_is_continued_and_one_that_went_another_way_stays(source: Store, target: Store) -> None:
    target.append_journal([entry("e"), entry("unstored", payload={"n": 2})])
    report = copy(source, target)
    assert (report.journal.same, report.journal.copied, report.journal.conflicts) == (1, 1, ["unstored"])
    assert not report.complete
    assert target.read_journal("e") == source.read_journal("e")
    assert target.read_journal("unstored") == [entry("unstored", payload={"n": 2})]


def test_records_of_an_unknown_class_are_left_behind_and_told(source: Store, target: Store) -> None:
    source.put_many([Note(pk="a"), Note(pk="b")])
    report = copy(source, target)
    assert report.left == {"Note": 2}
    assert not report.complete


class Interrupted(MemoryStore):
    """A store that breaks at its third batch, and then at none."""

    batches = 0

    def put_written(self, written: Iterable[Written]) -> int:
        self.batches += 1
        if self.batches == 3:
            raise StorageError("the cable was pulled")
        return super().put_written(written)


def test_an_interrupted_copy_goes_on_where_it_was(source: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BATCH", 10)
    with Interrupted() as target:
        with pytest.raises(StorageError, match="the cable was pulled"):
            copy(source, target)
        assert target.contents() == {"AgentProfile": 20}
        report = copy(source, target)
        assert report.complete
        assert report.kinds[0].same == 20
        assert everything(target) == everything(source)


class Forgetful(MemoryStore):
    """A store that says it stored everything, and loses the last record of each batch."""

    def put_written(self, written: Iterable[Written]) -> int:
        kept = list(written)
        super().put_written(kept[:-1])
        return len(kept)


def test_what_the_target_does_not_give_back_is_noticed(source: Store) -> None:
    with Forgetful() as target:
        report = copy(source, target)
    assert [one.verified for one in report.kinds] == [False, False]
    assert not report.complete


def test_every_class_of_records_that_the_kernel_has_is_copied() -> None:
    ours = [one for one in subclasses(Record) if one.__module__.startswith("sotopia_core.")]
    # Other tests make classes of their own out of these.
    classes = {one for one in ours if getattr(sys.modules[one.__module__], one.__name__, None) is one}
    assert set(STORED) == classes
    assert EpisodeLog in classes


def subclasses(kind: type[Record]) -> Iterator[type[Record]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)
