"""The one store that records are saved to and found in, opened when it is first needed."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from sotopia_core.database.locate import find_storage, storage_from_url
from sotopia_core.interfaces import Storage
from sotopia_core.registry import Registry
from sotopia_core.stores import Store


@dataclass
class _InUse:
    """``named`` is what ``use_storage`` chose. Stores are kept open by process, since connections do not survive a
    fork, and by folder, since a relative path means another file in each."""

    lock: RLock = field(default_factory=RLock)
    named: Store | None = None
    opened: dict[tuple[int, Path, str], Store] = field(default_factory=dict)

    def open(self, storage: Storage) -> Store:
        key = (os.getpid(), Path.cwd(), storage.url)
        if key not in self.opened:
            self.opened[key] = storage.open()
        return self.opened[key]

    def close_all(self) -> None:
        for (process, _, _), store in self.opened.items():
            if process == os.getpid():
                store.close()


_in_use = _InUse()
atexit.register(_in_use.close_all)


def use_storage(where: str | Storage | Store) -> Store:
    """Use a store for all records of this process: a URL, a ``Storage`` component, or a store that is open already.

    Returns the store; ``StorageError`` where it cannot be opened, and then nothing changes.
    """
    with _in_use.lock:
        storage = storage_from_url(Registry.installed(), where) if isinstance(where, str) else where
        _in_use.named = storage if isinstance(storage, Store) else _in_use.open(storage)
        return _in_use.named


def use_default_storage() -> None:
    """Go back to the default: ``SOTOPIA_STORAGE``, else ``REDIS_OM_URL``, else ``sotopia.db`` in the working directory.

    It is opened when it is next needed.
    """
    with _in_use.lock:
        _in_use.named = None


def existing_store() -> Store | None:
    """Return the store in use, or None where there is none yet: looking must not make an empty one."""
    with _in_use.lock:
        if _in_use.named is None and not find_storage(Registry.installed()).exists():
            return None
        return current_store()


def current_store() -> Store:
    """Return the store in use, opening it if need be; ``StorageError`` where that cannot be."""
    with _in_use.lock:
        return _in_use.named if _in_use.named is not None else _in_use.open(find_storage(Registry.installed()))
