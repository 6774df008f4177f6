"""A disk that fills up, a store that another process locks, a plugin that does not end: runs stop, and go on."""

import json
import resource
import signal
import sqlite3
import subprocess
import time

import pytest

from tests.cli.command import COMMAND, environment, sotopia
from tests.cli.long_runs import RUN, begin, count, has_tables, until


def scored(folder):
    return json.loads(sotopia("runs", "show", "long", "--json", cwd=folder).stdout)["episodes"]["scored"]


def test_a_full_disk_stops_the_run_and_with_room_it_goes_on(tmp_path):
    """A limit on the size of files stands in for a full disk: writing past it fails just so."""
    (tmp_path / "run.toml").write_text(RUN.format(trials=80), encoding="utf-8")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    begun = [*COMMAND, "run", "run.toml"]
    done = subprocess.run(
        begun, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environment(), preexec_fn=limit
    )
    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("sotopia: error: ")]
    assert "sotopia.db" in error
    assert "; sotopia resume " in done.stderr
    assert 0 < scored(tmp_path) < 80
    entries = count(tmp_path, "journal")
    assert sotopia("resume", "long", cwd=tmp_path).returncode == 0
    assert scored(tmp_path) == 80
    assert count(tmp_path, "journal") > entries


def test_a_store_that_another_process_keeps_locked_stops_the_run_and_it_goes_on(tmp_path):
    run = begin(tmp_path, trials=150, more='[storage]\nuse = "SQLite"\npath = "sotopia.db"\nbusy_timeout = 0.5\n')
    try:
        until(lambda: (tmp_path / "sotopia.db").exists() and has_tables(tmp_path) and count(tmp_path, "journal") > 20)
        other = sqlite3.connect(tmp_path / "sotopia.db", timeout=20, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            _, errors = run.communicate(timeout=30)
        finally:
            other.execute("ROLLBACK")
            other.close()
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 2
    assert "another process kept it locked" in errors.decode().splitlines()[-1]
    assert sotopia("resume", "long", cwd=tmp_path).returncode == 0
    assert scored(tmp_path) == 150


STUBBORN = """
import asyncio, time
from sotopia_core.interfaces import Agent
from sotopia_core.messages import AgentAction

class Stubborn(Agent):
    blocks: bool = False

    async def aact(self, observation):
        print("asked", flush=True)
        while True:
            try:
                time.sleep(3600) if self.blocks else await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
"""


@pytest.mark.parametrize("blocks", ["false", "true"])
def test_ctrl_c_ends_a_run_within_five_seconds_whatever_its_agents_do(tmp_path, blocks):
    (tmp_path / "stubborn.py").write_text(STUBBORN, encoding="utf-8")
    text = RUN.format(trials=1).replace(
        'use = "LLMAgent"\nmodel = "offline"', f'use = "Stubborn"\nblocks = {blocks}', 1
    )
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    command = [*COMMAND, "run", "run.toml", "--load", "stubborn.py"]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert run.stdout.readline() == "asked\n"
        asked = time.monotonic()
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=20)
        took = time.monotonic() - asked
    finally:
        run.kill()
        run.wait()
    assert took < 5
    assert run.returncode == 130
    assert errors.splitlines()[-1].startswith("note: interrupted")
    (run_now,) = json.loads(sotopia("runs", "list", "--json", cwd=tmp_path).stdout)
    assert run_now["state"] in ("interrupted", "died")
