"""What the original Sotopia stored on the server: JSON documents of redis-om, read where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from pydantic_core import from_json

from sotopia_core.database.files import record_of
from sotopia_core.errors import RecordError, StorageError
from sotopia_core.records import Record
from sotopia_storage.redis.link import Server

R = TypeVar("R", bound=Record)

PATTERN: Final = "*sotopia.database.*"
KEY: Final = re.compile(r"(.*?sotopia\.database\.(?:\w+\.)*(\w+):)(.+)", re.DOTALL)
"""redis-om's keys: a prefix of the user's, the module and the name of the class, and the primary key."""

PAGE: Final = 64
"""Documents that are read together."""


class OriginalRecords:
    """Documents under such keys as ``:sotopia.database.logs.EpisodeLog:01H5TNE5PRKQ0RQ4E47M7VJEQ7``.

    They have no index that could be trusted with an exact search, so a search reads all of a class. Which classes there
    are is found out once, by going through all keys.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._prefixes: dict[str, set[str]] | None = None

    @property
    def prefixes(self) -> dict[str, set[str]]:
        """For each kind of record that is there, what its keys begin with."""
        if self._prefixes is None:
            prefixes: dict[str, set[str]] = {}
            for key in self._server.scan(PATTERN):
                if found := KEY.fullmatch(key):
                    prefixes.setdefault(found[2], set()).add(found[1])
            self._prefixes = prefixes
        return self._prefixes

    def holds(self, kind: type[Record]) -> bool:
        """Whether any document of that kind was there."""
        return kind.kind() in self.prefixes

    def pks(self, kind: str) -> list[str]:
        """Return the primary keys of all documents of a kind, sorted."""
        return list(self._keys(kind))

    def keys(self, kind: type[Record]) -> dict[str, str]:
        """Return the key of each document of a kind, by primary key, sorted."""
        return self._keys(kind.kind())

    def _keys(self, kind: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for prefix in sorted(self.prefixes.get(kind, ())):
            escaped = re.sub(r"([*?\[\]\\])", r"\\\1", prefix)
            for key in self._server.scan(f"{escaped}*"):
                found.setdefault(key.removeprefix(prefix), key)
        return dict(sorted(found.items()))

    def find(self, kind: type[R], pk: str) -> R | None:
        """Return the record with that primary key; None where there is none."""
        for prefix in sorted(self.prefixes.get(kind.kind(), ())):
            for record in self.read(kind, {pk: f"{prefix}{pk}"}):
                return record
        return None

    def read(self, kind: type[R], keys: dict[str, str]) -> Iterator[R]:
        """Yield the records under these keys, given by primary key, but for those that are gone."""
        pks = list(keys)
        for start in range(0, len(pks), PAGE):
            page = pks[start : start + PAGE]
            texts: Sequence[str | None] = self._server.ask("JSON.MGET", *(keys[pk] for pk in page), ".")
            for pk, text in zip(page, texts, strict=True):
                if text is not None:
                    yield self._record(kind, pk, keys[pk], text)

    def _record(self, kind: type[R], pk: str, key: str, text: str) -> R:
        try:
            record = record_of(from_json(text), kind, pk)
        except RecordError as error:
            raise StorageError(
                f"{kind.kind()} {pk!r} in {self._server.name} cannot be read: {error}; its key is {key!r}"
            ) from None
        assert isinstance(record, kind)
        return record

    def delete(self, kind: type[Record], pk: str) -> bool:
        """Delete a document. Returns whether it was there."""
        keys = [f"{prefix}{pk}" for prefix in self.prefixes.get(kind.kind(), ())]
        return bool(keys) and bool(self._server.ask("DEL", *keys))
