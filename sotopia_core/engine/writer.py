"""The one thread through which a run writes to its store; what arrives together is committed together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from sotopia_core.errors import StorageError
from sotopia_core.records import Record
from sotopia_core.stores import JournalEntry, Store

LARGEST_GROUP: Final = 256
"""Requests that one commit may hold."""

SECONDS_TO_GATHER: Final = 0.005
"""How long others may join a commit of journal entries where several came together before: a model takes a hundred
times as long, and each commit costs as much as ten entries."""

SECONDS_OF_TRIES: Final = 2.0
"""How long the requests of a commit that failed may be tried one by one."""


@dataclass(slots=True, eq=False)
class _Request:
    """Records to store, or journal entries to keep, and who waits for it."""

    records: tuple[Record, ...]
    entries: tuple[JournalEntry, ...]
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class StoreWriter:
    """Writes for an event loop without blocking it. What its methods return is done when the data is durable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="sotopia-store-writer", daemon=True)
        self._thread.start()

    def put(self, *records: Record) -> asyncio.Future[None]:
        """Store records; ``StorageError`` where that fails."""
        return self._submit(records, ())

    def append_journal(self, entries: Sequence[JournalEntry]) -> asyncio.Future[None]:
        """Keep journal entries; ``JournalError`` where one is there already."""
        return self._submit((), tuple(entries))

    def close(self) -> None:
        """Write what was handed in and end the thread. The store stays open."""
        self._queue.put(None)
        self._thread.join()

    def _submit(self, records: tuple[Record, ...], entries: tuple[JournalEntry, ...]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Request(records, entries, done, loop))
        return done

    def _work(self) -> None:
        open_, together = True, 0
        while open_:
            group: list[_Request] = []
            request = self._queue.get()
            if together > 1 and request is not None and request.entries:
                time.sleep(SECONDS_TO_GATHER)
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
            together = len(group)

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
                _answer(group, error)
                return
            # What fails in company is tried alone, so that only the culprit fails; where the store itself does not
            # answer, as when another process keeps it locked, not everybody need find that out.
            until = time.monotonic() + SECONDS_OF_TRIES
            for position, request in enumerate(group):
                if time.monotonic() > until:
                    _answer(group[position:], error)
                    return
                self._write([request])
        else:
            _answer(group, None)


def _answer(group: Sequence[_Request], error: Exception | None) -> None:
    if error is not None and not isinstance(error, StorageError):
        wrapped = StorageError(f"the store failed: {type(error).__name__}: {error}")
        wrapped.__cause__ = error
        error = wrapped
    # Waking a loop is a system call, so it is done once for all that wait in it.
    for loop in {request.loop for request in group}:
        waiting = [request.done for request in group if request.loop is loop]
        try:
            loop.call_soon_threadsafe(_settle, waiting, error)
        except RuntimeError:
            continue  # the loop is gone, and with it whoever waited; the data is written all the same


def _settle(waiting: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for done in waiting:
        if done.cancelled():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
