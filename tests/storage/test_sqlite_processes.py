"""Several processes share a SQLite store, and a killed one takes nothing with it that it had been told was stored."""

import random
import signal
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import entry, person, pks
from tests.storage.processes import hear, running, tell

WRITER = """
name = arguments[0]
say("ready")
sys.stdin.readline()
with SQLite(path=path).open() as store:
    for number in range(100):
        store.put(person(f"{name} {number:03}", tag=name))
        if store.acquire_lease(f"lease {number}", name, 60.0):
            say(f"lease {number}")
    store.put_many(person(f"{name} batch {number:03}", tag=name) for number in range(200))
    say(f"counted {store.count(AgentProfile, {'tag': name})}")
"""


def test_processes_that_make_a_store_at_once_lose_nothing(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    with ExitStack() as stack:
        writers = [stack.enter_context(running(WRITER, tmp_path / "store.db", name)) for name in names]
        assert [hear(writer) for writer in writers] == ["ready"] * 3
        for writer in writers:
            tell(writer, "go")
        lines = [line for writer in writers for line in writer.communicate(timeout=60)[0].splitlines()]
        assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert lines.count("counted 300") == 3
    assert sorted(line for line in lines if "lease" in line) == sorted(f"lease {number}" for number in range(100))
    with SQLite(path=tmp_path / "store.db").open() as store:
        assert store.count(AgentProfile) == 900
        for name in names:
            written = [f"{name} {number:03}" for number in range(100)]
            batch = [f"{name} batch {number:03}" for number in range(200)]
            assert pks(store.iterate(AgentProfile, {"tag": name})) == [*written, *batch]


LOCKER = """
import sqlite3
connection = sqlite3.connect(path, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
say("locked")
sys.stdin.readline()
connection.execute("COMMIT")
say("unlocked")
sys.stdin.readline()
"""


def test_a_store_that_another_process_keeps_locked_can_be_read_and_says_why_not_written(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SQLite(path=path, busy_timeout=0.3).open() as store:
        store.put(person("before"))
        with running(LOCKER, path) as locker:
            assert hear(locker) == "locked"
            start = time.monotonic()
            with pytest.raises(StorageError) as caught:
                store.put(person("refused"))
            assert 0.2 < time.monotonic() - start < 10
            assert str(caught.value) == (
                f"the store {str(path)!r}: another process kept it locked for more than 0.3 s; "
                "wait for that one, or end it"
            )
            for refused in (
                lambda: store.append_journal([entry()]),
                lambda: store.delete(AgentProfile, "before"),
                lambda: store.acquire_lease("run", "me", 1.0),
            ):
                with pytest.raises(StorageError, match="locked for more than"):
                    refused()
            assert pks(store.find(AgentProfile)) == ["before"]
            with SQLite(path=path, busy_timeout=0.3).open() as other:
                assert other.count(AgentProfile, {"tag": ""}) == 1
            tell(locker, "unlock")
            assert hear(locker) == "unlocked"
            store.put(person("after"))
        assert pks(store.find(AgentProfile)) == ["after", "before"]
        assert store.read_journal("e") == []


LOCKING_FOR_A_WHILE = """
import sqlite3, time
connection = sqlite3.connect(path, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
say("locked")
time.sleep(0.6)
connection.execute("COMMIT")
"""


def test_a_writer_waits_for_another_process_within_the_busy_timeout(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SQLite(path=path, busy_timeout=30.0).open() as store, running(LOCKING_FOR_A_WHILE, path) as locker:
        assert hear(locker) == "locked"
        start = time.monotonic()
        store.put(person("p"))
        assert time.monotonic() - start > 0.3
        assert store.count(AgentProfile) == 1


WRITING_UNTIL_KILLED = """
store = SQLite(path=path).open()
say("ready")
for number in range(10**6):
    pk = f"{arguments[0]} {number:06}"
    store.put(person(pk, tag="single", public_info=pk + " x" * 2000))
    say(f"put {pk}")
    store.append_journal([JournalEntry(episode="e", turn=number, seat=pk, purpose="act", payload={})])
    say(f"journal {pk}")
    if number % 5 == 0:
        store.put_many(person(f"{pk} {part:02}", tag=f"batch {pk}") for part in range(20))
        say(f"batch {pk}")
    if number % 7 == 0:
        store.put(person(pk, tag="again"))
        say(f"again {pk}")
    if number % 11 == 0:
        store.delete(AgentProfile, pk)
        say(f"delete {pk}")
"""


def test_whatever_a_killed_process_was_told_is_stored_is_there(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    told: dict[str, list[str]] = {word: [] for word in ("put", "journal", "batch", "again", "delete")}
    delays = random.Random(7)
    for number in range(4):
        with running(WRITING_UNTIL_KILLED, path, f"round {number}") as writer:
            assert hear(writer) == "ready"
            time.sleep(delays.uniform(0.05, 0.3))
            writer.send_signal(signal.SIGKILL)
            for line in writer.communicate(timeout=60)[0].splitlines():
                word, pk = line.split(" ", 1)
                told[word].append(pk)
    assert min(map(len, told.values())) >= 4

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with SQLite(path=path).open() as store:
        everything = {record.pk: record for record in store.iterate(AgentProfile)}
        for pk in set(told["put"]) - set(told["delete"]):
            # Nobody was told of the last steps of each round, which may have been done or not.
            assert pk in everything or pk == max(put for put in told["put"] if put[:7] == pk[:7])
        assert all(everything[pk].tag == "again" for pk in set(told["again"]) & set(everything))
        assert not set(told["delete"]) & set(everything)
        assert {one.seat for one in store.read_journal("e")} >= set(told["journal"])
        for pk in told["batch"]:
            assert store.count(AgentProfile, {"tag": f"batch {pk}"}) == 20
        batches = {record.tag for record in everything.values() if record.tag.startswith("batch")}
        assert all(store.count(AgentProfile, {"tag": tag}) == 20 for tag in batches)
        for record in everything.values():
            assert store.count(AgentProfile, {"pk": record.pk, "tag": record.tag}) == 1
        assert store.count(AgentProfile, {"first_name": "Ann"}) == len(everything)
        assert store.acquire_lease("run", "me", 1.0)
        store.put(person("after"))
