"""Tables of human annotations: recognised by their header, and refused row by row for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from sotopia_core.annotations import AnnotationForEpisode
from sotopia_core.database.files import FileRecord, Refusal, read_each
from sotopia_core.database.importing import import_files
from sotopia_core.database.locate import find_storage
from sotopia_core.evaluation import OVERALL
from sotopia_core.registry import Registry

TABLE = Path(__file__).parents[2] / "../shared/data/human/gpt3.5_final.csv"
HEADER = ",model,pk,prolific_id,relationship_1,relationship_reasoning_1,goal_1,goal_reasoning_1,relationship_2,goal_2"


@pytest.fixture
def read(tmp_path):
    def read(*rows, header=HEADER):
        path = tmp_path / "people.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return [(entry.record if isinstance(entry, FileRecord) else entry.reason) for entry in read_each(path)]

    return read


def test_a_row_is_an_annotation(read):
    (one,) = read('7,gpt,E1,ann,2,"kind, mostly",8,got it,-1,3')
    assert isinstance(one, AnnotationForEpisode)
    assert (one.episode, one.annotator_id) == ("E1", "ann")
    assert one.rewards == (
        (5.0, {"relationship": 2.0, "goal": 8.0, OVERALL: 5.0}),
        (1.0, {"relationship": -1.0, "goal": 3.0, OVERALL: 1.0}),
    )
    assert one.reasoning == "Agent 1 comments:\nrelationship: kind, mostly\ngoal: got it\nAgent 2 comments:"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7,gpt,E1,ann,2,,12,,1,3", "goal_1: goal 12 is outside 0..10 (SotopiaDimensions)"),
        ("7,gpt,E1,ann,2.5,,8,,1,3", "relationship_1: relationship 2.5 is not a whole number (SotopiaDimensions)"),
        ("7,gpt,E1,ann,2,,good,,1,3", "goal_1: expected a score, found 'good'"),
        ("7,gpt,E1,ann,2,,8,,,3", "relationship_2: expected a score, found ''"),
        ("7,gpt,E1,ann,nan,,8,,1,3", "relationship_1: relationship nan is outside -5..5 (SotopiaDimensions)"),
        ("7,gpt,,ann,2,,8,,1,3", "the row names no episode (pk)"),
        ("7,gpt,E1,,2,,8,,1,3", "the row names no annotator"),
        ("7,gpt,E1,ann,2", "the row has 5 cells for 10 columns; a text with commas needs quotation marks"),
    ],
)
def test_what_is_no_annotation_says_why(read, row, reason):
    assert read(row) == [reason]


def test_a_column_that_belongs_to_nothing_is_named(read):
    assert read("E1,ann,3,x", header="pk,annotator_id,goal_1,mood") == [
        "a table of annotations has no column 'mood'; leave it out"
    ]


def test_dimensions_that_no_plugin_has_are_on_no_scale(read):
    (one,) = read("E1,ann,300", header="pk,annotator_id,warmth_1")
    assert one.rewards == ((300.0, {"warmth": 300.0, OVERALL: 300.0}),)


def test_an_annotator_who_contradicts_themselves_is_a_conflict(tmp_path):
    path = tmp_path / "people.csv"
    rows = ["7,gpt,E1,ann,2,,8,,1,3", "8,gpt,E1,ann,2,,8,,1,3", "9,gpt,E1,ann,2,,4,,1,3"]
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    with find_storage(Registry.installed(), "memory://").open() as store:
        report = import_files([path], store)
    assert (report.total.new, report.total.same, report.total.conflicting, report.stored) == (1, 1, 1, False)
    assert report.problems[0].reason.endswith(f"stands with other values at {path}, line 2")


def test_the_published_table_is_read():
    if not TABLE.exists():
        pytest.skip("the published data sets in ../shared/data are not here")
    entries = list(read_each(TABLE))
    assert not [entry for entry in entries if isinstance(entry, Refusal)]
    records = [entry.record for entry in entries]
    assert len(records) == len({record.pk for record in records}) == 29
    assert len({record.episode for record in records}) == 14
    assert all(len(record.rewards) == 2 for record in records)
