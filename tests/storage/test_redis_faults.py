"""A Redis server is killed with -9 and started again: what its settings promise is kept, and no more is promised."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sotopia_core.database.copying import copy_store
from sotopia_core.database.names import STORED
from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile
from sotopia_core.stores import Store
from sotopia_storage.redis.storage import Redis
from sotopia_storage.sqlite import SQLite
from sotopia_testing.redis_server import RedisServer
from sotopia_testing.storage import entry, person
from tests.redis_servers import StartRedis
from tests.storage.processes import running

pytest.importorskip("redis_om", reason="needs the extra redis")


def damages(store: Store) -> list[str]:
    return [found.text for found in store.check(STORED) if found.damage]


class Writer(threading.Thread):
    """Stores one thing after another, goes on after every refusal, and remembers what was acknowledged."""

    def __init__(self, store: Store, name: str) -> None:
        super().__init__()
        self.told: set[str] = set()
        self.batches: set[str] = set()
        self.journal: set[int] = set()
        self.refused = 0
        self.stopping = False
        self._store = store
        self._called = name

    def run(self) -> None:
        for number in range(10**6):
            if self.stopping:
                return
            pk = f"{self._called} {number:05}"
            try:
                self._store.put(person(pk, public_info="x" * 500))
                self.told.add(pk)
                self._store.append_journal([entry(self._called, turn=number)])
                self.journal.add(number)
                if number % 3 == 0:
                    self._store.put_many(person(f"{pk} {part}", tag=f"batch {pk}") for part in range(10))
                    self.batches.add(f"batch {pk}")
            except StorageError:
                self.refused += 1
                time.sleep(0.01)


@pytest.fixture
def writers() -> Iterator[list[Writer]]:
    started: list[Writer] = []
    yield started
    for writer in started:
        writer.stopping = True
        writer.join(30)


def test_with_append_only_nothing_acknowledged_is_lost(start_redis: StartRedis, writers: list[Writer]) -> None:
    server = start_redis(append_only=True)
    delays = random.Random(5)
    with Redis.from_url(server.url).open() as store:
        assert store.describe()["durability"] == "everything that was stored (appendonly yes, appendfsync always)"
        writers += [Writer(store, name) for name in ("a", "b")]
        for writer in writers:
            writer.start()
        for _ in range(4):
            time.sleep(delays.uniform(0.1, 0.3))
            server.kill()
            server.start()
        time.sleep(0.2)
        for writer in writers:
            writer.stopping = True
            writer.join(30)
        there = set(store.pks(AgentProfile))
        for writer in writers:
            assert writer.refused > 0
            assert len(writer.told) > 3
            assert writer.told <= there
            assert writer.journal <= {one.turn for one in store.read_journal(writer._called)}
            assert all(store.count(AgentProfile, {"tag": batch}) == 10 for batch in writer.batches)
        batches = {one.tag for one in store.iterate(AgentProfile) if one.tag}
        assert {store.count(AgentProfile, {"tag": tag}) for tag in batches} == {10}
        assert damages(store) == []
        assert [found.text for found in store.check(STORED)] == []


def test_without_append_only_nothing_is_promised_and_the_store_says_so(start_redis: StartRedis) -> None:
    server = start_redis()
    with Redis.from_url(server.url).open() as store:
        assert store.describe()["durability"] == "what is in the server's last snapshot (appendonly no)"
        store.put_many(person(f"p{number}") for number in range(100))
        server.command("SAVE")
        store.put(person("later"))
        store.append_journal([entry()])
        assert store.acquire_lease("run", "me", 60.0)
        server.kill()
        server.start()
        assert store.count(AgentProfile) == 100
        assert "later" not in store.pks(AgentProfile)
        assert store.read_journal("e") == []
        assert damages(store) == []
        assert any("set appendonly yes and appendfsync always" in found.text for found in store.check(STORED))
        store.put(person("later"))
        store.append_journal([entry()])
        assert store.count(AgentProfile, {"first_name": "Ann"}) == 101


@pytest.mark.parametrize("append_only", [True, False], ids=["append-only", "in memory"])
def test_a_copy_goes_on_after_its_server_was_killed(
    start_redis: StartRedis, append_only: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sotopia_core.database.copying.BATCH", 50)
    server = start_redis(append_only=append_only)
    with SQLite(path=tmp_path / "source.db").open() as source, Redis.from_url(server.url).open() as target:
        source.put_many(person(f"p{number:03}", tag=f"t{number % 7}", public_info="x" * 500) for number in range(400))
        source.append_journal([entry(turn=turn) for turn in range(20)])

        def kill_midway(doing: str, kind: str, done: int, total: int) -> None:
            if (doing, done) == ("copying", 230):
                server.kill()

        with pytest.raises(StorageError, match="no server answers there|the connection broke"):
            copy_store(source, target, STORED, watcher=kill_midway)
        server.start()
        report = copy_store(source, target, STORED, watcher=lambda *_: None)
        assert report.complete
        assert (report.kinds[0].same, report.kinds[0].copied) == ((200, 200) if append_only else (0, 400))
        assert target.count(AgentProfile, {"tag": "t3"}) == source.count(AgentProfile, {"tag": "t3"})
        assert damages(target) == []


def test_a_batch_that_is_sent_in_parts_is_refused_in_one_line_when_its_server_dies(
    start_redis: StartRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sotopia_storage.redis.batches.MEMORY", 20_000)
    server = start_redis(append_only=True)

    def dying() -> Iterator[AgentProfile]:
        for number in range(500):
            if number == 300:
                server.kill()
            yield person(f"p{number:03}", public_info="x" * 1000)

    with Redis.from_url(server.url).open() as store:
        store.put(person("before"))
        with pytest.raises(StorageError, match="no server answers there|the connection broke"):
            store.put_many(dying())
        server.start()
        assert store.pks(AgentProfile) == ["before"]
        assert damages(store) == []


def test_a_search_right_after_a_restart_finds_everything(start_redis: StartRedis) -> None:
    server = start_redis(append_only=True)
    with Redis.from_url(server.url).open() as store:
        store.put_many(person(f"p{number:05}", tag=f"t{number % 2}") for number in range(5000))
        for _ in range(3):
            server.kill()
            server.start()
            assert store.count(AgentProfile, {"tag": "t1"}) == 2500
            assert len(store.pks(AgentProfile)) == 5000


WRITING_UNTIL_KILLED = """
from sotopia_storage.redis import batches
from sotopia_storage.redis.storage import Redis
batches.MEMORY = 20_000
store = Redis.from_url(arguments[0]).open()
say("ready")
def many():
    for number in range(10**6):
        if number == 200:
            say("many")
        yield person(f"p{number:06}", public_info="x" * 1000)
store.put_many(many())
"""


def test_a_writer_that_is_killed_midway_leaves_nothing_but_what_goes_by_itself(
    redis_stack: RedisServer, tmp_path: Path
) -> None:
    with running(WRITING_UNTIL_KILLED, tmp_path, redis_stack.url) as writer:
        assert writer.stdout is not None
        assert [writer.stdout.readline().strip() for _ in range(2)] == ["ready", "many"]
        writer.kill()
        writer.wait(30)
    with Redis.from_url(redis_stack.url).open() as store:
        assert store.contents() == {}
        notes = [found.text for found in store.check(STORED) if not found.damage]
        assert any("were sent and never stored, and go within a day" in note for note in notes)
        assert damages(store) == []
