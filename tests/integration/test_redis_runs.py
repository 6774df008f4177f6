"""A run that keeps its records on a Redis server, which dies in the middle, is resumed and loses nothing."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_storage.redis.storage import Redis
from tests.cli.command import COMMAND, EXAMPLES, environment, sotopia
from tests.redis_servers import StartRedis

pytest.importorskip("redis_om", reason="needs the extra redis")


def test_a_run_whose_server_was_killed_is_resumed(start_redis: StartRedis, tmp_path: Path) -> None:
    server = start_redis(append_only=True)
    options = ("--set", "run.trials=150", "--set", "run.concurrency=4")
    with Redis.from_url(server.url).open() as store:
        running = subprocess.Popen(
            [*COMMAND, "run", str(EXAMPLES / "quickstart.toml"), *options],
            cwd=tmp_path,
            env=environment(REDIS_OM_URL=server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not store.contents().get("EpisodeLog") and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        finished = set(store.pks(EpisodeLog))
        journaled = store.journals()
        server.kill()
        _, complaint = running.communicate(timeout=60)
        assert running.returncode == 2
        assert f"sotopia: error: the store {Redis.from_url(server.url).url!r}: " in complaint
        assert "Traceback" not in complaint

        server.start()
        assert 0 < len(finished) < 150
        assert finished <= set(store.pks(EpisodeLog))
        assert all(len(store.read_journal(episode)) >= count for episode, count in journaled.items())
        (run,) = store.find(RunRecord)
        done = sotopia("resume", run.pk, cwd=tmp_path, env={"REDIS_OM_URL": server.url})
        assert done.returncode == 0, done.stderr
        assert store.count(EpisodeLog, {"run": run.pk, "status": "scored"}) == 150
        assert finished <= set(store.pks(EpisodeLog))
        checked = sotopia("store", "check", "--json", cwd=tmp_path, env={"REDIS_OM_URL": server.url})
        assert json.loads(checked.stdout)["damages"] == 0
    assert list(tmp_path.glob("*.db")) == []
