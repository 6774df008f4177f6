"""The Redis servers that tests run on: real ones, which can be killed, hung and started again."""

import os
import re
import socket
from pathlib import Path

import pytest

from sotopia_testing.redis_server import RedisServer
from tests.redis_servers import StartRedis


def test_a_server_with_modules_indexes_json(redis_stack: RedisServer) -> None:
    assert redis_stack.command("JSON.SET k $ [1]") == "+OK"
    assert redis_stack.command("FT._LIST") == "*0"


def test_a_plain_server_has_no_modules(plain_redis: RedisServer) -> None:
    assert plain_redis.command("JSON.GET k").startswith("-ERR unknown command")
    assert plain_redis.command("MODULE LIST") == "*0"


@pytest.mark.parametrize("modules", [True, False], ids=["with modules", "plain"])
@pytest.mark.parametrize(("append_only", "kept"), [(True, ":1"), (False, ":0")])
def test_what_is_kept_when_a_server_is_killed(
    start_redis: StartRedis, modules: bool, append_only: bool, kept: str
) -> None:
    server = start_redis(modules=modules, append_only=append_only)
    port = server.port
    assert server.command("SET k v") == "+OK"
    server.kill()
    with pytest.raises(OSError):  # noqa: PT011 (which one depends on the system)
        server.command("PING")
    server.start()
    assert server.port == port
    assert server.command("EXISTS k") == kept


def test_a_server_with_a_password_wants_it(start_redis: StartRedis) -> None:
    server = start_redis(modules=False, password="pass:word/1")
    assert server.url == f"redis://:pass%3Aword%2F1@127.0.0.1:{server.port}"
    assert server.command("PING") == "+PONG"
    with socket.create_connection(("127.0.0.1", server.port)) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")


def test_a_hanging_server_accepts_and_answers_nothing(start_redis: StartRedis) -> None:
    server = start_redis(modules=False)
    server.hang()
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.2) as connection:
        connection.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(100)
    server.wake()
    assert server.command("PING") == "+PONG"


def test_a_program_that_is_no_server_is_shown_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        RedisServer(Path("/bin/false"), tmp_path, patience=2.0).start()


def test_a_server_that_does_not_answer_in_time_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "silent"
    program.write_text("#!/bin/sh\necho started $$\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(RuntimeError, match="did not start") as caught:
        RedisServer(program, tmp_path, patience=0.3).start()
    started = [int(process) for process in re.findall(r"started (\d+)", str(caught.value))]
    assert started
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
