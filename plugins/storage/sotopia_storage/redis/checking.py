"""Looking through a store on a Redis server: what it promises to keep, and whether all is in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import redis
from pydantic_core import from_json

from sotopia_core.errors import StorageError
from sotopia_core.records import Record, Written
from sotopia_core.stores import Finding
from sotopia_storage.documents import not_read, read_record
from sotopia_storage.redis.link import Server
from sotopia_storage.redis.models import FOUND, key_of, pk_in, write
from sotopia_storage.redis.original import OriginalRecords
from sotopia_storage.redis.scripts import Journals
from sotopia_storage.redis.searching import Indexes
from sotopia_storage.staging import shape_of

PAGE: Final = 64
"""Documents that are read together."""

SURE: Final = "everything that was stored (appendonly yes, appendfsync always)"


def durability(server: Server) -> str:
    """Say what the server keeps when it dies; some do not tell."""
    if server.facts("persistence").get("aof_enabled") != "1":
        return "what is in the server's last snapshot (appendonly no)"
    how = _setting(server, "appendfsync")
    match how:
        case "always":
            return SURE
        case "everysec":
            return "all but the last two seconds (appendonly yes, appendfsync everysec)"
        case "no":
            return "what the system happened to have written to disk (appendonly yes, appendfsync no)"
        case _:
            return "unknown (appendonly yes; the server does not tell its appendfsync)"


def describe_server(server: Server) -> dict[str, str]:
    """Return the server's version and memory, and what it keeps when it dies."""
    memory = server.facts("memory")
    return {
        "size": f"{memory.get('used_memory_human', 'unknown')} of memory, other data on the server included",
        "durability": durability(server),
        "Redis": server.facts("server").get("redis_version", "unknown"),
    }


def _setting(server: Server, name: str) -> str | None:
    """Return one of the server's settings; None where the server does not tell."""
    try:
        told: list[str] = server.ask("CONFIG", "GET", name)
    except redis.ResponseError:
        return None
    return told[1] if told else None


class Checker:
    """One check of a store."""

    def __init__(
        self, server: Server, namespace: str, indexes: Indexes, original: OriginalRecords, journals: Journals
    ) -> None:
        self._server = server
        self._namespace = namespace
        self._indexes = indexes
        self._original = original
        self._journals = journals

    def findings(self, kinds: Iterable[type[Record]]) -> Iterator[Finding]:
        """Yield what is wrong, and what is at risk."""
        known = {kind.kind(): kind for kind in kinds}
        yield from self._risks()
        for name in sorted({*self._indexes.kinds(), *self._original.prefixes}):
            if name in known:
                yield from self._check_kind(known[name])
            else:
                yield not_read(name, self._count_unknown(name))
        yield from self._check_journals()

    def _risks(self) -> Iterator[Finding]:
        kept = durability(self._server)
        if kept != SURE:
            text = f"when the server dies, it keeps {kept}; set appendonly yes and appendfsync always"
            yield Finding(text, damage=False)
        policy = _setting(self._server, "maxmemory-policy")
        if policy not in (None, "noeviction") and _setting(self._server, "maxmemory") != "0":
            text = (
                f"when its memory is full, the server throws records away ({policy}); set maxmemory-policy noeviction"
            )
            yield Finding(text, damage=False)
        aside = sum(1 for _ in self._server.scan(f"{self._namespace}:aside:*"))
        if aside:
            text = f"{aside:,} documents were sent and never stored, and go within a day: a writer was interrupted"
            yield Finding(text, damage=False)

    def _count_unknown(self, name: str) -> int:
        prefixes = [f"{self._namespace}:{name}:", *self._original.prefixes.get(name, ())]
        return sum(1 for prefix in prefixes for _ in self._server.scan(f"{prefix}*"))

    def _check_kind(self, kind: type[Record]) -> Iterator[Finding]:
        prefix = key_of(self._namespace, kind, "")
        shapes = self._indexes.shapes(kind)
        count = 0
        keys = iter(sorted(set(self._server.scan(f"{prefix}*"))))
        while page := list(islice(keys, PAGE)):
            for key, text in zip(page, self._server.ask("JSON.MGET", *page, "."), strict=True):
                if text is not None:
                    count += 1
                    yield from self._check_entry(kind, pk_in(key, prefix), text, shapes)
        if shapes:
            indexed = self._indexes.count(kind, {})
            if indexed != count:
                yield Finding(f"the index of {kind.kind()} has {indexed:,} of {count:,} records; drop it: FT.DROPINDEX")
        for pk, key in self._original.keys(kind).items():
            try:
                for _ in self._original.read(kind, {pk: key}):
                    pass
            except StorageError as error:
                yield Finding(str(error))

    def _check_entry(self, kind: type[Record], pk: str, text: str, shapes: Mapping[str, str]) -> Iterator[Finding]:
        name = f"{kind.kind()} {pk!r} in {self._server.name}"
        try:
            entry = from_json(text)
            record = read_record(kind, pk, entry["document"], self._server.name)
            expected = from_json(write(Written(record, entry["document"].encode())))
            shape, found, order = entry["shape"], entry[FOUND], entry["order"]
        except StorageError as error:
            yield Finding(str(error))
            return
        except (KeyError, TypeError, ValueError):
            yield Finding(f"{name} is not as this software writes it; it was changed by hand")
            return
        if shape not in shapes:
            yield Finding(f"{name} says not by which fields it is found")
            return
        # What was stored by a version whose class had fewer fields is indexed by those alone.
        fields = (set(json.loads(shapes[shape])) & set(json.loads(shape_of(kind).fields))) - {"pk"}
        if order != expected["order"] or any(found.get(field) != expected[FOUND][field] for field in fields):
            yield Finding(f"{name} is indexed by values that it does not hold; store it again")

    def _check_journals(self) -> Iterator[Finding]:
        for episode in self._journals.sizes():
            try:
                self._journals.read(episode)
            except (StorageError, ValueError) as error:
                yield Finding(f"the journal of episode {episode!r} in {self._server.name} cannot be read: {error}")
