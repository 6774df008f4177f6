"""Runs that are long enough to be killed, cancelled or interrupted."""

import sqlite3
import subprocess
import time

from tests.cli.command import COMMAND, environment

RUN = """
[run]
name = "long"
trials = {trials}
concurrency = 4
[[agents]]
use = "LLMAgent"
model = "offline"
[pool]
packs = ["starter"]
[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "offline"
"""


def count(folder, table):
    with sqlite3.connect(folder / "sotopia.db") as connection:
        (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return number


def begin(folder, trials, more=""):
    (folder / "run.toml").write_text(RUN.format(trials=trials) + more, encoding="utf-8")
    return subprocess.Popen(
        [*COMMAND, "run", "run.toml"], cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_tables(folder):
    with sqlite3.connect(folder / "sotopia.db") as connection:
        found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'journal'").fetchone()
    connection.close()
    return found == (1,)
