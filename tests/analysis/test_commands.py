"""``sotopia stats`` and ``sotopia compare``, as they are typed."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest

pytest.importorskip("polars", reason="the extra analysis is not installed")

import typer
from typer.testing import CliRunner

from sotopia_analysis.plugin import sotopia_commands
from sotopia_core.errors import InputError, MissingExtraError
from tests.analysis.played import played
from tests.cli.kept import keep


@pytest.fixture
def url(tmp_path):
    episodes = [
        played(f"{model}{s:02}", (model, "p"), [(0, goal), (0, 5)], scenario=f"S{s:02}", tag="pilot")
        for s in range(12)
        for model, goal in (("a_1", s % 4 + 5), ("b&2", s % 3 + 3))
    ]
    lost = played("lost", ("a_1", "p"), ["no answer", "no answer"], scenario="S00", trial=1, tag="pilot")
    return keep(tmp_path, *episodes, lost)


def ask(*arguments):
    app = typer.Typer()
    sotopia_commands(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_stats_prints_means_with_intervals_and_what_is_missing(url):
    done = ask("stats", "--store", url)
    assert done.stdout.splitlines()[0].split() == [
        "model",
        "dimension",
        "mean",
        "95%",
        "interval",
        "n",
        "missing",
        "scenarios",
    ]
    goal = next(line for line in done.stdout.splitlines() if line.startswith("a_1") and " goal " in line)
    assert goal.split() == ["a_1", "goal", "6.50", "5.76", "to", "7.24", "12", "1", "12"]
    assert "missing scores:" in done.stdout
    assert "  a_1: 1 x Judge[Manners]: no answer" in done.stdout


def test_all_formats_hold_the_same_numbers(url):
    rows = json.loads(ask("stats", "--store", url, "--json").stdout)["rows"]
    table = list(csv.DictReader(io.StringIO(ask("stats", "--store", url, "--format", "csv").stdout)))
    assert [float(row["mean"]) for row in table] == [row["mean"] for row in rows]
    assert json.loads(table[1]["reasons"]) == rows[1]["reasons"] == {"Judge[Manners]: no answer": 1}
    latex = ask("stats", "--store", url, "--format", "latex").stdout
    assert r"a\_1 & goal & 6.50 & 5.76 to 7.24 & 12 & 1 & 12 \\" in latex
    assert r"b\&2 & goal" in latex
    markdown = ask("stats", "--store", url, "--format", "markdown").stdout
    assert r"| a\_1 | goal | 6.50 | 5.76 to 7.24 | 12 | 1 | 12 |" in markdown


def test_compare_prints_the_difference_and_what_was_left_out(url):
    done = ask("compare", "a_1", "b&2", "--store", url)
    assert "A is a_1, B is b&2: 12 pairs" in done.stdout
    assert "not paired: 1 seat of a_1: b&2 did not play that trial" in done.stdout
    document = json.loads(ask("compare", "a_1", "b&2", "--store", url, "--json", "--dimension", "goal").stdout)
    (goal,) = document["rows"]
    assert (goal["difference"], goal["n"], goal["exact"]) == (2.5, 12, True)
    assert document["pairs"] == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stats", "--tag", "pilto"), "no episode has the tag 'pilto'; did you mean 'pilot'?"),
        (("stats", "--dimension", "gaol"), "no dimension is called 'gaol'; did you mean 'goal'?"),
        (("stats", "--format", "latx"), "--format latx: there is no such format; did you mean 'latex'?"),
        (("stats", "--by", "modell"), "scores cannot be told apart by 'modell'; did you mean 'model'?"),
        (
            ("compare", "a_1", "p"),
            "nothing that a_1 and p played can be paired: 13 x p did not take that seat; "
            "25 x a_1 did not take that seat",
        ),
    ],
)
def test_bad_input_is_one_line(url, arguments, message):
    with pytest.raises(InputError) as caught:
        ask(*arguments, "--store", url)
    assert str(caught.value) == message


def test_without_the_extra_a_command_says_what_to_install(url, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    for name in [name for name in sys.modules if name.startswith("sotopia_analysis.")]:
        if name not in ("sotopia_analysis.commands", "sotopia_analysis.plugin"):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        MissingExtraError, match=r"needs polars, which is not installed; pip install 'sotopia-core\[analysis\]'"
    ):
        ask("stats", "--store", url)
