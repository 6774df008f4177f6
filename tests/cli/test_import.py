"""``sotopia import``: reports for people and programs, exit statuses, and one line for what cannot be imported."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sotopia_core.cli.app import main
from sotopia_core.database.locate import find_storage
from sotopia_core.episodes import EpisodeLog
from sotopia_core.profiles import AgentProfile
from sotopia_core.registry import Registry
from tests.cli.command import COMMAND, SHARED, environment

ANN = {"pk": "A1", "first_name": "Ann", "age": 30}
BOB = {"pk": "A2", "first_name": "Bob"}
COMBO = {"pk": "C1", "env_id": "E1", "agent_ids": ["A1", "A3"]}

BARRED = """
import ctypes, os
from sotopia_core.cli import app
if os.getuid() == 0:  # root may enter any folder, unless it gives up all capabilities (Linux: capset, version 3)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0
app.main()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("SOTOPIA_STORAGE", "REDIS_OM_URL"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def sotopia(here, monkeypatch, capsys):
    """Call the command line in this process and return exit status, output and errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["sotopia", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr()
        return stopped.value.code, told.out, told.err

    return call


def write(name, *values):
    Path(name).write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def stored(url="sqlite:///sotopia.db"):
    with find_storage(Registry.installed(), url).open() as store:
        return [agent.pk for agent in store.iterate(AgentProfile)]


class TestReport:
    def test_all_is_well(self, sotopia):
        write("a.jsonl", ANN, BOB)
        assert sotopia("import", "a.jsonl") == (
            0,
            "file     read  new  same  conflicting  refused\n"
            "a.jsonl     2    2     0            0        0\n"
            "2 new records are in sqlite:///sotopia.db\n",
            "",
        )
        assert stored() == ["A1", "A2"]

    def test_several_files_have_a_line_each_and_one_for_all(self, sotopia):
        write("a.jsonl", ANN)
        write("b.jsonl", ANN, BOB)
        _, out, _ = sotopia("import", "a.jsonl", "b.jsonl")
        assert [line.split() for line in out.splitlines()[1:4]] == [
            ["a.jsonl", "1", "1", "0", "0", "0"],
            ["b.jsonl", "2", "1", "1", "0", "0"],
            ["all", "files", "3", "2", "1", "0", "0"],
        ]

    def test_missing_references_are_notes(self, sotopia):
        write("a.jsonl", ANN, COMBO)
        status, _, err = sotopia("import", "a.jsonl")
        assert (status, err.splitlines()) == (
            0,
            [
                "note: EnvAgentComboStorage.env_id names 1 EnvironmentProfile that the store has not: E1; "
                "the records are kept",
                "note: EnvAgentComboStorage.agent_ids names 1 AgentProfile that the store has not: A3; "
                "the records are kept",
            ],
        )

    def test_the_report_as_json_is_one_object(self, sotopia):
        write("a.jsonl", ANN, COMBO, {"x": 1})
        status, out, err = sotopia("import", "a.jsonl", "--json", "--on-error", "skip", "--store", "sqlite:///my.db")
        report = json.loads(out)
        assert (status, err) == (3, "")
        assert {
            name: report[name] for name in ("store", "stored", "read", "new", "same", "conflicting", "refused")
        } == {
            "store": "sqlite:///my.db",
            "stored": True,
            "read": 3,
            "new": 2,
            "same": 0,
            "conflicting": 0,
            "refused": 1,
        }
        assert report["files"] == [{"file": "a.jsonl", "read": 3, "new": 2, "same": 0, "conflicting": 0, "refused": 1}]
        (problem,) = report["problems"]
        assert (problem["file"], problem["line"], problem["outcome"]) == ("a.jsonl", 3, "refused")
        assert report["problems_left_out"] == 0
        assert [one["pks"] for one in report["missing_references"]] == [["E1"], ["A3"]]

    def test_on_a_terminal_there_is_a_display_that_goes_away(self, here):
        write("a.jsonl", ANN, {"x": "\x1b[31m"})
        leader, follower = pty.openpty()
        done = subprocess.run(
            [*COMMAND, "import", "a.jsonl", "--on-error", "skip"],
            cwd=here,
            stdout=subprocess.PIPE,
            stderr=follower,
            timeout=60,
            check=False,
            env=environment(TERM="xterm"),
        )
        os.close(follower)
        shown = os.read(leader, 100_000).decode()
        os.close(leader)
        assert done.returncode == 3
        assert "refused: a.jsonl, line 2: no kind of record fits the field 'x'" in shown
        assert "\x1b[31m'" not in shown


class TestProblems:
    def test_one_that_is_refused_keeps_all_out_and_is_the_error(self, sotopia):
        write("a.jsonl", ANN, {"pk": "A2", "first_name": "Bob", "age": "old"})
        status, out, err = sotopia("import", "a.jsonl")
        assert status == 2
        assert "a.jsonl     2    1     0            0        1" in out
        assert err == (
            "sotopia: error: a.jsonl, line 2: age: expected a whole number, found 'old'; "
            "nothing was imported, and --on-error skip imports the others\n"
        )
        assert stored() == []

    def test_one_that_is_refused_leaves_no_empty_store_behind(self, sotopia, here):
        write("a.jsonl", ANN, {**BOB, "age": "old"})
        assert sotopia("import", "a.jsonl")[0] == 2
        assert [file.name for file in here.iterdir()] == ["a.jsonl"]

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("closed", "closed: cannot be looked into (Permission denied)"),
            ("closed/a.jsonl", "'closed/a.jsonl' cannot be looked up (Permission denied)"),
            (".", "./closed: cannot be looked into (Permission denied)"),
        ],
    )
    def test_a_folder_that_cannot_be_entered_is_one_line(self, here, path, text):
        write("a.jsonl", ANN)
        here.chmod(0o755)
        (here / "closed").mkdir(mode=0)
        done = subprocess.run(
            [sys.executable, "-c", BARRED, "import", path], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (2, f"sotopia: error: {text}\n")

    def test_several_are_told_line_by_line(self, sotopia):
        write("a.jsonl", ANN, {"first_name": 5}, {"first_name": 6}, {**ANN, "age": 31})
        status, _, err = sotopia("import", "a.jsonl")
        assert status == 2
        assert err.splitlines() == [
            "refused: a.jsonl, line 3: first_name: expected text, found 6",
            "conflicting: a.jsonl, line 4: AgentProfile 'A1' stands with other values at a.jsonl, line 1",
            "sotopia: error: a.jsonl, line 2: first_name: expected text, found 5 (2 refused and 1 conflicting in all); "
            "nothing was imported, and --on-error skip imports the others",
        ]

    def test_skipping_tells_all_and_exits_with_3(self, sotopia):
        write("a.jsonl", ANN, {"first_name": 5}, BOB)
        status, out, err = sotopia("import", "a.jsonl", "--on-error", "skip")
        assert (status, err) == (3, "refused: a.jsonl, line 2: first_name: expected text, found 5\n")
        assert out.endswith("2 new records are in sqlite:///sotopia.db\n")
        assert stored() == ["A1", "A2"]

    def test_a_conflict_changes_nothing_in_the_store(self, sotopia):
        write("a.jsonl", ANN)
        sotopia("import", "a.jsonl")
        write("b.jsonl", {**ANN, "age": 31})
        for choice, status in (("stop", 2), ("skip", 3)):
            assert sotopia("import", "b.jsonl", "--on-error", choice)[0] == status
            with find_storage(Registry.installed(), "sqlite:///sotopia.db").open() as store:
                assert store.get(AgentProfile, "A1").age == 30

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["nowhere.jsonl"], "no file matches 'nowhere.jsonl'; it was looked up in"),
            (["a.jsonl", "--kind", "agnts"], "no kind of record is called 'agnts'; did you mean 'agents'?"),
            (["a.jsonl", "--on-error", "ask"], "--on-error ask: expected stop or skip"),
            (["a.jsonl", "--store", "x.db"], "'x.db' is not a store's URL"),
        ],
    )
    def test_arguments_that_make_no_sense_are_one_line(self, sotopia, here, arguments, text):
        write("a.jsonl", ANN)
        status, out, err = sotopia("import", *arguments)
        assert (status, out) == (2, "")
        assert err.startswith("sotopia: error: ")
        assert text in err
        assert len(err.splitlines()) == 1
        assert [path.name for path in here.iterdir()] == ["a.jsonl"]

    def test_a_kind_may_be_given(self, sotopia):
        write("a.jsonl", ANN)
        assert sotopia("import", "a.jsonl", "--kind", "agents")[0] == 0
        status, _, err = sotopia("import", "a.jsonl", "--kind", "episodes", "--store", "sqlite:///other.db")
        assert status == 2
        assert "a.jsonl, line 1: unknown key 'first_name'" in err


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published data sets in ../shared/data are not here")
def test_all_published_data_is_imported_and_can_be_listed(sotopia):
    status, out, err = sotopia("import", SHARED / "profiles", SHARED / "episodes", SHARED / "games")
    assert status == 0
    assert out.endswith("725 new records are in sqlite:///sotopia.db\n")
    assert "note: EpisodeLog.environment names 2 EnvironmentProfiles that the store has not: " in err
    assert len(json.loads(sotopia("list", "episodes", "--json")[1])) == 13
    shown = sotopia("show", "01KBXD6KXX6E4CH3SRZFKQ5DPK")[1]
    assert "Kevin (to Susan) [action] kill Susan" in shown
    with find_storage(Registry.installed(), "sqlite:///sotopia.db").open() as store:
        assert store.count(EpisodeLog) == 13
