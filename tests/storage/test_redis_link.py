"""What is said where a Redis server cannot be used, in one line and within bounded time."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile
from sotopia_storage.redis.storage import Redis
from sotopia_testing.redis_server import RedisServer
from sotopia_testing.storage import entry, person, pks
from tests.redis_servers import MODULES, StartRedis

pytest.importorskip("redis_om", reason="needs the extra redis")


def refusal(url: str, **options: float) -> str:
    """Return why a store cannot be opened, but for its name, which comes first."""
    storage = Redis.from_url(url).model_copy(update=options)
    with pytest.raises(StorageError) as caught:
        storage.open()
    before, _, reason = str(caught.value).partition(f"{storage.url!r}: ")
    assert before == "cannot open the store "
    assert "\n" not in reason
    return reason


def test_no_server() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        start = "no server answers there; start it, or run Redis 8 or Redis Stack"
        assert refusal(f"redis://127.0.0.1:{port}").startswith(start)


def test_no_such_host() -> None:
    assert refusal("redis://no-such-host.invalid", connect_timeout=2.0) in (
        "no host of that name is known",
        "the server did not answer within 30 s; it hangs, or it is overloaded",
    )


def test_a_plain_server(plain_redis: RedisServer) -> None:
    expected = "a plain Redis 6.2.14 without RedisJSON and RediSearch; run Redis 8 or Redis Stack"
    assert refusal(plain_redis.url).startswith(expected)


def test_a_server_that_lacks_one_module(start_redis: StartRedis) -> None:
    server = start_redis(modules=MODULES[1:])
    assert refusal(server.url).startswith("a Redis 7.4.1 without RedisJSON; run Redis 8 or Redis Stack")


def test_passwords(start_redis: StartRedis) -> None:
    server = start_redis(modules=False, password="the word")
    place = server.url.rpartition("@")[2]
    assert refusal(f"redis://{place}") == (
        "the server wants a password: redis://:PASSWORD@HOST:PORT, or password_env in a run file"
    )
    assert refusal(f"redis://:another@{place}") == "the server does not take this user and password"
    assert refusal(f"redis://ann:another@{place}") == "the server does not take this user and password"
    assert refusal(server.url).startswith("a plain Redis")


def test_a_password_that_the_server_does_not_want(plain_redis: RedisServer) -> None:
    url = plain_redis.url.replace("://", "://:word@")
    assert refusal(url) == "a password was given, and the server has none; leave it out"


def test_a_user_who_may_not(redis_stack: RedisServer) -> None:
    redis_stack.command("ACL SETUSER guest on >word +@connection ~*")
    try:
        reason = refusal(redis_stack.url.replace("://", "://guest:word@"))
        assert reason.startswith("the user may not do this on the server (")
    finally:
        redis_stack.command("ACL DELUSER guest")


def test_a_server_that_hangs_is_waited_for_no_longer_than_was_said(start_redis: StartRedis) -> None:
    server = start_redis(modules=False)
    server.hang()
    start = time.monotonic()
    assert refusal(server.url, timeout=0.3) == "the server did not answer within 0.3 s; it hangs, or it is overloaded"
    assert 0.2 < time.monotonic() - start < 3


def test_a_server_that_begins_to_hang_or_ends_while_it_is_used(start_redis: StartRedis) -> None:
    server = start_redis(append_only=True)
    with Redis.from_url(server.url).model_copy(update={"timeout": 0.5}).open() as store:
        store.put(person("before"))
        server.hang()
        with pytest.raises(StorageError, match="did not answer within 0.5 s"):
            store.get(AgentProfile, "before")
        server.wake()
        assert pks(store.find(AgentProfile)) == ["before"]
        server.kill()
        for use in (lambda: store.put(person("lost")), lambda: store.append_journal([entry()])):
            with pytest.raises(StorageError, match="no server answers there|the connection broke"):
                use()
        server.start()
        store.put(person("after"))
        assert pks(store.find(AgentProfile, {"first_name": "Ann"})) == ["after", "before"]


def test_a_server_without_tls(plain_redis: RedisServer) -> None:
    assert refusal(plain_redis.url.replace("redis:", "rediss:"), timeout=1.0).startswith(
        ("no encrypted connection comes about", "the connection broke", "the server did not answer")
    )


@pytest.fixture
def web_server() -> Iterator[int]:
    """The port of something that answers as a web server does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def test_something_else_that_answers(web_server: int) -> None:
    assert refusal(f"redis://127.0.0.1:{web_server}") == "what answers there is no Redis server"


def test_a_server_that_is_out_of_memory(start_redis: StartRedis) -> None:
    server = start_redis()
    with Redis.from_url(server.url).open() as store:
        store.put(person("p"))
        server.command("CONFIG SET maxmemory 1mb")
        with pytest.raises(StorageError, match="out of the memory that it may use; raise its maxmemory"):
            store.put_many([person("q"), person("r")])
        server.command("CONFIG SET maxmemory 0")
        assert store.pks(AgentProfile) == ["p"]


def test_no_password_is_in_an_error_or_in_what_is_kept_of_a_store(start_redis: StartRedis) -> None:
    server = start_redis(password="secretword")
    storage = Redis.from_url(server.url)
    with storage.open() as store:
        server.kill()
        with pytest.raises(StorageError) as caught:
            store.get(AgentProfile, "p")
        shown: BaseException | None = caught.value
        while shown is not None:
            assert "secretword" not in f"{shown} {shown!r}"
            shown = shown.__cause__
    assert "secretword" not in f"{storage!r} {storage.url} {store!r}"
