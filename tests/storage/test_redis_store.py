"""What a store on a Redis server does beyond the contract: searches to the end, large batches, two versions at once."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest

from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile
from sotopia_core.records import Record
from sotopia_core.stores import Order, Store
from sotopia_storage.redis.storage import Redis
from sotopia_testing.redis_server import RedisServer
from sotopia_testing.storage import Note, OldNote, person, pks

redis = pytest.importorskip("redis", reason="needs the extra redis")


@pytest.fixture
def storage(redis_stack: RedisServer) -> Redis:
    return Redis.from_url(redis_stack.url)


@pytest.fixture
def store(storage: Redis) -> Iterator[Store]:
    with storage.open() as store:
        yield store


@pytest.fixture
def client(redis_stack: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_stack.url, decode_responses=True, protocol=2) as client:
        yield client


def test_a_search_is_complete_past_every_limit_of_the_server(store: Store, client: "redis.Redis") -> None:
    client.execute_command("FT.CONFIG", "SET", "MAXSEARCHRESULTS", "1000")
    client.execute_command("FT.CONFIG", "SET", "TIMEOUT", "1")
    try:
        names = [f"p{number:05}" for number in range(12_000)]
        assert store.put_many(Note(pk=name, value=number % 2) for number, name in enumerate(names)) == 12_000
        assert store.count(Note) == 12_000
        assert store.count(Note, {"value": 1}) == 6_000
        assert store.pks(Note) == names
        assert pks(store.iterate(Note, {"value": 1})) == names[1::2]
        assert pks(store.find(Note, {"value": 0}))[-1] == "p11998"
        assert pks(store.find(Note, order=Order("value", descending=True), limit=2, offset=11_998)) == names[2::-2]
    finally:
        client.execute_command("FT.CONFIG", "SET", "MAXSEARCHRESULTS", "1000000")
        client.execute_command("FT.CONFIG", "SET", "TIMEOUT", "500")


def test_a_server_that_would_cut_a_search_short_is_refused(store: Store, client: "redis.Redis") -> None:
    store.put_many(person(f"p{number:04}") for number in range(1500))
    client.execute_command("FT.CONFIG", "SET", "MAXAGGREGATERESULTS", "1000")
    try:
        with pytest.raises(StorageError, match="limits how much a search may find .*set its MAXAGGREGATERESULTS to -1"):
            store.pks(AgentProfile)
        assert store.count(AgentProfile) == 1500
    finally:
        client.execute_command("FT.CONFIG", "SET", "MAXAGGREGATERESULTS", "-1")


def test_many_records_are_iterated_in_bounded_memory(store: Store) -> None:
    store.put_many(person(f"p{number:04}", public_info="x" * 20_000) for number in range(1000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in store.iterate(AgentProfile)) == 1000
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


def test_an_iteration_that_nobody_reads_for_long_goes_on_where_it_was(
    store: Store, client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sotopia_storage.redis.searching.CURSOR", 10)
    monkeypatch.setattr("sotopia_storage.redis.searching.PATIENCE", 1)
    store.put_many(person(f"p{number:03}", tag=f"t{number % 2}") for number in range(200))

    def searches() -> int:
        calls: int = client.info("commandstats")["cmdstat_FT.AGGREGATE"]["calls"]
        return calls

    records = store.iterate(AgentProfile, {"tag": "t1"})
    seen = [next(records).pk]
    before = searches()
    time.sleep(0.02)
    client.execute_command("FT.CURSOR", "GC", "sotopia:AgentProfile:index", "0")
    seen += pks(records)
    assert seen == [f"p{number:03}" for number in range(1, 200, 2)]
    assert searches() > before


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sotopia_storage.redis.batches.MEMORY", 10_000)


@pytest.mark.usefixtures("small_batches")
def test_a_batch_that_is_sent_in_parts_appears_at_one_moment(store: Store, client: "redis.Redis") -> None:
    counts = set()

    def source() -> Iterator[AgentProfile]:
        for number in range(500):
            counts.add(store.count(AgentProfile, {"tag": "new"}))
            yield person(f"p{number:03}", tag="new", public_info="x" * 200)
        yield person("p000", tag="the later")

    store.put(person("p001", tag="old"))
    assert store.put_many(source()) == 501
    assert counts == {0}
    assert store.count(AgentProfile, {"tag": "new"}) == 499
    assert store.count(AgentProfile, {"tag": "old"}) == 0
    assert store.get(AgentProfile, "p000").tag == "the later"
    assert client.keys("*aside*") == []
    assert {client.ttl(key) for key in client.scan_iter("sotopia:AgentProfile:p*")} == {-1}


@pytest.mark.usefixtures("small_batches")
def test_of_a_batch_whose_source_fails_nothing_is_left(store: Store, client: "redis.Redis") -> None:
    def source() -> Iterator[AgentProfile]:
        yield from (person(f"p{number:03}", public_info="x" * 200) for number in range(500))
        raise OSError("the source ran dry")

    with pytest.raises(OSError, match="^the source ran dry$"):
        store.put_many(source())
    assert store.count(AgentProfile) == 0
    assert client.keys("*aside*") == []


@pytest.mark.usefixtures("small_batches")
def test_a_batch_that_the_server_forgot_in_part_is_refused_whole(store: Store, client: "redis.Redis") -> None:
    def source() -> Iterator[AgentProfile]:
        yield from (person(f"p{number:03}", public_info="x" * 200) for number in range(500))
        client.delete(client.keys("*aside*:7")[0])

    with pytest.raises(StorageError, match="no longer has all of the records that it was sent"):
        store.put_many(source())
    assert store.count(AgentProfile) == 0
    assert client.keys("*aside*") == []


def test_a_class_of_two_versions_shares_one_index(storage: Redis) -> None:
    with storage.open() as old, storage.open() as new:
        old.put(OldNote(pk="a", value=1))
        new.put(Note(pk="b", value=1, values=("x",)))
        old.put(OldNote(pk="c", value=1))
        assert pks(old.find(OldNote.__mro__[0], {"value": 1}, limit=1)) == ["a"]
        assert pks(new.find(Note, {"extra": None})) == ["a", "b", "c"]
        old.put(OldNote(pk="d", value=1))
        assert new.count(Note, {"extra": None, "value": 1}) == 4


def test_an_index_that_was_dropped_is_made_again(store: Store, client: "redis.Redis") -> None:
    store.put_many(person(f"p{number:04}", tag="t") for number in range(2000))
    client.execute_command("FT.DROPINDEX", "sotopia:AgentProfile:index")
    assert store.count(AgentProfile, {"tag": "t"}) == 2000
    client.execute_command("FT.DROPINDEX", "sotopia:AgentProfile:index")
    assert len(store.pks(AgentProfile, {"tag": "t"})) == 2000
    client.flushall()
    assert store.count(AgentProfile, {"tag": "t"}) == 0
    store.put(person("p"))
    assert pks(store.find(AgentProfile)) == ["p"]


def test_namespaces_are_stores_of_their_own(redis_stack: RedisServer, store: Store) -> None:
    store.put(person("here"))
    with Redis.from_url(f"{redis_stack.url}?namespace=other").open() as other:
        assert other.find(AgentProfile) == []
        other.put(person("there"))
        assert other.acquire_lease("run", "me", 60.0)
    assert pks(store.find(AgentProfile)) == ["here"]
    assert store.acquire_lease("run", "you", 60.0)


def test_what_is_stored_can_be_read_through_redis_om(
    store: Store, client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    models = pytest.importorskip("sotopia_storage.redis.models")
    store.put(person("p", tag="pilot 1", age=31))
    model = models.model_of("sotopia", AgentProfile)
    for one in (model, model.model_fields["found"].annotation):
        monkeypatch.setattr(one._meta, "database", client)
    assert model.make_primary_key("p") == "sotopia:AgentProfile:p"
    assert AgentProfile.model_validate_json(model.get("p").document) == person("p", tag="pilot 1", age=31)


def test_every_class_of_the_kernel_has_a_model_in_step_with_it() -> None:
    models = pytest.importorskip("sotopia_storage.redis.models")
    from sotopia_core.database.names import KINDS
    from sotopia_storage.fields import searchable

    kinds: list[type[Record]] = list(KINDS.values())
    for kind in kinds:
        schema = models.schema_of("sotopia", kind)
        for field in set(searchable(kind)) - {"pk"}:
            at = schema.index(f"$.found.{field}[*]")
            assert schema[at + 1 : at + 7] == ["AS", f"found_{field}", "TAG", "SEPARATOR", "|", "CASESENSITIVE"]
