"""The one thread through which a run writes to its store; what arrives together is committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from sotopia_core.errors import StorageError
from sotopia_core.interfaces import JournalEntry, Store
from sotopia_core.records import Record

LARGEST_GROUP: Final = 256
"""Requests that one commit may hold."""


@dataclass(frozen=True, slots=True)
class _Request:
    """Records to store, or journal entries to keep, and who waits for it."""

    records: tuple[Record, ...]
    entries: tuple[JournalEntry, ...]
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class StoreWriter:
    """Writes for an event loop without blocking it. Each call returns when its data is durable, or raises."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="sotopia-store-writer", daemon=True)
        self._thread.start()

    async def put(self, *records: Record) -> None:
        """Store records; ``StorageError`` where that fails."""
        await self._submit(records, ())

    async def append_journal(self, entries: Sequence[JournalEntry]) -> None:
        """Keep journal entries; ``JournalError`` where one is there already."""
        await self._submit((), tuple(entries))

    def close(self) -> None:
        """Write what was handed in and end the thread. The store stays open."""
        self._queue.put(None)
        self._thread.join()

    async def _submit(self, records: tuple[Record, ...], entries: tuple[JournalEntry, ...]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Request(records, entries, done, loop))
        await done

    def _work(self) -> None:
        open_ = True
        while open_:
            group: list[_Request] = []
            request = self._queue.get()
            while request is not None:
                group.append(request)
                if len(group) == LARGEST_GROUP:
                    break
                try:
                    request = self._queue.get_nowait()
                except Empty:
                    break
            else:
                open_ = False
            if group:
                self._write(group)

    def _write(self, group: list[_Request]) -> None:
        """Write a group: what was paid for first, each kind in a commit of its own."""
        journal = [request for request in group if request.entries]
        records = [request for request in group if request.records]
        if journal:
            self._commit(journal, lambda: self._store.append_journal([e for r in journal for e in r.entries]))
        if records:
            self._commit(records, lambda: self._store.put_many(record for r in records for record in r.records))

    def _commit(self, group: list[_Request], write: Callable[[], object]) -> None:
        try:
            write()
        except Exception as error:
            if len(group) == 1:
                _answer(group[0], error)
                return
            for request in group:  # what fails in company is tried alone, so that only the culprit fails
                self._write([request])
        else:
            for request in group:
                _answer(request, None)


def _answer(request: _Request, error: Exception | None) -> None:
    if error is not None and not isinstance(error, StorageError):
        wrapped = StorageError(f"the store failed: {type(error).__name__}: {error}")
        wrapped.__cause__ = error
        error = wrapped
    try:
        request.loop.call_soon_threadsafe(_settle, request.done, error)
    except RuntimeError:
        return  # the loop is gone, and with it whoever waited; the data is written all the same


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
