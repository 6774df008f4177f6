"""What the original Sotopia stored on a server with redis-om is read where it is, exactly searched, and left alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import NotFoundError, StorageError
from sotopia_core.profiles import AgentProfile, EnvironmentProfile
from sotopia_core.stores import Order, Store
from sotopia_storage.redis.storage import Redis
from sotopia_testing.redis_server import RedisServer
from sotopia_testing.storage import pks

redis = pytest.importorskip("redis", reason="needs the extra redis")
pytest.importorskip("redis_om", reason="needs the extra redis")

DATA = Path(__file__).parents[3] / "shared" / "data"
AGENTS = ":sotopia.database.persistent_profile.AgentProfile:"
EPISODES = ":sotopia.database.logs.EpisodeLog:"


@pytest.fixture
def client(redis_stack: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_stack.url, decode_responses=True, protocol=2) as client:
        yield client


@pytest.fixture
def store(redis_stack: RedisServer) -> Iterator[Store]:
    with Redis.from_url(redis_stack.url).open() as store:
        yield store


def agent(pk: str, **fields: Any) -> dict[str, Any]:
    """Return a character as redis-om wrote it."""
    unused = {"mbti": "", "decision_making_style": "", "schwartz_personal_values": [], "moral_values": []}
    return {"pk": pk, "first_name": "Mia", "last_name": "Davis", "age": 31, "occupation": "Chef", **unused, **fields}


def keep(client: "redis.Redis", prefix: str, *documents: dict[str, Any]) -> None:
    for document in documents:
        client.execute_command("JSON.SET", f"{prefix}{document['pk']}", "$", json.dumps(document))


def test_records_are_got_found_counted_and_iterated(client: "redis.Redis", store: Store) -> None:
    keep(client, AGENTS, agent("b", occupation="chef"), agent("a", age=30), agent("c", moral_values=["Care"]))
    client.set(":sotopia.database.persistent_profile.AgentProfile:index:hash", "x")
    assert store.get(AgentProfile, "a").age == 30
    assert pks(store.find(AgentProfile)) == store.pks(AgentProfile) == pks(store.iterate(AgentProfile)) == list("abc")
    assert pks(store.find(AgentProfile, {"occupation": "Chef"})) == ["a", "c"]
    assert pks(store.find(AgentProfile, {"moral_values": "Care", "pk": "c"})) == ["c"]
    assert pks(store.find(AgentProfile, order=Order("age", descending=True), limit=2, offset=1)) == ["b", "a"]
    assert store.count(AgentProfile, {"age": 31}) == 2
    assert store.count(AgentProfile, {"pk": "a"}) == 1
    assert store.find(EnvironmentProfile) == []
    with pytest.raises(NotFoundError):
        store.get(AgentProfile, "d")


def test_what_is_stored_anew_takes_its_place_and_leaves_it_as_it_is(client: "redis.Redis", store: Store) -> None:
    keep(client, AGENTS, agent("a"), agent("c"))
    store.put(store.get(AgentProfile, "a").model_copy(update={"tag": "new"}))
    store.put(AgentProfile(pk="b", first_name="Leo", tag="new"))
    assert [(one.pk, one.tag) for one in store.iterate(AgentProfile)] == [("a", "new"), ("b", "new"), ("c", "")]
    assert store.count(AgentProfile, {"tag": "new"}) == 2
    assert store.count(AgentProfile) == 3
    assert json.loads(client.execute_command("JSON.GET", f"{AGENTS}a")) == agent("a")
    assert store.delete(AgentProfile, "a")
    assert store.pks(AgentProfile) == ["b", "c"]
    assert store.delete(AgentProfile, "c")
    assert not store.delete(AgentProfile, "c")
    assert client.keys("*sotopia.database*") == []


def test_a_prefix_of_the_users_own_is_found_too(client: "redis.Redis", store: Store) -> None:
    keep(client, f"lab[1]*{AGENTS}", agent("a:b"), agent("*"))
    assert store.pks(AgentProfile) == ["*", "a:b"]


def test_a_document_that_is_no_such_record_is_named(client: "redis.Redis", store: Store) -> None:
    keep(client, AGENTS, {"pk": "a", "first_name": "Mia", "age": "old"})
    with pytest.raises(StorageError, match=r"AgentProfile 'a' in redis://.* cannot be read: age.*its key is ':sotopia"):
        store.find(AgentProfile)


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
def test_published_profiles_and_episodes_are_read_as_they_are_from_files(client: "redis.Redis", store: Store) -> None:
    agents = json.loads((DATA / "profiles" / "native" / "agents.json").read_text(encoding="utf-8"))
    keep(client, AGENTS, *({**fields, "pk": pk} for pk, fields in agents.items()))
    lines = (DATA / "episodes" / "episode_logs.jsonl").read_text(encoding="utf-8").splitlines()
    episodes = [json.loads(line) for line in lines if line]
    keep(client, EPISODES, *episodes)

    assert store.pks(AgentProfile) == sorted(agents)
    assert {one.pk: one.secret for one in store.iterate(AgentProfile)} == {
        pk: fields["secret"] for pk, fields in agents.items()
    }
    assert store.pks(EpisodeLog) == sorted(one["pk"] for one in episodes)
    for one in episodes:
        kept = store.get(EpisodeLog, one["pk"])
        assert [list(map(list, turn)) for turn in kept.messages] == one["messages"]
        assert store.pks(EpisodeLog, {"environment": one["environment"], "pk": one["pk"]}) == [one["pk"]]
