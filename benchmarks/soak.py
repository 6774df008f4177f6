"""Runs that are killed again and again, and gone on with: what is lost, what is there twice, what is asked twice."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.measure import Table
from sotopia_testing.chat_server import ChatServer

MODEL: Final = Path(__file__).with_name("loopback_model.py")
SECONDS_A_COMMAND: Final = 120.0
LATENCY: Final = 0.04
"""Seconds that the server takes to answer, so that there is always something in flight."""

RUN: Final = """
[run]
name = "soak"
trials = {episodes}
concurrency = {concurrency}
[models.loopback]
use = "Loopback"
port = {port}
[[agents]]
use = "LLMAgent"
model = "loopback"
[ordering]
use = "{ordering}"
[pool]
packs = ["starter"]
[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = {turns}
[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "loopback"
"""


@dataclass(frozen=True)
class Plan:
    """One run, and how it is treated: killed ``kills`` times, the first time as it runs, then as it is resumed.

    Each kill comes at a random moment of ``within`` seconds: one in four counts from the start of the process, so that
    it also hits the beginnings, the others from its first question.
    """

    ordering: str
    kills: int
    episodes: int = 150
    concurrency: int = 15
    turns: int = 6
    within: float = 1.5
    seed: int = 0


@dataclass
class Outcome:
    """What a run came to that was killed and gone on with until it was complete.

    ``in_flight`` holds for each kill how many questions the server had got since the kill before that the journal got
    no answer to.
    """

    kills: int = 0
    episodes: Counter[tuple[int, int]] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    different: int = 0
    in_flight: list[int] = field(default_factory=list)
    answers_under_one_key: int = 0

    @property
    def asked_again(self) -> int:
        """How many requests the server had seen before."""
        return self.requests - self.different


def measure(quick: bool) -> list[Table]:
    """Kill runs with each ordering, a hundred times in all, or ten when in a hurry."""
    wanted = 10 if quick else 100
    rows: list[tuple[str | int, ...]] = []
    killed = 0
    for seed in count():
        for ordering, turns in (("RoundRobin", 6), ("Simultaneous", 1 if seed % 2 else 3)):
            plan = Plan(ordering, kills=min(7, wanted - killed), seed=seed, turns=turns)
            if plan.kills == 0:
                break
            with tempfile.TemporaryDirectory() as folder:
                outcome = soak(plan, Path(folder))
            killed += outcome.kills
            rows.append(
                (
                    f"{plan.ordering}, {plan.turns} turns",
                    outcome.kills,
                    plan.episodes,
                    plan.episodes - len(outcome.episodes),
                    sum(outcome.episodes.values()) - len(outcome.episodes),
                    plan.episodes - outcome.statuses["scored"],
                    outcome.requests,
                    outcome.asked_again,
                    sum(outcome.in_flight),
                    outcome.answers_under_one_key,
                )
            )
        if killed >= wanted:
            break
    sums = [sum(int(row[column]) for row in rows) for column in range(1, 10)]
    rows.append(("all", *sums))
    method = (
        "sotopia run against a chat server, killed with SIGKILL at a random moment; sotopia resume, killed likewise;\n"
        "and so on; then resumed to its end. In flight: questions of a process that got no answer into the journal."
    )
    columns = (
        "run",
        "kills",
        "episodes",
        "lost",
        "twice",
        "not scored",
        "requests",
        "asked again",
        "in flight at kills",
        "keys twice",
    )
    return [Table("soak", method, columns, tuple(rows))]


def soak(plan: Plan, folder: Path) -> Outcome:
    """Play one plan in a folder. ``AssertionError`` where a command ends in a way that it should not."""
    moments = random.Random(f"{plan}")
    outcome = Outcome()
    with ChatServer(latency=LATENCY, keep=1_000_000) as server:
        text = RUN.format(
            ordering=plan.ordering,
            episodes=plan.episodes,
            concurrency=plan.concurrency,
            turns=plan.turns,
            port=urlsplit(server.url).port,
        )
        (folder / "run.toml").write_text(text, encoding="utf-8")
        command = ["run", "run.toml"]
        asked = answered = 0
        while outcome.kills < plan.kills:
            if _ended_before(
                command, folder, moments.uniform(0, plan.within), server if moments.random() < 0.75 else None
            ):
                command = ["resume", "soak"]  # once more would be another run, where it was the first command
                break
            asked, before = server.count(), asked
            answered, known = _answers(folder), answered
            outcome.kills += 1
            outcome.in_flight.append((asked - before) - (answered - known))
            if (folder / "sotopia.db").exists() and _documents(folder, "DrawnCombos"):
                command = ["resume", "soak"]
        done = subprocess.run(
            _sotopia(command), cwd=folder, capture_output=True, timeout=SECONDS_A_COMMAND, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        seen = _seeds(server)
        outcome.requests, outcome.different = sum(seen.values()), len(seen)
    for document in _documents(folder, "EpisodeLog"):
        episode = json.loads(document)
        outcome.episodes[episode["draw"], episode["trial"]] += 1
        outcome.statuses[episode["status"]] += 1
    keys = Counter(_rows(folder, "SELECT episode, turn, seat, purpose, attempt FROM journal"))
    outcome.answers_under_one_key = sum(keys.values()) - len(keys)
    return outcome


def _sotopia(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "sotopia_core.cli.app", *arguments, "--load", str(MODEL)]


def _ended_before(arguments: Sequence[str], folder: Path, seconds: float, first: ChatServer | None) -> bool:
    """Begin a command and kill it after so many seconds; returns whether it ended by itself before.

    The seconds count from its ``first`` question to a server, or from its start.
    """
    silent = subprocess.DEVNULL
    with subprocess.Popen(
        _sotopia(arguments), cwd=folder, stdin=silent, stdout=silent, stderr=subprocess.PIPE
    ) as process:
        already = first.count() if first is not None else 0
        deadline = time.monotonic() + SECONDS_A_COMMAND
        while first is not None and first.count() == already and process.poll() is None:
            assert time.monotonic() < deadline, f"{arguments[0]} asks nothing"
            time.sleep(0.01)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return False
        assert process.returncode == 0, process.stderr and process.stderr.read().decode()
        return True


def _seeds(server: ChatServer) -> Counter[int]:
    """Return how often the server was asked each question, told apart by its seed."""
    return Counter(request.body["seed"] for request in server.requests())


def _answers(folder: Path) -> int:
    """Return how many questions the journal has an answer to."""
    if not (folder / "sotopia.db").exists() or not _rows(folder, "SELECT 1 FROM sqlite_master WHERE name = 'journal'"):
        return 0
    return len(_rows(folder, "SELECT 1 FROM journal WHERE purpose IN ('act', 'judge')"))


def _documents(folder: Path, kind: str) -> list[str]:
    if not _rows(folder, "SELECT 1 FROM sqlite_master WHERE name = 'documents'"):
        return []
    return [document for (document,) in _rows(folder, "SELECT document FROM documents WHERE kind = ?", kind)]


def _rows(folder: Path, query: str, *parameters: str) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(folder / "sotopia.db", timeout=30)
    try:
        return connection.execute(query, parameters).fetchall()
    finally:
        connection.close()
