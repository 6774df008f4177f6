"""Opening the store that a command means."""

from __future__ import annotations

from sotopia_core.errors import StorageError
from sotopia_core.interfaces import Storage
from sotopia_core.stores import Store


def find_to_read(url: str | None) -> Storage:
    """Return the storage that ``--store`` or the environment names; ``StorageError`` where there is nothing in it."""
    from sotopia_core.database.locate import find_storage
    from sotopia_core.registry import Registry

    storage = find_storage(Registry.installed(), url)
    if not storage.exists():
        raise StorageError(f"there is no store at {storage.url}; play something first, or name another with --store")
    return storage


def open_to_read(url: str | None) -> tuple[Store, str]:
    """Open the store that ``--store`` or the environment names, and return it with its URL.

    ``StorageError`` where there is none: looking must not make an empty one.
    """
    storage = find_to_read(url)
    return storage.open(), storage.url
