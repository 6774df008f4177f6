"""``sotopia store``: what a store has, whether it is in order, and copying one into another."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from sotopia_core.cli.app import main
from sotopia_core.database.locate import storage_from_url
from sotopia_core.registry import Registry
from sotopia_testing.redis_server import RedisServer
from sotopia_testing.storage import Note, entry, person
from tests.cli.kept import LEO, MIA, agent, ask, imported, keep, run


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = keep(tmp_path, agent(MIA), agent(LEO), run(), imported())
    with storage_from_url(Registry.installed(), url).open() as store:
        store.append_journal([entry("e"), entry("f"), entry("f", attempt=1)])
    return url


def test_stats(url: str) -> None:
    done = ask("store", "stats", "--store", url)
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["store", url]
    assert "everything that was stored (journal wal, synchronous full)" in done.stdout
    assert lines[-6:] == [
        ["journals", "3", "entries", "of", "2", "episodes"],
        [],
        ["kind", "records"],
        ["AgentProfile", "2"],
        ["EpisodeLog", "1"],
        ["RunRecord", "1"],
    ]


def test_stats_as_json(url: str) -> None:
    told = json.loads(ask("store", "stats", "--store", url, "--json").stdout)
    assert told["store"] == url
    assert told["records"] == {"AgentProfile": 2, "EpisodeLog": 1, "RunRecord": 1}
    assert told["journal"] == {"episodes": 2, "entries": 3}


def test_a_sound_store_passes_the_check(url: str) -> None:
    done = ask("store", "check", "--store", url)
    assert (done.exit_code, done.stdout) == (0, f"{url}: 4 records, and nothing is damaged\n")
    told = json.loads(ask("store", "check", "--store", url, "--json").stdout)
    assert told == {"store": url, "records": 4, "damages": 0, "findings": []}


def test_damage_is_told_and_gives_exit_status_3(url: str, tmp_path: Path) -> None:
    (file,) = tmp_path.glob("*.db")
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE documents SET document = '{\"pk\": 1}' WHERE kind = 'RunRecord'")
        connection.execute("DELETE FROM documents WHERE kind = 'EpisodeLog'")
        connection.execute("UPDATE entries SET value = 'x' WHERE value = 'Mia'")
        connection.execute("UPDATE journal SET payload = '[' WHERE episode = 'f' AND attempt = 1")
    connection.close()
    done = ask("store", "check", "--store", url)
    assert done.exit_code == 3
    lines = done.stdout.splitlines()
    assert lines[-1] == f"{url}: 4 things are damaged; 3 records in all"
    assert sum("index entries belong to no record" in line for line in lines) == 1
    assert sum("RunRecord" in line and "does not fit its class" in line for line in lines) == 1
    assert sum("AgentProfile" in line and "indexed by values that it does not hold" in line for line in lines) == 1
    assert sum("entry 3 in the journal of episode 'f'" in line for line in lines) == 1
    told = json.loads(ask("store", "check", "--store", url, "--json").stdout)
    assert told["damages"] == len(told["findings"]) == 4


def test_looking_makes_no_store(tmp_path: Path) -> None:
    for command in ("stats", "check"):
        sys.argv = ["sotopia", "store", command, "--store", f"sqlite:///{tmp_path}/none.db"]
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_copy_and_copy_again(url: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'copy.db'}"
    done = ask("store", "copy", url, target)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == f"{target} has all 4 records of {url}"
    told = json.loads(ask("store", "copy", url, target, "--json").stdout)
    assert (told["from"], told["to"], told["complete"], told["left"]) == (url, target, True, {})
    assert {one["kind"]: (one["copied"], one["same"]) for one in told["kinds"]} == {
        "AgentProfile": (0, 2),
        "RunRecord": (0, 1),
        "EpisodeLog": (0, 1),
    }


def test_what_was_not_copied_is_told_and_gives_exit_status_3(url: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'copy.db'}"
    for where, tag in ((url, "one"), (target, "other")):
        with storage_from_url(Registry.installed(), where).open() as store:
            store.put_many([person("p", tag=tag), Note(pk=tag)])
    done = ask("store", "copy", url, target)
    assert done.exit_code == 3
    assert done.stdout.splitlines()[-3:] == [
        f"AgentProfile: p: other values in {target}; see --overwrite",
        "Note: 1 left behind, since nothing that is installed knows this class",
        f"{target} does not have all of {url}",
    ]
    assert ask("store", "copy", url, target, "--overwrite").exit_code == 3  # for the note


def test_a_store_is_not_copied_into_itself(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    sys.argv = ["sotopia", "store", "copy", url, url]
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"sotopia: error: {url} cannot be copied into itself; name another store\n"


def test_to_redis_and_back(url: str, redis_stack: RedisServer, tmp_path: Path) -> None:
    pytest.importorskip("redis_om", reason="needs the extra redis")
    back = f"sqlite:///{tmp_path / 'back.db'}"
    told = [
        json.loads(ask("store", "copy", *pair, "--json").stdout)
        for pair in ((url, redis_stack.url), (redis_stack.url, back))
    ]
    assert [one["complete"] for one in told] == [True, True]
    there, again = ([kind["digest"] for kind in one["kinds"]] for one in told)
    assert there == again
    assert json.loads(ask("store", "check", "--store", back, "--json").stdout)["damages"] == 0
    done = ask("store", "check", "--store", redis_stack.url)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "note: when the server dies, it keeps what is in the server's last snapshot (appendonly no); "
        "set appendonly yes and appendfsync always",
        f"{redis_stack.url}: 4 records, and nothing is damaged",
    ]
