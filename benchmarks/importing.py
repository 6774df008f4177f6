"""How fast episodes are imported beside parsing them with pydantic and writing them with raw sqlite3, and how flat."""

from __future__ import annotations

import gc
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.measure import (
    KIB,
    MIB,
    Table,
    in_fresh_process,
    interleaved,
    median_ratio,
    peak_resident,
    resident,
    slope,
)
from benchmarks.playing import LINE, Plan, play
from sotopia_core.database.exporting import write_jsonl
from sotopia_core.database.importing import Watcher, import_files
from sotopia_core.database.locate import storage_from_url
from sotopia_core.episodes import EpisodeLog, SimpleMessage
from sotopia_core.messages import ENVIRONMENT
from sotopia_core.registry import Registry

SIZE: Final = 20_000
"""Characters of JSON in an episode, about."""

BATCH: Final = 100
"""Episodes that the baseline writes in one transaction, and that are read between two looks at the memory."""

SOTOPIA: Final = ("environment", "agents", "tag", "models", "reasoning", "rewards", "rewards_prompt")
"""Fields of a log of Sotopia, beside its pk and its messages."""

TURNS: Final = 4
"""Turns of the episodes that are played here; most of such an episode is what does not grow with them."""


def measure(quick: bool) -> list[Table]:
    """Measure speed for all kinds of episodes, and memory for a large file, each in a process of its own."""
    return [_speed(quick), _memory(10 if quick else 200)]


def measure_huge(_: bool) -> list[Table]:
    """Measure the memory that a file of 2 GiB takes. It wants 8 GiB of room for temporary files, and some minutes."""
    return [_memory(2048)]


def _speed(quick: bool) -> Table:
    episodes, rounds = (300, 3) if quick else (3000, 5)
    rows = tuple(in_fresh_process(_speed_row, kind, episodes, rounds) for kind in _KINDS)
    method = (
        f"{episodes} episodes in one JSONL file, {rounds} interleaved rounds; wall time in us an episode, the best.\n"
        "The baseline reads line by line, parses with EpisodeLog.model_validate_json (of other names: json.loads and\n"
        f"model_validate), and writes model_dump_json to a table of pk and document, {BATCH} a transaction\n"
        "(WAL, synchronous=FULL). The import writes to an empty SQLite store; reading is the import without a store.\n"
        "The ratios are those of speeds, import / baseline; that of CPU is of all threads, in user and kernel mode."
    )
    columns = (
        "episodes",
        "KB each",
        "baseline us",
        "reading us",
        "import us",
        "ratio of bests",
        "median ratio",
        "median ratio, CPU",
        "target",
    )
    return Table("import: speed", method, columns, rows)


def _speed_row(
    kind: str, episodes: int, rounds: int
) -> tuple[str, float, float, float, float, float, float, float, str]:
    write, parse = _KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episodes.jsonl"
        write(episodes, path)
        cpu: dict[str, list[float]] = {"baseline": [], "import": []}

        def timed(name: str, work: Callable[[], object]) -> float:
            gc.collect()
            began, busy = time.perf_counter(), time.process_time()
            work()
            cpu.setdefault(name, []).append(time.process_time() - busy)
            return time.perf_counter() - began

        registry = Registry.installed()
        costs = interleaved(
            {
                "baseline": lambda: timed("baseline", lambda: _baseline(path, Path(folder) / "raw.db", parse)),
                "reading": lambda: timed("reading", lambda: _import(registry, path, None, episodes)),
                "import": lambda: timed("import", lambda: _import(registry, path, Path(folder) / "store.db", episodes)),
            },
            rounds,
        )
        size = path.stat().st_size / episodes / 1e3
    each = {name: [1e6 * cost / episodes for cost in found] for name, found in costs.items()}
    best = {name: min(found) for name, found in each.items()}
    ratio = median_ratio(each["baseline"], each["import"])
    busy = median_ratio(cpu["baseline"], cpu["import"])
    bests = (best["baseline"], best["reading"], best["import"])
    return (kind, size, *bests, best["baseline"] / best["import"], ratio, busy, ">= 0.5")


def _baseline(path: Path, database: Path, parse: Callable[[bytes], EpisodeLog]) -> None:
    with closing(sqlite3.connect(database)) as connection, path.open("rb") as lines:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE episodes (pk TEXT PRIMARY KEY, document TEXT NOT NULL)")
        while batch := list(islice(lines, BATCH)):
            rows = [(episode.pk, episode.model_dump_json()) for episode in map(parse, batch)]
            with connection:
                connection.executemany("INSERT INTO episodes VALUES (?, ?)", rows)
    _remove(database)


def _import(
    registry: Registry, path: Path, database: Path | None, expected: int, watcher: Watcher | None = None
) -> None:
    url = "memory://" if database is None else f"sqlite:///{database}"
    with storage_from_url(registry, url).open() as store:
        if database is None:  # the records are made, and kept nowhere
            store.put_written = lambda written: sum(1 for _ in written)  # type: ignore[method-assign]
        report = import_files([path], store, watcher=watcher)
    if report.total.new != expected or not report.stored:
        raise RuntimeError(f"{report.total} instead of {expected} new episodes: {report.problems[:1]}")
    if database is not None:
        _remove(database)


