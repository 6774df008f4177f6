"""Over any sequence of operations, the stores in a file, in memory and on a Redis server answer alike."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile
from sotopia_core.records import Record
from sotopia_core.stores import JournalEntry, Order, Store
from sotopia_storage.memory import Memory
from sotopia_storage.redis.storage import Redis
from sotopia_storage.sqlite import SQLite
from sotopia_testing.redis_server import RedisServer
from sotopia_testing.storage import Note, OldNote, entry, pks

NAME = "the store.db"

# Few values, so that records meet; among them those that are easily taken for one another.
texts = st.sampled_from(["", "a", "A", "a\0", "1", "é", "\U0001f600", "x" * 128, "x" * 200, "x" * 199 + "y"]) | st.text(
    max_size=3
)
numbers = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**53, 2**53 + 1, 2**70]) | st.integers(-3, 3)
floats = st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0**53, 2.0**63, 1e300, float("inf"), float("nan")])
scalars = st.none() | st.booleans() | numbers | floats | texts
keys = st.sampled_from(["a", "b", "c", "B", "é", "a\0", "\U0001f600", "x" * 200])

notes = st.builds(
    Note,
    pk=keys,
    value=scalars,
    values=st.lists(scalars, max_size=3).map(tuple),
    extra=st.none() | st.dictionaries(st.text(max_size=2), st.lists(scalars, max_size=2), max_size=2),
)
old_notes = st.builds(OldNote, pk=keys, value=scalars)
people = st.builds(
    AgentProfile,
    pk=keys,
    first_name=texts,
    age=st.none() | numbers,
    moral_values=st.lists(texts, max_size=2).map(tuple),
)
episodes = st.builds(EpisodeLog, pk=keys, environment=texts, agents=st.lists(texts, max_size=3).map(tuple))
records = notes | old_notes | people | episodes

kinds = st.sampled_from([Note, Note, OldNote, AgentProfile, EpisodeLog])
fields = st.sampled_from(["pk", "value", "values", "extra", "age", "first_name", "moral_values", "agents", "nonsense"])
conditions = st.none() | st.dictionaries(fields, scalars | st.lists(scalars, max_size=1), max_size=2)
orders = st.builds(Order, field=fields, descending=st.booleans())
entries = st.lists(
    st.builds(
        entry,
        episode=keys,
        attempt=st.integers(0, 2),
        turn=st.integers(0, 1),
        seat=st.sampled_from(["Ann", "ann"]),
        payload=st.dictionaries(st.text(max_size=2), scalars, max_size=2),
    ),
    max_size=3,
)


def outcome(store: Store, operation: Callable[[Store], object]) -> tuple[type, str]:
    """Say what an operation returned or raised, in a form that tells 1 from True and -0.0 from 0.0."""
    try:
        answer = operation(store)
    except (StorageError, ZeroDivisionError) as error:
        return type(error), str(error).replace("memory://", NAME)
    return type(answer), repr(answer)


def failing(batch: list[Record]) -> Iterator[Record]:
    """Yield records, then fail."""
    yield from batch
    raise ZeroDivisionError("the source failed")


class Stores(RuleBasedStateMachine):
    """What is done to a store, and to one in memory that says what must come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.store, self.name = self.open()
        self.memory = Memory().open()

    def open(self) -> tuple[Store, str]:
        """Return an empty store, and its name in messages."""
        raise NotImplementedError

    def teardown(self) -> None:
        self.store.close()
        self.memory.close()

    def agree(self, operation: Callable[[Store], object]) -> None:
        kind, text = outcome(self.store, operation)
        assert (kind, text.replace(self.name, NAME)) == outcome(self.memory, operation)

    @rule(record=records)
    def put(self, record: Record) -> None:
        self.agree(lambda store: store.put(record))

    @rule(batch=st.lists(records, max_size=6))
    def put_many(self, batch: list[Record]) -> None:
        self.agree(lambda store: store.put_many(iter(batch)))

    @rule(batch=st.lists(records, max_size=3))
    def put_many_from_a_source_that_fails(self, batch: list[Record]) -> None:
        self.agree(lambda store: store.put_many(failing(batch)))

    @rule(kind=kinds, pk=keys)
    def get(self, kind: type[Record], pk: str) -> None:
        self.agree(lambda store: store.get(kind, pk))

    @rule(kind=kinds, pk=keys)
    def delete(self, kind: type[Record], pk: str) -> None:
        self.agree(lambda store: store.delete(kind, pk))

    @rule(kind=kinds, where=conditions, order=orders, limit=st.none() | st.integers(-1, 4), offset=st.integers(-1, 3))
    def find(
        self, kind: type[Record], where: Mapping[str, Any] | None, order: Order, limit: int | None, offset: int
    ) -> None:
        self.agree(lambda store: store.find(kind, where, order=order, limit=limit, offset=offset))

    @rule(where=st.none() | st.dictionaries(st.sampled_from(["value", "values"]), scalars), order=st.booleans())
    def find_notes(self, where: Mapping[str, Any] | None, order: bool) -> None:
        self.agree(lambda store: store.find(Note, where, order=Order("value", descending=order)))

    @rule(kind=kinds, where=conditions)
    def count(self, kind: type[Record], where: Mapping[str, Any] | None) -> None:
        self.agree(lambda store: store.count(kind, where))

    @rule(kind=kinds, where=conditions)
    def iterate(self, kind: type[Record], where: Mapping[str, Any] | None) -> None:
        self.agree(lambda store: pks(store.iterate(kind, where)))
        self.agree(lambda store: store.pks(kind, where))

    @rule(batch=entries)
    def append_journal(self, batch: list[JournalEntry]) -> None:
        self.agree(lambda store: store.append_journal(batch))

    @rule(episode=keys)
    def read_journal(self, episode: str) -> None:
        self.agree(lambda store: store.read_journal(episode))

    @rule(episodes=st.lists(keys, unique=True, max_size=2))
    def drop_journals(self, episodes: list[str]) -> None:
        self.agree(lambda store: store.drop_journals(episodes))

    @rule(name=keys, owner=st.sampled_from(["me", "you"]), seconds=st.sampled_from([60.0, 0.0]))
    def acquire_lease(self, name: str, owner: str, seconds: float) -> None:
        self.agree(lambda store: store.acquire_lease(name, owner, seconds))

    @rule(name=keys, owner=st.sampled_from(["me", "you"]))
    def release_lease(self, name: str, owner: str) -> None:
        self.agree(lambda store: store.release_lease(name, owner))


class File(Stores):
    def open(self) -> tuple[Store, str]:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / NAME
        return SQLite(path=path).open(), str(path)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


def test_a_file_and_memory_agree() -> None:
    run_state_machine_as_test(File, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))


def test_a_redis_server_and_memory_agree(redis_stack: RedisServer) -> None:
    pytest.importorskip("redis_om", reason="needs the extra redis")

    class Server(Stores):
        def open(self) -> tuple[Store, str]:
            redis_stack.clear()
            storage = Redis.from_url(redis_stack.url)
            return storage.open(), storage.url

    run_state_machine_as_test(Server, settings=settings(max_examples=40, stateful_step_count=40, deadline=None))
