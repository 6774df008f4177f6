"""Which store is meant: the one named, else the environment's, else ``sotopia.db`` in the working directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from sotopia_core.errors import InputError, StorageError, nearest
from sotopia_core.interfaces import Storage
from sotopia_core.registry import Registry

VARIABLES: Final = ("SOTOPIA_STORAGE", "REDIS_OM_URL")
DEFAULT_URL: Final = "sqlite:///sotopia.db"


def find_storage(registry: Registry, url: str | None = None, environ: Mapping[str, str] = os.environ) -> Storage:
    """Return the storage that is meant; ``StorageError`` where its URL makes no sense.

    In this order: ``url``; the variable ``SOTOPIA_STORAGE``; the variable ``REDIS_OM_URL``; ``sotopia.db`` here.
    """
    if url is not None:
        return storage_from_url(registry, url)
    for variable in VARIABLES:
        if environ.get(variable):
            try:
                return storage_from_url(registry, environ[variable])
            except InputError as error:
                raise type(error)(f"{variable}: {error}") from None
    return storage_from_url(registry, DEFAULT_URL)


def storage_from_url(registry: Registry, url: str) -> Storage:
    """Return the storage of whichever plugin answers to the URL's scheme."""
    scheme = urlsplit(url).scheme
    if not scheme:
        raise StorageError(f"{url!r} is not a store's URL; write sqlite:///path/to/file.db")
    schemes: list[str] = []
    failures: list[str] = []
    for name in registry.names("storage"):
        try:
            storage = registry.component("storage", name, Storage)
        except InputError as error:
            failures.append(str(error))
            continue
        if scheme in storage.schemes:
            return storage.from_url(url)
        schemes += storage.schemes
    hint = nearest(scheme, schemes) or f"; there are {', '.join(sorted(schemes))}"
    raise StorageError("; ".join([f"no storage answers to {scheme}://{hint}", *failures]))
