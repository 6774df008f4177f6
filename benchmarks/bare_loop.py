"""What the ratio is taken to: a loop that sends, reads and stores what recorded episodes did, and knows no framework.

For each model call of an episode it builds the list of chat messages, writes the request body as JSON and reads the
reply's JSON. For each episode it writes the record as JSON and inserts it into an SQLite file (WAL,
synchronous = FULL, one table, no index but the key), with one commit for each group of episodes. It renders no prompt,
checks no reply, keeps no journal and no rule of who sees what: it does the work that no such program can leave out.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.playing import Plan, play
from sotopia_core.episodes import EpisodeLog
from sotopia_core.models import Completion, ModelRequest

Call = tuple[tuple[tuple[str, str], ...], str]
"""The (role, content) of each message that was sent, and the text that came back."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One episode as it looked from outside: its model calls, and the record that was stored, as a JSON value."""

    calls: tuple[Call, ...]
    record: dict[str, Any]


def record(plan: Plan) -> list[Recording]:
    """Play a run and return what each of its episodes sent, got and stored."""
    calls: dict[str, list[Call]] = {}
    records: dict[str, dict[str, Any]] = {}

    def on_call(pk: str, request: ModelRequest[Any], completion: Completion) -> None:
        messages = tuple((message.role, message.content) for message in request.messages)
        calls.setdefault(pk, []).append((messages, completion.text))

    def on_episode(episode: EpisodeLog) -> None:
        records[episode.pk] = json.loads(episode.model_dump_json())

    play(plan, None, on_call=on_call, on_episode=on_episode)
    return [Recording(tuple(calls[pk]), found) for pk, found in records.items()]


def bare_cpu(recordings: Sequence[Recording], episodes: int, group: int, file: Path | None) -> float:
    """Do what that many episodes did and return the CPU that it took, in seconds; without a file nothing is stored.

    A group of ``group`` episodes is committed together.
    """
    began = time.process_time()
    if file is None:
        for one in islice(cycle(recordings), episodes):
            _converse(one)
        return time.process_time() - began
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE episodes (pk TEXT PRIMARY KEY, document TEXT NOT NULL)")
        endless = zip(count(), cycle(recordings), strict=False)
        for number, one in islice(endless, episodes):
            _converse(one)
            if number % group == 0:
                connection.execute("BEGIN")
            document = json.dumps(one.record, ensure_ascii=False, separators=(",", ":"))
            connection.execute("INSERT INTO episodes VALUES (?, ?)", (f"{number:026}", document))
            if number % group == group - 1 or number == episodes - 1:
                connection.execute("COMMIT")
    return time.process_time() - began


def _converse(episode: Recording) -> None:
    for sent, answered in episode.calls:
        messages = [{"role": role, "content": content} for role, content in sent]
        body = json.dumps({"model": "instant", "messages": messages}, ensure_ascii=False).encode()
        assert body
        assert json.loads(answered)
