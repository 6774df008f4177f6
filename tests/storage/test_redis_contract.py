"""The storage on a Redis server keeps the whole storage contract."""

import pytest

from sotopia_storage.redis.storage import Redis
from sotopia_testing.redis_server import RedisServer
from sotopia_testing.storage import StorageContract

pytest.importorskip("redis_om", reason="needs the extra redis")


class TestRedis(StorageContract):
    @pytest.fixture
    def storage(self, redis_stack: RedisServer) -> Redis:
        return Redis.from_url(redis_stack.url)
