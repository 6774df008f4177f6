"""Exporting: files that come back as they were, complete or absent, and written in constant memory."""

from __future__ import annotations

import csv
import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotopia_core.database.exporting import find_writer, write_csv, write_json, write_jsonl
from sotopia_core.database.files import read_records
from sotopia_core.errors import RecordError
from sotopia_core.profiles import AgentProfile, EnvironmentProfile
from tests.cli.kept import BOTH_SCORED, agent, combo, episode, imported, relationship, run, scenario
from tests.database.strategies import BY_KIND

ANN = AgentProfile(pk="A1", first_name="Ann", age=30, moral_values=("Care", " Fairness"))
BOB = AgentProfile(pk="A2", first_name="Bob", secret='=1+1\r\n"quoted", \x00 and \U0001f600')
MARKET = EnvironmentProfile(pk="E1", scenario="Two meet.", agent_goals=("Buy.", "Sell."))
EVERY_FORM = pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])


def records(path):
    return [found.record for found in read_records(path)]


def write(written, path, kind=AgentProfile):
    return find_writer(path, kind)(written, path)


class TestForms:
    @EVERY_FORM
    def test_records_come_back_as_they_were(self, tmp_path, name):
        assert write([ANN, BOB], tmp_path / name) == 2
        assert records(tmp_path / name) == [ANN, BOB]

    @pytest.mark.parametrize("kind", BY_KIND, ids=lambda kind: kind.kind())
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def test_a_json_list_loses_nothing_of_any_kind_of_record(self, tmp_path_factory, kind, data):
        written = data.draw(st.lists(BY_KIND[kind], max_size=3, unique_by=lambda record: record.pk))
        path = tmp_path_factory.mktemp("export") / "a.json"
        assert write_json(written, path) == len(written)
        assert [one.model_dump_json() for one in records(path)] == [one.model_dump_json() for one in written]
        assert isinstance(json.loads(path.read_text(encoding="utf-8")), list)

    @pytest.mark.parametrize(
        "one",
        [agent(), scenario(), combo(), relationship(), run(), imported(), episode(judgements=BOTH_SCORED)],
        ids=lambda record: record.kind(),
    )
    def test_a_table_of_ordinary_records_can_be_read_too(self, tmp_path, one):
        write_csv([one], tmp_path / "a.csv")
        assert records(tmp_path / "a.csv") == [one]

    def test_json_and_jsonl_may_mix_kinds(self, tmp_path):
        for name in ("a.jsonl", "a.json"):
            write([ANN, MARKET], tmp_path / name)
            assert records(tmp_path / name) == [ANN, MARKET]

    def test_a_table_holds_one_kind(self, tmp_path):
        with pytest.raises(RecordError) as caught:
            write_csv([ANN, MARKET], tmp_path / "a.csv")
        assert str(caught.value) == (
            f"{tmp_path / 'a.csv'}: a table holds records of one kind, not AgentProfile and EnvironmentProfile; "
            "write JSONL for both"
        )
        assert list(tmp_path.iterdir()) == []

    def test_a_table_has_a_column_for_each_field_and_text_as_it_is(self, tmp_path):
        write_csv([ANN, BOB], tmp_path / "a.csv")
        with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
            ann, bob = csv.DictReader(file)
        assert list(ann) == list(AgentProfile.model_fields)
        assert (ann["age"], ann["moral_values"], bob["age"], bob["secret"]) == (
            "30",
            '["Care", " Fairness"]',
            "",
            BOB.secret,
        )

    def test_no_records_make_a_file_that_says_so(self, tmp_path):
        for name, text in (
            ("a.jsonl", ""),
            ("a.json", "[]\n"),
            ("a.csv", ",".join(AgentProfile.model_fields) + "\r\n"),
        ):
            assert write([], tmp_path / name) == 0
            assert (tmp_path / name).read_bytes().decode() == text

    @pytest.mark.parametrize("name", ["a.txt", "a", "jsonl", ".json.bak"])
    def test_a_name_that_says_no_form_is_an_error(self, tmp_path, name):
        with pytest.raises(RecordError, match=r"says not how to write it; let it end in \.json, \.jsonl, \.csv"):
            find_writer(tmp_path / name, AgentProfile)

    def test_the_form_does_not_depend_on_the_case_of_the_name(self, tmp_path):
        assert write([ANN], tmp_path / "A.JSONL") == 1


class TestCompleteOrAbsent:
    @EVERY_FORM
    def test_what_fails_leaves_the_old_file_and_nothing_else(self, tmp_path, name):
        def failing():
            yield ANN
            raise RuntimeError("the store is gone")

        (tmp_path / name).write_text("old", encoding="utf-8")
        with pytest.raises(RuntimeError):
            write(failing(), tmp_path / name)
        assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [(name, "old")]

    @EVERY_FORM
    def test_the_file_is_there_when_it_is_complete_and_not_before(self, tmp_path, name):
        def watched():
            yield ANN
            assert not (tmp_path / name).exists()
            yield BOB

        write(watched(), tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == [name]

    @pytest.mark.parametrize("odds", [float("nan"), float("inf")])
    def test_what_json_cannot_hold_is_refused_and_nothing_written(self, tmp_path, odds):
        broken = MARKET.model_copy(update={"game_metadata": {"odds": [odds]}})
        for name in ("a.jsonl", "a.json", "a.csv"):
            with pytest.raises(RecordError, match="EnvironmentProfile 'E1' cannot be written: "):
                write([broken], tmp_path / name, EnvironmentProfile)
        assert list(tmp_path.iterdir()) == []

    def test_half_a_character_is_refused(self, tmp_path):
        with pytest.raises(RecordError, match="AgentProfile 'A1' cannot be written: "):
            write_jsonl([ANN.model_copy(update={"secret": "\ud800"})], tmp_path / "a.jsonl")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("nowhere/a.jsonl", "there is no folder '{folder}/nowhere'; make it first"),
            ("", "is a folder; name a file in it"),
        ],
    )
    def test_a_place_that_cannot_be_written_is_an_error(self, tmp_path, name, text):
        with pytest.raises(RecordError) as caught:
            write_jsonl([ANN], tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {text.format(folder=tmp_path)}"


@EVERY_FORM
def test_records_are_written_in_memory_that_does_not_grow_with_them(tmp_path, name):
    many = (BOB.model_copy(update={"pk": f"A{number}", "secret": "x" * 40_000}) for number in range(500))
    tracemalloc.start()
    try:
        write(many, tmp_path / name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (tmp_path / name).stat().st_size / 10
