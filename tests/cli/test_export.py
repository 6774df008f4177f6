"""``sotopia export``: records of a store in a file, which comes back whole and is never overwritten by mistake."""

from __future__ import annotations

import json
import sys

import pytest

from sotopia_core.cli.app import main
from sotopia_core.database.files import read_records
from sotopia_core.database.names import KINDS
from tests.cli.kept import (
    BOTH_SCORED,
    LEO,
    LEO_UNSCORED,
    MIA,
    agent,
    combo,
    episode,
    imported,
    keep,
    relationship,
    run,
    scenario,
)
from tests.database.strategies import BY_KIND

RECORDS = {
    "agents": [agent(LEO, tag="autumn"), agent(MIA, tag="spring")],
    "environments": [scenario()],
    "combos": [combo()],
    "relationships": [relationship()],
    "runs": [run()],
    "episodes": [
        episode(judgements=BOTH_SCORED),
        episode(pk="EPISODE-2", judgements=LEO_UNSCORED),
        imported(),
    ],
}


@pytest.fixture
def sotopia(tmp_path, monkeypatch, capsys):
    """Call the command line on a store that holds some of everything; return exit status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOTOPIA_STORAGE", keep(tmp_path, *(one for records in RECORDS.values() for one in records)))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["sotopia", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        told = capsys.readouterr()
        return stopped.value.code, told.out, told.err

    return call


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("kind", RECORDS)
def test_what_is_exported_comes_back_as_it_was(sotopia, tmp_path, kind, suffix):
    status, out, err = sotopia("export", kind, f"all.{suffix}")
    assert (status, err) == (0, "")
    assert out == f"{len(RECORDS[kind])} {kind} of sqlite:///{tmp_path / 'kept.db'} are in all.{suffix}\n"
    assert [found.record for found in read_records(tmp_path / f"all.{suffix}")] == RECORDS[kind]


def test_a_whole_store_moves_to_another(sotopia, tmp_path):
    for kind in RECORDS:
        sotopia("export", kind, f"{kind}.jsonl")
    status, out, err = sotopia("import", ".", "--store", "sqlite:///other.db", "--json")
    report = json.loads(out)
    assert (status, err, report["new"]) == (0, "", sum(map(len, RECORDS.values())))
    assert report["missing_references"] == []
    assert sotopia("import", ".", "--store", "sqlite:///other.db")[0] == 0


def test_conditions_choose_the_records(sotopia, tmp_path):
    assert sotopia("export", "agents", "some.jsonl", "--where", "tag=spring")[0] == 0
    assert [found.record for found in read_records(tmp_path / "some.jsonl")] == [agent(MIA, tag="spring")]


def test_a_file_that_is_there_is_kept_unless_forced(sotopia, tmp_path):
    path = tmp_path / "all.jsonl"
    path.write_text("precious", encoding="utf-8")
    status, out, err = sotopia("export", "agents", "all.jsonl")
    assert (status, out) == (2, "")
    assert err == "sotopia: error: all.jsonl is there already; name another file, or overwrite it with --force\n"
    assert path.read_text(encoding="utf-8") == "precious"
    assert sotopia("export", "agents", "all.jsonl", "--force")[0] == 0
    assert len(list(read_records(path))) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["agnts", "a.jsonl"], "no kind of record is called 'agnts'; did you mean 'agents'?"),
        (["agents", "a.xml"], "a.xml: its name says not how to write it; let it end in .json, .jsonl, .csv"),
        (["agents", "a.jsonl", "--where", "tga=x"], "no field is called 'tga'; did you mean 'tag'?"),
        (["agents", "no/a.jsonl"], "no/a.jsonl: there is no folder 'no'; make it first"),
        (["agents", "a.jsonl", "--store", "sqlite:///none.db"], "there is no store at sqlite:///none.db"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line_and_no_file(sotopia, tmp_path, arguments, text):
    status, out, err = sotopia("export", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("sotopia: error: ")
    assert text in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("kept.db")] == []


def test_every_kind_of_record_has_a_name_that_the_help_tells(sotopia):
    assert set(KINDS.values()) == set(BY_KIND)
    told = " ".join(sotopia("export", "--help")[1].split())
    assert ", ".join(list(KINDS)[:-1]) + f" or {list(KINDS)[-1]}." in told.replace("- ", "-")
