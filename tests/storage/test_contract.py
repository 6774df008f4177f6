"""Both built-in storages keep the whole storage contract."""

from pathlib import Path

import pytest

from sotopia_storage.memory import Memory
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import StorageContract


class TestSQLite(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> SQLite:
        return SQLite(path=tmp_path / "store.db")


class TestMemory(StorageContract):
    persistent = False

    @pytest.fixture
    def storage(self) -> Memory:
        return Memory()
