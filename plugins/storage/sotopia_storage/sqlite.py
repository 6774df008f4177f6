"""The default store: one SQLite file on one host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final
from urllib.parse import quote, unquote

from pydantic import Field

from sotopia_core.errors import StorageError
from sotopia_core.interfaces import OPERATIONAL, Storage
from sotopia_storage.sqlite_store import SQLiteStore

PREFIX: Final = "sqlite:///"


class SQLite(Storage):
    """Records in one file, durable when a call returns, for any number of processes on one host.

    The file is made where it does not exist; its folder is not. A relative path starts from the working directory.
    """

    path: Annotated[Path, OPERATIONAL] = Field(default=Path("sotopia.db"), description="The file")
    busy_timeout: Annotated[float, OPERATIONAL] = Field(
        default=30.0, ge=0, le=86400, description="Seconds to wait while another process writes"
    )

    schemes: ClassVar[tuple[str, ...]] = ("sqlite",)

    @classmethod
    def from_url(cls, url: str) -> SQLite:
        """Read ``sqlite:///relative/path`` or ``sqlite:////absolute/path``; ``%3F`` stands for ``?``, and so on."""
        scheme, found, rest = url.partition("///")
        if scheme.lower() != "sqlite:" or not found or not rest:
            raise StorageError(f"{url!r} names no file; write sqlite:///relative/path or sqlite:////absolute/path")
        if rest == ":memory:":
            raise StorageError(f"{url!r} is no file; a store in memory is memory://")
        if "?" in rest:
            raise StorageError(f"{url!r} has options after the '?', and there are none; in a file's name it is %3F")
        return cls(path=Path(unquote(rest)))

    @property
    def url(self) -> str:
        """The URL that names this file."""
        return PREFIX + quote(self.path.as_posix())

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def open(self) -> SQLiteStore:
        """Open the file, making it where it does not exist; ``StorageError`` says in one line why that cannot be."""
        return SQLiteStore(self.path.absolute(), str(self.path), self.busy_timeout)