def _remove(database: Path) -> None:
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def _memory(mebibytes: int) -> Table:
    episodes = mebibytes * MIB // SIZE
    rows = tuple(in_fresh_process(_memory_row, form, episodes) for form in ("jsonl", "list"))
    method = (
        "One file, imported into an empty SQLite store. Resident memory in MiB at each tenth of the reading, and the\n"
        "most until all was stored. Growth is the slope over the second half of the reading, in KiB for each MiB read."
    )
    columns = ("form", "file MiB", "peak MiB", "growth", "resident MiB at each tenth of the file")
    return Table("import: memory", method, columns, rows)


def _memory_row(form: str, episodes: int) -> tuple[str, float, float, float, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "episodes.jsonl"
        _write(_logs, episodes, path)
        if form == "list":
            path = _as_list(path)
        size = path.stat().st_size / MIB
        watcher = _Samples()
        _import(Registry.installed(), path, Path(folder) / "store.db", episodes, watcher)
    read = [(size * count / episodes, memory / KIB) for count, memory in watcher.samples]
    tenths = [memory / MIB for _, memory in watcher.samples[:: max(1, len(watcher.samples) // 10)]]
    return (form, size, peak_resident() / MIB, slope([one for one in read if one[0] > size / 2]), tenths)


def _as_list(path: Path) -> Path:
    """Write the lines of a file as one JSON list beside it."""
    there = path.with_suffix(".json")
    with path.open("rb") as lines, there.open("wb") as file:
        for number, line in enumerate(lines):
            file.write((b"," if number else b"[") + line)
        file.write(b"]")
    path.unlink()
    return there


class _Samples(Watcher):
    """Looks at the memory now and then while records are read."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, int]] = []

    def reading(self, path: Path, records: int) -> None:
        if records % BATCH == 0:
            self.samples.append((records, resident()))


def _logs() -> Iterator[EpisodeLog]:
    """Yield episodes as logs of Sotopia have them: messages and no turns."""
    names = ("Mia Davis", "Leo Park")
    turns: list[tuple[SimpleMessage, ...]] = []
    size = 0
    while size < SIZE - 4000:
        said = f'said: "{LINE} {len(turns)}"'
        seen = tuple((ENVIRONMENT, name, f"Turn #{len(turns)}: {said}\n") for name in names)
        turns.append((*seen, (names[0], ENVIRONMENT, said), (names[1], ENVIRONMENT, "did nothing")))
        size += sum(len(text) for message in turns[-1] for text in message)
    score = (3.5, {"believability": 8.0, "relationship": 2.0, "goal": 7.0, "secret": 0.0, "overall_score": 3.5})
    log = EpisodeLog(
        environment="01H7VFHPDZVVCDZR3AARA547CY",
        agents=("01H5TNE5PAATSHM0K9ACWKN79P", "01H5TNE5P98J20AEW94XQ0KC35"),
        agent_names=names,
        tag="benchmark",
        models=("gpt-4", "gpt-4", "gpt-3.5-turbo"),
        status="scored",
        verbatim_messages=tuple(turns),
        rewards=(score, score),
        reasoning="Turns 3 and 7 show it. " * 90,
    )
    return _numbered([log])


def _played() -> Iterator[EpisodeLog]:
    """Yield episodes as they are played here: turns with observations and actions, evaluations, provenance."""
    episodes: list[EpisodeLog] = []
    play(Plan(episodes=10, turns=TURNS), None, on_episode=episodes.append)
    return _numbered(episodes)


def _numbered(episodes: list[EpisodeLog]) -> Iterator[EpisodeLog]:
    """Yield episodes again and again, each time under another pk."""
    number = 0
    while True:
        for episode in episodes:
            yield episode.model_copy(update={"pk": f"01{number:024d}"})
            number += 1


def _write(episodes: Callable[[], Iterator[EpisodeLog]], count: int, path: Path) -> None:
    write_jsonl(islice(episodes(), count), path)


def _write_as_sotopia(count: int, path: Path) -> None:
    """Write episodes under the names, and with the fields, that logs of Sotopia have."""
    with path.open("w", encoding="utf-8") as file:
        for one in islice(_logs(), count):
            fields = one.model_dump(include={"pk", *SOTOPIA}, mode="json")
            file.write(json.dumps({**fields, "messages": one.messages}) + "\n")


def _parse_as_sotopia(line: bytes) -> EpisodeLog:
    fields = json.loads(line)
    fields["verbatim_messages"] = fields.pop("messages")
    return EpisodeLog.model_validate(fields)


_KINDS: Final = {
    "logs of Sotopia": (_write_as_sotopia, _parse_as_sotopia),
    "the same, exported": (partial(_write, _logs), EpisodeLog.model_validate_json),
    "played here": (partial(_write, _played), EpisodeLog.model_validate_json),
}
"""For each kind of episodes what writes a file of them, and what parses a line of it for the baseline."""
