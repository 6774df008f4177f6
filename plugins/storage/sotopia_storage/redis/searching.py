"""The indexes of a namespace: made when they are needed, kept in step with the classes, and searched to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, TypeVar

import redis

from sotopia_core.errors import StorageError
from sotopia_core.records import Record
from sotopia_core.stores import Order
from sotopia_storage.fields import Scalar
from sotopia_storage.redis.batches import shapes_key
from sotopia_storage.redis.link import Server
from sotopia_storage.redis.models import FOUND, added_fields, condition, index_of, schema_of
from sotopia_storage.redis.terms import text_of

T = TypeVar("T")

CURSOR: Final = 1000
"""Primary keys that the server hands out at a time."""

PATIENCE: Final = 300_000
"""Milliseconds that a server keeps a cursor which nobody reads, at most."""

EVERYTHING: Final = 2**31 - 1
TRIES: Final = 5
"""How often an index is looked at again because another process makes or changes it at the same time."""

# 0 means no limit: by default, a search that takes longer than half a second returns what it has, without a word.
TO_THE_END: Final = ("TIMEOUT", "0", "DIALECT", "2")


class Indexes:
    """Searches by index, to the last record: neither a limit on results nor one on time cuts them short."""

    def __init__(self, server: Server, namespace: str) -> None:
        self._server = server
        self._namespace = namespace
        self._ready: set[type[Record]] = set()

    def forget(self) -> None:
        """Look at every index again before it is used next."""
        self._ready.clear()

    def make(self, kind: type[Record]) -> None:
        """See to it that there is an index with all fields of a class, and that every record is in it."""
        for _ in range(TRIES):
            if kind in self._ready:
                return
            self._make(kind)
        raise StorageError(f"the index of {kind.kind()} is being changed again and again; see who does that")

    def _make(self, kind: type[Record]) -> None:
        name = index_of(self._namespace, kind)
        state = self.state(kind)
        try:
            if state is None:
                self._server.ask("FT.CREATE", name, *schema_of(self._namespace, kind))
            elif words := list(added_fields(kind, attributes(state))):
                self._server.ask("FT.ALTER", name, "SCHEMA", "ADD", *words)
            else:
                self._wait(kind, state)
                self._ready.add(kind)
        except redis.ResponseError as error:
            if not any(words in str(error).lower() for words in ("already exists", "duplicate", "no such index")):
                raise

    def _wait(self, kind: type[Record], state: Mapping[str, Any] | None) -> None:
        deadline = time.monotonic() + self._server.timeout
        while state is not None and (int(state["indexing"]) or float(state["percent_indexed"]) < 1):
            if time.monotonic() > deadline:
                done = float(state["percent_indexed"])
                raise StorageError(f"the server is still making the index of {kind.kind()} ({done:.0%}); try again")
            time.sleep(0.02)
            state = self.state(kind)

    def state(self, kind: type[Record]) -> dict[str, Any] | None:
        """Return what the server says of an index; None where there is none."""
        try:
            reply = self._server.ask("FT.INFO", index_of(self._namespace, kind))
        except redis.ResponseError as error:
            if is_missing(error):
                return None
            raise
        return dict(zip(reply[::2], reply[1::2], strict=False))

    def kinds(self) -> set[str]:
        """Return the kinds that records were ever stored of."""
        prefix = shapes_key(self._namespace, "")
        return {key.removeprefix(prefix) for key in self._server.scan(f"{prefix}*", "hash")}

    def shapes(self, kind: type[Record]) -> dict[str, str]:
        """Return in which shapes records of a kind were stored, and for each the fields that it was indexed by."""
        found: dict[str, str] = self._server.ask("HGETALL", shapes_key(self._namespace, kind.kind()))
        return found

    def count(self, kind: type[Record], looked_for: Mapping[str, Scalar]) -> int:
        """Return how many records hold these values."""

        def ask() -> int:
            reply = self._server.ask(
                "FT.SEARCH", index_of(self._namespace, kind), condition(looked_for), "LIMIT", "0", "0", *TO_THE_END
            )
            return int(reply[0])

        return self._with_index(kind, ask)

    def of_shape(self, kind: type[Record], shape: str, most: int) -> list[str]:
        """Return some primary keys of records that were stored in a shape."""

        def ask() -> list[str]:
            reply = self._server.ask(
                "FT.AGGREGATE", index_of(self._namespace, kind), f"@shape:{{{shape}}}",
                "LOAD", "3", "$.order", "AS", "order", "LIMIT", "0", str(most), *TO_THE_END,
            )  # fmt: skip
            return [text_of(_cells(row)["order"]) for row in reply[1:] if row]

        return self._with_index(kind, ask)

    def find(
        self, kind: type[Record], looked_for: Mapping[str, Scalar], order: Order, limit: int | None, offset: int
    ) -> Iterator[str]:
        """Yield the primary keys of the records that hold these values, as they are when the first is asked for."""
        if limit != 0:
            yield from islice(self._found(kind, looked_for, order, limit, offset), offset, None)

    def _found(
        self, kind: type[Record], looked_for: Mapping[str, Scalar], order: Order, limit: int | None, offset: int
    ) -> Iterator[str]:
        cursor = 0
        last: str | None = None
        name = index_of(self._namespace, kind)
        try:
            rows, cursor = self._begin(kind, self._search(kind, looked_for, order, limit, offset))
            while True:
                for row in rows[1:]:
                    last = _cells(row)["order"]
                    yield text_of(last)
                if not cursor:
                    return
                try:
                    rows, cursor = self._server.ask("FT.CURSOR", "READ", name, cursor, "COUNT", CURSOR)
                except redis.ResponseError as error:
                    if "cursor not found" not in str(error).lower() or order != Order() or offset or limit is not None:
                        raise
                    # Nobody read on for too long.
                    rows, cursor = self._begin(kind, self._search(kind, looked_for, order, None, 0, after=last))
        finally:
            if cursor:
                with suppress(redis.RedisError):  # it ends by itself; what matters was read, or is being raised
                    self._server.ask("FT.CURSOR", "DEL", name, cursor)

    def _begin(self, kind: type[Record], command: Sequence[str]) -> tuple[list[Any], int]:
        rows, cursor = self._with_index(kind, lambda: self._server.ask(*command))
        return rows, cursor

    def _search(
        self,
        kind: type[Record],
        looked_for: Mapping[str, Scalar],
        order: Order,
        limit: int | None,
        offset: int,
        after: str | None = None,
    ) -> tuple[str, ...]:
        direction = "DESC" if order.descending else "ASC"
        loaded = ["$.order", "AS", "order"]
        by = ["@order", direction]
        if order.field != "pk":
            loaded += [f"$.{FOUND}.{order.field}[0]", "AS", "by"]
            by = ["@by", direction, *by]
        later = () if after is None else ("FILTER", f"@order > '{after}'")
        # The server limits offsets, so that what is to be left out is asked for and skipped.
        number = EVERYTHING if limit is None else min(offset + limit, EVERYTHING)
        return (
            "FT.AGGREGATE", index_of(self._namespace, kind), condition(looked_for),
            "LOAD", str(len(loaded)), *loaded, *later,
            "SORTBY", str(len(by)), *by, "LIMIT", "0", str(number),
            "WITHCURSOR", "COUNT", str(CURSOR), "MAXIDLE", str(PATIENCE), *TO_THE_END,
        )  # fmt: skip

    def _with_index(self, kind: type[Record], ask: Callable[[], T]) -> T:
        """Return the answer to a search, asked again where its index was missing or may not have been whole."""
        for last in (False,) * TRIES + (True,):
            self.make(kind)
            connections = self._server.connections
            try:
                answer = ask()
            except redis.ResponseError as error:
                if last or not is_missing(error):
                    raise
            else:
                # Over a new connection there may be a server that was started anew, and is still making its indexes.
                if last or connections == self._server.connections:
                    return answer
            self.forget()
        raise AssertionError("the last try returns or raises")


def is_missing(error: redis.ResponseError) -> bool:
    """Whether the server says that there is no such index."""
    said = str(error).lower()
    return "no such index" in said or "unknown index name" in said


def attributes(state: Mapping[str, Any]) -> set[str]:
    """Return the names of the fields of an index."""
    return {str(_cells(one)["attribute"]) for one in state["attributes"]}


def _cells(row: list[Any]) -> dict[str, Any]:
    return dict(zip(row[::2], row[1::2], strict=False))
