"""Files of any size: read in memory that does not grow with them, whatever pieces they are read in."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotopia_core.database import json_values, json_window
from sotopia_core.database.files import FileRecord, Refusal, read_each

RECORDS = 500
SIZE = 40_000


def people():
    for number in range(RECORDS):
        yield json.dumps({"pk": f"A{number}", "first_name": "Ann", "secret": "x" * SIZE})


FORMS = {
    "jsonl": ("", "\n", "\n"),
    "list": ("[\n", ",\n", "\n]\n"),
    "list on one line": ("[", ", ", "]"),
    "list after a byte order mark": ("\ufeff [", ",", "]"),
}


@pytest.mark.parametrize("form", FORMS)
def test_records_are_read_in_memory_that_does_not_grow_with_the_file(tmp_path, form, monkeypatch):
    monkeypatch.setattr(json_window, "CHUNK", 2**16)
    before, between, after = FORMS[form]
    path = tmp_path / "people.json"
    with path.open("w", encoding="utf-8") as file:
        file.write(before)
        for number, text in enumerate(people()):
            file.write(between * bool(number) + text)
        file.write(after)
    tracemalloc.start()
    try:
        count = sum(1 for entry in read_each(path) if isinstance(entry, FileRecord))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == RECORDS
    assert peak < path.stat().st_size / 10


def test_jsonl_with_a_bad_first_line_is_read_in_memory_that_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "people.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.write('{"pk": "A", "first_name": "cut off\n')
        file.writelines(f"{text}\n" for text in people())
    tracemalloc.start()
    try:
        refusal, *_ = entries = [type(entry) for entry in read_each(path)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refusal is Refusal
    assert entries.count(FileRecord) == RECORDS
    assert peak < path.stat().st_size / 5


class TestTooLarge:
    @pytest.fixture(autouse=True)
    def _limit(self, monkeypatch):
        for module in (json_values, json_window):
            monkeypatch.setattr(module, "LONGEST", 10_000)
        monkeypatch.setattr(json_window, "CHUNK", 4096)

    def test_a_line_that_is_too_long_is_refused_and_the_next_is_read(self, tmp_path):
        path = tmp_path / "people.jsonl"
        ann, bob = json.dumps({"first_name": "Ann"}), json.dumps({"first_name": "Bob"})
        long = json.dumps({"first_name": "x" * 30_000})
        path.write_text(f"{ann}\n{long}\n{bob}\n", encoding="utf-8")
        first, second, third = read_each(path)
        assert (first.record.first_name, third.record.first_name) == ("Ann", "Bob")
        assert str(second.place) == f"{path}, line 2"
        assert second.reason == f"the line has {len(long) + 1:,} bytes, more than 10,000"
        assert third.place.line == 3

    def test_a_first_line_that_is_too_long_is_refused_and_the_next_is_read(self, tmp_path):
        path = tmp_path / "people.jsonl"
        path.write_text('{"first_name": "' + "x" * 30_000 + '"}\n{"first_name": "Bob"}\n', encoding="utf-8")
        first, second = read_each(path)
        assert "more than 10,000" in first.reason
        assert (second.place.line, second.record.first_name) == (2, "Bob")

    def test_a_value_that_spans_lines_and_is_too_large_ends_the_reading(self, tmp_path):
        path = tmp_path / "people.json"
        path.write_text('[\n{"first_name": "Ann"},\n{"first_name":\n"' + "x" * 60_000 + '"}]', encoding="utf-8")
        first, second = read_each(path)
        assert first.record.first_name == "Ann"
        assert str(second.place) == f"{path}, line 3"
        assert second.reason == "a value has more than 10,000 characters; write one record a line"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    names=st.lists(st.text(), min_size=1, max_size=4),
    chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
    ascii=st.booleans(),
    cut=st.none() | st.integers(1, 60),
)
def test_the_size_of_the_pieces_makes_no_difference(tmp_path, monkeypatch, names, chunk, indent, ascii, cut):
    path = tmp_path / "people.json"
    people = [{"pk": f"A{i}", "first_name": name, "age": 10 + i} for i, name in enumerate(names)]
    path.write_bytes(json.dumps(people, indent=indent, ensure_ascii=ascii).encode()[: -cut if cut else None])
    if not path.stat().st_size:
        return
    whole = list(map(repr, read_each(path)))
    with monkeypatch.context() as patch:
        patch.setattr(json_window, "CHUNK", chunk)
        assert list(map(repr, read_each(path))) == whole
