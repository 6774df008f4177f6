"""Records off files: every form that files have, every name that fields have, and one line for all that is wrong."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.database.files import (
    FileRecord,
    Refusal,
    expand_pattern,
    read_entries,
    read_pool_files,
    read_records,
)
from sotopia_core.errors import RecordError
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
)

SHARED = Path(__file__).parents[2] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the published data sets in ../shared/data are not here")

PK = "01H5TNE5PRCAF1CK5ERS5MVZ22"
OTHER_PK = "01H5TNE5PMYNNX0AGE2QZ9DGZ7"
ANN = {"pk": "A1", "first_name": "Ann", "last_name": "Lee", "age": 30}
BOB = {"pk": "A2", "first_name": "Bob", "last_name": "Ray", "age": 40}
MARKET = {"pk": "E1", "codename": "market", "scenario": "Two meet at a market.", "agent_goals": ["Buy.", "Sell."]}
FRIENDS = {"pk": "R1", "agent_1_id": "A1", "agent_2_id": "A2", "relationship": 3}
COMBO = {"pk": "C1", "env_id": "E1", "agent_ids": ["A1", "A2"]}
HARD = {"pk": "L1", "name": "hard", "environments": ["E1"], "agent_index": ["0"]}
ALL = [ANN, BOB, MARKET, FRIENDS, COMBO, HARD]
KINDS = [
    AgentProfile,
    AgentProfile,
    EnvironmentProfile,
    RelationshipProfile,
    EnvAgentComboStorage,
    EnvironmentList,
]


@pytest.fixture
def write(tmp_path):
    def write(content, name="records.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def jsonl(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def records(path):
    return [read.record for read in read_records(path)]


def refused(path):
    """Return the text of the error, which is one line and begins with the file."""
    with pytest.raises(RecordError) as caught:
        list(read_records(path))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text.replace(str(path), path.name)


class TestForms:
    @pytest.mark.parametrize(
        "content",
        [
            jsonl(*ALL),
            jsonl(*ALL).rstrip("\n"),
            jsonl(*ALL).replace("\n", "\r\n"),
            "\n\n" + jsonl(*ALL).replace("\n", "\n  \n\n"),
            json.dumps(ALL),
            json.dumps(ALL, indent=2),
            jsonl(ALL[:2], ALL[2:]),
            json.dumps({record["pk"]: record for record in ALL}),
            json.dumps({record["pk"]: record for record in ALL}, indent=4),
            "\n".join(json.dumps(record, indent=4) for record in ALL),
            "".join(json.dumps(record) for record in ALL),
            "[" + ",\n".join(json.dumps(record) for record in ALL) + "\n]",
            "\ufeff" + jsonl(*ALL),
            "\ufeff" + json.dumps(ALL, indent=2),
            json.dumps(json.dumps(ALL)),
            json.dumps([json.dumps(record) for record in ALL]),
            "".join(json.dumps(json.dumps(record)) + "\n" for record in ALL),
        ],
        ids=[
            "jsonl",
            "jsonl without a last newline",
            "jsonl with carriage returns",
            "jsonl with blank lines",
            "list on one line",
            "pretty-printed list",
            "lists one a line",
            "keyed by pk",
            "pretty-printed, keyed by pk",
            "pretty-printed one after another",
            "one after another on one line",
            "list with a record a line",
            "jsonl after a byte order mark",
            "list after a byte order mark",
            "list encoded twice",
            "list of records encoded twice",
            "jsonl encoded twice",
        ],
    )
    def test_records_are_read_from_every_form_that_files_have(self, write, content):
        read = records(write(content))
        assert [type(record) for record in read] == KINDS
        assert [record.pk for record in read] == [record["pk"] for record in ALL]
        assert read[0] == AgentProfile(**ANN)
        assert read[2] == EnvironmentProfile(**MARKET)
        assert read[5] == EnvironmentList(**HARD)

    def test_a_file_may_hold_one_record(self, write):
        assert records(write(json.dumps(ANN), "ann.json")) == [AgentProfile(**ANN)]
        assert records(write(json.dumps(ANN, indent=2), "ann.json")) == [AgentProfile(**ANN)]

    def test_the_form_is_told_from_the_content_and_not_from_the_name(self, write):
        assert len(records(write(jsonl(*ALL), "all.json"))) == len(ALL)
        assert len(records(write(json.dumps(ALL, indent=2), "all.jsonl"))) == len(ALL)

    def test_a_list_without_entries_holds_no_records(self, write):
        assert records(write("[]")) == []

    def test_a_record_without_a_pk_has_the_key_that_it_stands_under(self, write):
        path = write(json.dumps({"A9": {"first_name": "Ann"}, "E9": {"scenario": "s", "agent_goals": []}}))
        assert [record.pk for record in records(path)] == ["A9", "E9"]

    def test_lists_of_scenarios_by_name_are_environment_lists(self, write):
        path = write(json.dumps({"hard": [PK, OTHER_PK], "one": [PK]}))
        hard, one = records(path)
        assert hard == EnvironmentList(pk=hard.pk, name="hard", environments=(PK, OTHER_PK))
        assert one == EnvironmentList(pk=one.pk, name="one", environments=(PK,))
        assert records(path) == [hard, one]

    def test_text_is_kept_exactly(self, write):
        text = 'I <3 you, {goal} & "\u2028\x85\x0b\x0c\x1c \U0001f600 \u00e9 e\u0301 \\u0000 \x00 \t\r\n '
        path = write(json.dumps({**ANN, "secret": text}, ensure_ascii=False) + "\n" + jsonl({**BOB, "secret": text}))
        assert [record.secret for record in records(path)] == [text, text]

    @given(texts=st.lists(st.text(), min_size=2, max_size=4), indent=st.sampled_from([None, 2]), ascii=st.booleans())
    def test_any_text_comes_back_from_any_form(self, tmp_path_factory, texts, indent, ascii):
        path = tmp_path_factory.mktemp("text") / "agents.jsonl"
        written = [{"pk": f"A{i}", "first_name": text} for i, text in enumerate(texts)]
        path.write_bytes("\n".join(json.dumps(r, indent=indent, ensure_ascii=ascii) for r in written).encode())
        assert [record.first_name for record in records(path)] == texts


class TestFields:
    @pytest.mark.parametrize(
        ("exported", "native"),
        [
            ({"agent_id": "A1", "first_name": "Ann"}, AgentProfile(pk="A1", first_name="Ann")),
            (
                {"env_id": "E1", "scenario": "s", "agent_goals": ["a", "b"], "relationship": "3"},
                EnvironmentProfile(pk="E1", scenario="s", agent_goals=("a", "b"), relationship=3),
            ),
            (
                {"relationship_id": "R1", "agent1_id": "A1", "agent2_id": "A2", "relationship": "4"},
                RelationshipProfile(pk="R1", agent_1_id="A1", agent_2_id="A2", relationship=4),
            ),
            (
                {"combo_id": "C1", "env_id": "E1", "agent_ids": ["A1", "A2"]},
                EnvAgentComboStorage(pk="C1", env_id="E1", agent_ids=("A1", "A2")),
            ),
        ],
    )
    def test_the_exporters_names_are_read(self, write, exported, native):
        assert records(write(jsonl(exported))) == [native]

    def test_a_combo_has_no_pk_from_its_scenario(self, write):
        (combo,) = records(write(jsonl({"env_id": "E1", "agent_ids": ["A1"]})))
        assert combo.env_id == "E1"
        assert combo.pk != "E1"

    def test_a_field_may_stand_under_both_names_if_they_agree(self, write):
        assert records(write(jsonl({"pk": "A1", "agent_id": "A1", "first_name": "Ann"})))[0].pk == "A1"

    def test_constraints_are_kept_as_they_are_found(self, write):
        found = {
            "age_constraint": "[(18, 70), (18, 70)]",
            "occupation_constraint": "nan",
            "agent_constraint": "none",
        }
        (record,) = records(write(jsonl({**MARKET, **found})))
        assert (record.age_constraint, record.occupation_constraint, record.agent_constraint) == tuple(found.values())
        (record,) = records(write(jsonl({**MARKET, "age_constraint": [[18, 70], [18, 70]]})))
        assert record.age_constraint == [[18, 70], [18, 70]]

    def test_game_metadata_is_kept_with_its_types(self, write):
        metadata = {"role": "wolf", "n": 3, "share": 0.5, "open": True, "none": None, "list": [1, "1", [2.0]]}
        (record,) = records(write(jsonl({**MARKET, "game_metadata": metadata})))
        assert json.dumps(record.game_metadata) == json.dumps(metadata)

    def test_a_record_without_a_pk_gets_the_same_one_each_time(self, write):
        partial = {"first_name": "Ann", "age": 30}
        (first,) = records(write(jsonl(partial), "one.jsonl"))
        (again,) = records(write(json.dumps([partial], indent=2), "two.json"))
        assert first == again
        assert len(first.pk) == 26

    def test_a_derived_pk_depends_on_the_content_and_not_on_its_spelling(self, write):
        spellings = [
            {"scenario": "s", "agent_goals": ["a"], "relationship": 3},
            {"relationship": "3", "agent_goals": ["a"], "scenario": "s"},
            {"scenario": "s", "agent_goals": ["a"], "relationship": "friend", "codename": "", "tag": ""},
        ]
        others = [
            {"scenario": "s", "agent_goals": ["b"], "relationship": 3},
            {"scenario": "s", "agent_goals": ["a"], "relationship": 2},
            {"first_name": "s"},
        ]
        assert len({record.pk for record in records(write(jsonl(*spellings)))}) == 1
        assert len({record.pk for record in records(write(jsonl(spellings[0], *others)))}) == 4

    def test_a_derived_pk_never_changes(self, write):
        (record,) = records(write(jsonl({"first_name": "Ann", "age": 30})))
        assert record.pk == "6RR32WKHPA0GF85DCREZF84M7A"

    def test_a_partial_profile_is_read(self, write):
        (record,) = records(write(jsonl({"first_name": "W"})))
        assert (record.name, record.age, record.moral_values) == ("W", None, ())


class TestPlaces:
    def test_each_record_comes_with_its_place(self, write):
        def places(content, name):
            path = write(content, name)
            return [str(read.place).replace(str(path), name) for read in read_records(path)]

        assert places("\n" + jsonl(ANN, BOB), "a.jsonl") == ["a.jsonl, line 2", "a.jsonl, line 3"]
        assert places(json.dumps([ANN, BOB]), "a.json") == ["a.json, record 1", "a.json, record 2"]
        assert places(json.dumps({"A1": ANN, "A2": BOB}), "a.json") == ["a.json, key 'A1'", "a.json, key 'A2'"]
        assert places(f"{json.dumps(ANN, indent=1)}\n{json.dumps(BOB)}", "a.jsonl") == [
            "a.jsonl, line 1",
            "a.jsonl, line 7",
        ]
        assert places(jsonl([ANN], [BOB]), "a.jsonl") == ["a.jsonl, record 1", "a.jsonl, line 2, record 1"]

    def test_reading_goes_on_after_what_is_refused(self, write):
        broken = [{"first_name": 5}, ANN, {"x": 1}]
        path = write(jsonl(*broken) + '{"first_name": "cut\n' + jsonl(BOB) + "\xff\n" + jsonl(MARKET))
        path.write_bytes(path.read_bytes().replace("\xff".encode(), b"\xff"))
        entries = list(read_entries(path))
        assert [type(entry) for entry in entries] == [
            Refusal,
            FileRecord,
            Refusal,
            Refusal,
            FileRecord,
            Refusal,
            FileRecord,
        ]
        assert [entry.place.line for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
        assert entries[0].reason == "first_name: expected text, found 5"
        assert str(entries[0].error) == f"{path}, line 1: first_name: expected text, found 5"

    def test_reading_goes_on_after_a_first_line_that_is_cut_off(self, write):
        entries = list(read_entries(write('\n{"first_name": "Ann", "a\n\n' + jsonl(BOB, MARKET))))
        assert [(type(entry), entry.place.line) for entry in entries] == [
            (Refusal, 2),
            (FileRecord, 4),
            (FileRecord, 5),
        ]

    def test_a_list_that_is_cut_off_is_not_taken_for_jsonl(self, write):
        ann, bob, refusal = read_entries(write(f"[{json.dumps(ANN)},\n{json.dumps(BOB)}\n"))
        assert (ann.place.entry, bob.place.entry) == (1, 2)
        assert isinstance(refusal, Refusal)
        assert "as if cut off" in refusal.reason

    def test_reading_goes_on_within_a_list(self, write):
        entries = list(read_entries(write(json.dumps([ANN, {"x": 1}, BOB], indent=2))))
        assert [(type(entry), entry.place.entry) for entry in entries] == [
            (FileRecord, 1),
            (Refusal, 2),
            (FileRecord, 3),
        ]

    def test_records_before_a_refusal_are_read(self, write):
        reading = read_records(write(jsonl(ANN, BOB) + "oops\n"))
        assert [next(reading).record.pk, next(reading).record.pk] == ["A1", "A2"]
        with pytest.raises(RecordError, match="line 3"):
            next(reading)


class TestKinds:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (
                {"title": "x", "year": 1999},
                "a.jsonl, line 1: no kind of record fits the fields 'title', 'year'; known kinds are AgentProfile,"
                " EnvironmentProfile, RelationshipProfile, EnvAgentComboStorage, EnvironmentList, EpisodeLog,"
                " RunRecord, AnnotationForEpisode, Annotator, SessionTransaction, CustomEvaluationDimension,"
                " CustomEvaluationDimensionList",
            ),
            ({"pk": "X", "tag": "t"}, "a.jsonl, line 1: no kind of record fits the fields 'pk', 'tag'; known kinds"),
            ({}, "a.jsonl, line 1: no kind of record fits an object without fields; known kinds are"),
            (
                {"first_name": "Ann", "scenario": "s", "agent_goals": []},
                "a.jsonl, line 1: fits more than one kind of record: AgentProfile (first_name) and EnvironmentProfile"
                " (scenario, agent_goals); keep the fields of one",
            ),
            (
                {"scenario": "s", "codename": "c"},
                "a.jsonl, line 1: read as EnvironmentProfile: missing key 'agent_goals'",
            ),
            (
                {"frist_name": "Ann", "age": 30},
                "a.jsonl, line 1: read as AgentProfile: unknown key 'frist_name'; did you mean 'first_name'?",
            ),
            ({"env_id": "E1"}, "a.jsonl, line 1: read as EnvAgentComboStorage: missing key 'agent_ids'"),
            (
                {"agent1_id": "A1", "agent2_id": "A2"},
                "a.jsonl, line 1: read as RelationshipProfile: missing key 'relationship'",
            ),
            (5, "a.jsonl, line 1: expected an object with the fields of a record, found 5"),
            (None, "a.jsonl, line 1: expected an object with the fields of a record, found null"),
            ([5], "a.jsonl, record 1: expected an object with the fields of a record, found 5"),
            ([[ANN]], "a.jsonl, record 1: expected an object with the fields of a record, found [a table with the"),
            ("5", "a.jsonl, line 1: expected an object with the fields of a record, found 5"),
            ("Ann", "a.jsonl, line 1: text that holds no JSON: broken JSON at column 1 (expecting value)"),
            ("{} {}", "a.jsonl, line 1: text that holds 2 JSON values instead of one"),
            ("", "a.jsonl, line 1: text that holds 0 JSON values instead of one"),
            ({"A1": ANN, "A2": 5}, "a.jsonl, key 'A2': expected an object with the fields of a record, found 5"),
            ({"hard": [PK], "x": ["E1"]}, "a.jsonl, key 'x': expected an object with the fields of a record, found"),
            (
                {"A7": ANN},
                "a.jsonl, key 'A7': the record has the pk 'A1', which is not its key; make them the same",
            ),
        ],
    )
    def test_what_is_no_record_is_refused_with_what_it_could_be(self, write, value, text):
        assert refused(write(json.dumps(value), "a.jsonl")).startswith(text)

    def test_kinds_may_share_a_pk(self, write):
        assert len(records(write(jsonl({**ANN, "pk": "X"}, {**MARKET, "pk": "X"})))) == 2


class TestValues:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({**ANN, "age": "forty"}, "age: expected a whole number, found 'forty'"),
            ({**ANN, "age": 30.5}, "age: expected a whole number, found 30.5"),
            ({**ANN, "age": True}, "age: expected a number, found true"),
            ({**ANN, "first_name": None}, "first_name: expected text, found null"),
            ({**ANN, "moral_values": "Care"}, "moral_values: expected a list, found 'Care'"),
            ({**ANN, "moral_values": ["Care", 5]}, "moral_values[1]: expected text, found 5"),
            ({**ANN, "pk": ""}, "pk: expected text of at least 1 character, found ''"),
            ({"agent_id": 5, "first_name": "Ann"}, "agent_id: expected text, found 5"),
            ({**ANN, "secert": "x"}, "unknown key 'secert'; did you mean 'secret'?"),
            ({**ANN, "agnt_id": "x"}, "unknown key 'agnt_id'; did you mean 'agent_id'?"),
            ({**ANN, "secert": "x", "aeg": 5}, "unknown key 'secert'; did you mean 'secret'? (and 1 more)"),
            ({**COMBO, "zzz": 1}, "unknown key 'zzz'; the keys known here are pk, env_id, agent_ids, combo_id"),
            ({**MARKET, "agent_goals": {"a": "b"}}, "agent_goals: expected a list, found a table with the key 'a'"),
            ({**MARKET, "age_constraint": 5}, "age_constraint: expected text or a list, found 5"),
            (
                {**FRIENDS, "relationship": "freind"},
                "relationship: expected 0 (stranger), 1 (know_by_name), 2 (acquaintance), 3 (friend),"
                " 4 (romantic_relationship) or 5 (family_member), found 'freind'; did you mean 'friend'?",
            ),
            (
                {**ANN, "agent_id": "A2"},
                "'pk' and 'agent_id' name the same field and differ; keep one of them",
            ),
        ],
    )
    def test_wrong_fields_are_named_with_what_was_expected_and_found(self, write, value, text):
        assert refused(write(jsonl(BOB, value), "a.jsonl")) == f"a.jsonl, line 2: {text}"

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            (
                '{"first_name": "Ann", "secret": "\\ud800"}',
                "secret: the escape \\ud800 is half a character, which no text can hold; write both halves or neither",
            ),
            (
                '{"first_name": "Ann", "moral_values": ["a", "b\\udc00"]}',
                "moral_values[1]: the escape \\udc00 is half a character",
            ),
            ('{"first_name": "Ann", "\\ud800": 1}', "in the key '\\ud800': the escape \\ud800 is half a character"),
            ('{"\\ud800": {"first_name": "Ann"}}', "the escape \\ud800 is half a character"),
            ('{"first_name": "Ann", "age": NaN}', "age: NaN is no number in JSON; write null, or leave the key out"),
            ('{"first_name": "Ann", "age": -Infinity}', "age: -Infinity is no number in JSON"),
            (
                '{"scenario": "s", "agent_goals": [], "game_metadata": {"odds": [1, Infinity]}}',
                "game_metadata.odds[1]: Infinity is no number in JSON",
            ),
            (
                '{"scenario": "s", "agent_goals": [], "game_metadata": {"odds": 1e999}}',
                "game_metadata.odds: the number '1e999' is too large",
            ),
            (
                '{"first_name": "Ann", "age": ' + "9" * 5000 + "}",
                "age: a number has 5000 digits, more than 4300",
            ),
            (
                '{"first_name": "Ann", "age": 1, "age": 2}',
                "the key 'age' stands twice in one object; keep one of them",
            ),
            (
                '{"scenario": "s", "agent_goals": [], "game_metadata": {"a": {"x": 1, "x": 1}}}',
                "game_metadata.a: the key 'x' stands twice in one object; keep one of them",
            ),
            (
                '{"scenario": "s", "agent_goals": [], "game_metadata": {"a": ' + "[" * 200 + "]" * 200 + "}}",
                "game_metadata: objects and lists stand more than 100 deep in one another; flatten them",
            ),
            ("[" * 100_000 + "]" * 100_000, "objects and lists stand more than 100 deep in one another"),
        ],
    )
    def test_json_that_means_nothing_is_refused_by_field(self, write, line, text):
        said = refused(write(f"{jsonl(BOB)}{line}\n", "a.jsonl"))
        assert f": {text}" in said
        assert said.startswith("a.jsonl, line 2")

    def test_both_halves_of_a_character_are_one(self, write):
        assert records(write('{"first_name": "\\ud83d\\ude00"}'))[0].first_name == "\U0001f600"

    def test_a_key_that_stands_twice_over_records_is_refused(self, write):
        path = write(f'{{"A1": {json.dumps(ANN)}, "A1": {json.dumps(ANN)}}}', "a.json")
        assert refused(path) == "a.json, line 1: the key 'A1' stands twice in one object; keep one of them"


class TestDuplicates:
    def test_different_records_with_one_pk_are_refused_naming_both_places(self, write):
        path = write(jsonl(ANN, BOB, {**ANN, "age": 31}), "a.jsonl")
        assert refused(path) == (
            "a.jsonl, line 3: the pk 'A1' stands at line 1 of this file with other content; keep one of them"
        )

    def test_in_lists_the_places_are_positions(self, write):
        path = write(json.dumps([ANN, {**ANN, "age": 31}]), "a.json")
        assert refused(path) == (
            "a.json, record 2: the pk 'A1' stands at record 1 of this file with other content; keep one of them"
        )

    def test_equal_records_with_one_pk_are_each_yielded(self, write):
        same = {"agent_id": "A1", "first_name": "Ann", "last_name": "Lee", "age": "30", "mbti": ""}
        assert records(write(jsonl(ANN, same))) == [AgentProfile(**ANN)] * 2


class TestBadFiles:
    def test_a_missing_file_is_named_with_the_nearest_there_is(self, write):
        path = write(jsonl(ANN), "agents.jsonl")
        assert refused(path.with_name("agent.jsonl")) == (
            "agent.jsonl: there is no such file; did you mean 'agents.jsonl'?"
        )
        assert refused(path.with_name("zzz")) == "zzz: there is no such file"

    def test_a_missing_folder_is_named(self, tmp_path):
        path = tmp_path / "nowhere" / "a.json"
        assert refused(path) == f"a.json: there is no folder '{tmp_path / 'nowhere'}'"

    def test_a_folder_is_no_file(self, tmp_path):
        folder = tmp_path / "profiles"
        folder.mkdir()
        assert refused(folder) == "profiles: is a folder; name the files in it, such as 'profiles/*.jsonl'"

    @pytest.mark.parametrize("content", [b"", b"\n \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
    def test_an_empty_file_is_refused(self, write, content):
        assert refused(write(content, "a.jsonl")) == "a.jsonl: is empty; expected records as JSON or JSONL"

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf_16_is_recognised_by_its_byte_order_mark(self, write, encoding):
        mark = "" if encoding == "utf-16" else "\ufeff"
        path = write((mark + jsonl(ANN)).encode(encoding), "a.jsonl")
        assert refused(path) == "a.jsonl: is UTF-16, as its byte order mark says; save it as UTF-8"

    def test_utf_32_is_not_taken_for_utf_16(self, write):
        path = write(jsonl(ANN).encode("utf-32"), "a.jsonl")
        assert refused(path) == "a.jsonl: is UTF-32, as its byte order mark says; save it as UTF-8"

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
    def test_without_a_byte_order_mark_the_nul_characters_tell(self, write, encoding):
        path = write(jsonl(ANN).encode(encoding), "a.jsonl")
        assert refused(path) == "a.jsonl: has NUL characters at its beginning, as UTF-16 has; save it as UTF-8"

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("indent", [None, 2])
    @pytest.mark.parametrize("position", [0, 1])
    def test_what_is_no_utf_8_is_named_by_its_byte(self, write, mark, indent, position):
        written = [json.dumps(record, indent=indent).encode() for record in (ANN, BOB)]
        written[position] = written[position].replace(b"a", b"\xe9", 1)
        content = mark + b"\n".join(written)
        offset = content.index(b"\xe9")
        line = content.count(b"\n", 0, offset) + 1
        assert refused(write(content, "a.jsonl")) == (
            f"a.jsonl, line {line}: byte 0xe9 at offset {offset} of the file is not UTF-8; save the file as UTF-8"
        )

    def test_broken_json_amid_jsonl_is_named_by_its_line_and_column(self, write):
        assert refused(write(jsonl(ANN) + '{"pk": "A2" "first_name": "Bob"}\n' + jsonl(BOB), "a.jsonl")) == (
            "a.jsonl, line 2: broken JSON at column 13 (expecting ',' delimiter); mend it there"
        )

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("oops", "broken JSON at column 1 (expecting value)"),
            ("{'pk': 1}", "broken JSON at column 2 (expecting property name enclosed in double quotes)"),
            (json.dumps(BOB) + " // Bob", f"broken JSON at column {len(json.dumps(BOB)) + 2} (expecting value)"),
            ('{"pk": "a\tb"}', "broken JSON at column 10 (invalid control character at)"),
            ('{"pk": "A2", "first_name": "Bo', "the JSON ends before it is complete, as if cut off"),
            ('{"pk": "A2", "first_name":', "the JSON ends before it is complete, as if cut off"),
            ('{"pk": "A2"', "the JSON ends before it is complete, as if cut off"),
        ],
    )
    @pytest.mark.parametrize("after", ["", jsonl(MARKET)])
    def test_a_broken_line_is_named(self, write, line, text, after):
        assert f": {text}" in refused(write(f"{jsonl(ANN)}{line}\n{after}", "a.jsonl"))
        entries = list(read_entries(write(f"{jsonl(ANN)}{line}\n{after}", "a.jsonl")))
        assert {entry.place.line for entry in entries if isinstance(entry, Refusal)} == {2}

    @pytest.mark.parametrize("cut", [2, 10, 40, 100])
    @pytest.mark.parametrize("form", ["line", "indented list", "jsonl"])
    def test_a_truncated_file_is_said_to_be_cut_off(self, write, cut, form):
        whole = {"line": json.dumps(ALL), "indented list": json.dumps(ALL, indent=2), "jsonl": jsonl(*ALL).rstrip()}
        assert refused(write(whole[form][:-cut], "a.json")).endswith(
            ": the JSON ends before it is complete, as if cut off; restore the rest of it"
        )

    def test_broken_json_amid_a_pretty_printed_file_is_named_by_its_line(self, write):
        text = json.dumps(ALL, indent=2).replace('"Lee",', '"Lee"')
        assert refused(write(text, "a.json")) == (
            "a.json, line 6: broken JSON at column 5 (expecting ',' delimiter); mend it there"
        )
        texts = "\n".join([json.dumps(BOB, indent=2), json.dumps(ANN, indent=2).replace('"Lee",', '"Lee"')])
        assert refused(write(texts, "a.jsonl")).startswith("a.jsonl, line 11: broken JSON at column 3")

    def test_a_gigantic_value_is_not_repeated_in_the_message(self, write):
        assert len(refused(write(jsonl({**ANN, "age": "x" * 1_000_000}), "a.jsonl"))) < 200
        assert len(refused(write(jsonl({**ANN, "x" * 1_000_000: 1}), "a.jsonl"))) < 600


class TestLimits:
    def test_gigantic_lines_take_time_in_proportion(self, write):
        text = "\\u00e9\\n" + "x" * 20_000_000
        path = write('{"pk": "A1", "first_name": "Ann", "secret": "' + text + '"}\n' + jsonl(BOB))
        start = time.perf_counter()
        first, second = records(path)
        assert time.perf_counter() - start < 20
        assert len(first.secret) == 20_000_002
        assert second.pk == "A2"

    @pytest.mark.parametrize("between", ["", "\n", "\n\n", ",\n"])
    def test_many_records_in_one_text_take_time_in_proportion(self, write, between):
        text = between.join(json.dumps({"pk": f"A{i}", "first_name": "x" * 200}, indent=0) for i in range(10_000))
        path = write(f"[{text}]" if "," in between else text)
        start = time.perf_counter()
        assert len(records(path)) == 10_000
        assert time.perf_counter() - start < 30

    def test_jsonl_is_read_in_memory_that_does_not_grow_with_the_file(self, tmp_path):
        path = tmp_path / "agents.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for i in range(500):
                file.write(jsonl({"pk": f"A{i}", "first_name": "Ann", "secret": "x" * 40_000}))
        tracemalloc.start()
        try:
            count = sum(1 for _ in read_records(path))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count == 500
        assert peak < path.stat().st_size / 10


class TestPoolFiles:
    def test_patterns_are_expanded_in_their_order_and_sorted_within(self, write, tmp_path):
        for name in ("b", "a", "c"):
            write(jsonl({"pk": name, "first_name": name}), f"profiles/{name}.jsonl")
        write(jsonl({"pk": "z", "first_name": "z"}), "z.jsonl")
        read = read_pool_files(["z.jsonl", "profiles/*.jsonl"], tmp_path)
        assert [record.pk for record in read] == ["z", "a", "b", "c"]

    def test_a_file_named_twice_is_read_once(self, write, tmp_path):
        path = write(jsonl(*ALL), "all.jsonl")
        assert len(read_pool_files(["all.jsonl", "*.jsonl", str(path)], tmp_path)) == len(ALL)

    def test_folders_below_are_reached_by_two_stars(self, write, tmp_path):
        write(jsonl(ANN), "deep/er/a.jsonl")
        write(jsonl(BOB), "deep/b.jsonl")
        assert len(read_pool_files(["**/*.jsonl"], tmp_path)) == 2

    def test_the_folder_above_is_reached_by_two_dots(self, write, tmp_path):
        write(jsonl(ANN), "profiles/a.jsonl")
        (tmp_path / "runs").mkdir()
        assert len(read_pool_files(["../profiles/*.jsonl"], tmp_path / "runs")) == 1

    def test_a_tilde_is_the_home_folder(self, write, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        write(jsonl(ANN), "home/profiles/a.jsonl")
        assert [r.pk for r in read_pool_files(["~/profiles/*.jsonl"], tmp_path / "elsewhere")] == ["A1"]
        assert [r.pk for r in read_pool_files(["~/profiles/a.jsonl"], tmp_path / "elsewhere")] == ["A1"]

    def test_wildcards_in_the_name_of_a_folder_or_a_file_that_is_there_are_no_wildcards(self, write, tmp_path):
        write(jsonl(ANN), "run [1]/a[0].jsonl")
        write(jsonl(BOB), "run [1]/b.jsonl")
        base = tmp_path / "run [1]"
        assert [record.pk for record in read_pool_files(["a[0].jsonl"], base)] == ["A1"]
        assert [record.pk for record in read_pool_files(["*.jsonl"], base)] == ["A1", "A2"]

    def test_wildcards_pass_over_folders_and_hidden_files(self, write, tmp_path):
        write(jsonl(ANN), "profiles/a.jsonl")
        write("binary rubbish", "profiles/._a.jsonl")
        write(jsonl(BOB), "profiles/sub.jsonl/b.jsonl")
        assert [record.pk for record in read_pool_files(["profiles/*"], tmp_path)] == ["A1"]
        assert expand_pattern("profiles/.*", tmp_path) == [tmp_path / "profiles/._a.jsonl"]

    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ("*.json", "no file matches '*.json'; it was looked up in '{base}'"),
            ("profiles/*.json", "no file matches 'profiles/*.json'; it was looked up in '{base}/profiles'"),
            ("nowhere/*", "no file matches 'nowhere/*'; it was looked up in '{base}/nowhere', which is no folder"),
            (
                "/nowhere/*.json",
                "no file matches '/nowhere/*.json'; it was looked up in '/nowhere', which is no folder",
            ),
            (
                "profiles/agent.jsonl",
                "no file matches 'profiles/agent.jsonl'; it was looked up in '{base}/profiles';"
                " did you mean 'agents.jsonl'?",
            ),
            ("profiles", "'profiles' is a folder; name the files in it, such as 'profiles/*.jsonl'"),
        ],
    )
    def test_a_pattern_that_names_no_file_is_an_error(self, write, tmp_path, pattern, text):
        write(jsonl(ANN), "profiles/agents.jsonl")
        with pytest.raises(RecordError) as caught:
            read_pool_files(["profiles/*.jsonl", pattern], tmp_path)
        assert str(caught.value) == text.format(base=tmp_path)

    def test_a_link_to_nowhere_and_a_pipe_are_errors(self, tmp_path):
        (tmp_path / "link.json").symlink_to("nowhere.json")
        os.mkfifo(tmp_path / "pipe.json")
        with pytest.raises(
            RecordError, match=r"'link.json' is a symbolic link to 'nowhere.json', which does not exist"
        ):
            read_pool_files(["link.json"], tmp_path)
        with pytest.raises(RecordError, match=r"'pipe.json' is no regular file; write what it holds to one"):
            read_pool_files(["pipe.json"], tmp_path)

    def test_a_home_folder_that_is_not_known_is_an_error(self, tmp_path):
        with pytest.raises(RecordError) as caught:
            read_pool_files(["~nobody-by-this-name/*.json"], tmp_path)
        assert str(caught.value) == (
            "'~nobody-by-this-name/*.json': no home folder is known for the ~ in it; write the path out"
        )

    def test_a_pattern_that_no_file_system_takes_is_an_error(self, tmp_path):
        with pytest.raises(RecordError, match=f"^'{'x' * 5000}' cannot be looked up .File name too long"):
            read_pool_files(["x" * 5000], tmp_path)

    def test_the_folder_is_named_in_full_where_base_is_relative(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(RecordError) as caught:
            read_pool_files(["*.json"], Path())
        assert str(caught.value) == f"no file matches '*.json'; it was looked up in '{tmp_path}'"

    def test_no_patterns_name_no_records(self, tmp_path):
        assert read_pool_files([], tmp_path) == []

    def test_equal_records_of_several_files_are_one(self, write, tmp_path):
        write(jsonl(ANN, BOB), "a.jsonl")
        exported = {"agent_id" if key == "pk" else key: value for key, value in ANN.items()}
        write(json.dumps([exported, MARKET]), "b.json")
        assert [record.pk for record in read_pool_files(["*"], tmp_path)] == ["A1", "A2", "E1"]

    def test_different_records_with_one_pk_in_two_files_are_an_error_that_names_both_and_the_fields(
        self, write, tmp_path
    ):
        one = write(jsonl(BOB, ANN), "a.jsonl")
        other = write(json.dumps([{**ANN, "age": 31, "secret": "x"}]), "b.json")
        with pytest.raises(RecordError) as caught:
            read_pool_files(["*"], tmp_path)
        assert str(caught.value) == (
            f"{other}, record 1: the pk 'A1' stands also in {one}, line 2, with other values for age, secret;"
            " keep one of them"
        )

    def test_one_refused_record_refuses_the_pool(self, write, tmp_path):
        path = write(jsonl(ANN, {"first_name": 5}), "a.jsonl")
        with pytest.raises(RecordError) as caught:
            read_pool_files(["*"], tmp_path)
        assert str(caught.value) == f"{path}, line 2: first_name: expected text, found 5"


@needs_shared
class TestPublishedFiles:
    @pytest.mark.parametrize(
        ("name", "kind", "count"),
        [
            ("native/agents.json", AgentProfile, 40),
            ("native/envs.json", EnvironmentProfile, 90),
            ("native/env_agent_combos.json", EnvAgentComboStorage, 450),
            ("exported/agent_profiles.jsonl", AgentProfile, 40),
            ("exported/environment_profiles.jsonl", EnvironmentProfile, 90),
            ("exported/env_agent_combo_storages.jsonl", EnvAgentComboStorage, 450),
            ("exported/relationship_profiles.jsonl", RelationshipProfile, 120),
            ("benchmark_hard70_combos.json", EnvAgentComboStorage, 70),
            ("env_ids.json", EnvironmentList, 5),
            ("used_env.json", EnvironmentList, 7),
        ],
    )
    def test_every_file_of_profiles_is_read_whole(self, name, kind, count):
        read = records(SHARED / "profiles" / name)
        assert Counter(type(record) for record in read) == {kind: count}
        assert len({record.pk for record in read}) == count

    @pytest.mark.parametrize(
        ("native", "exported"),
        [
            ("agents.json", "agent_profiles.jsonl"),
            ("envs.json", "environment_profiles.jsonl"),
            ("env_agent_combos.json", "env_agent_combo_storages.jsonl"),
        ],
    )
    def test_native_and_exported_forms_agree(self, native, exported):
        ours = {record.pk: record for record in records(SHARED / "profiles/native" / native)}
        theirs = {record.pk: record for record in records(SHARED / "profiles/exported" / exported)}
        assert ours == theirs

    def test_what_a_record_holds_is_what_the_file_says(self):
        written = json.loads((SHARED / "profiles/native/envs.json").read_text(encoding="utf-8"))
        for record in records(SHARED / "profiles/native/envs.json"):
            dumped = record.model_dump(mode="json")
            assert {key: dumped[key] for key in written[record.pk]} == written[record.pk]

    def test_a_pool_of_the_exported_files_is_complete(self):
        read = read_pool_files(["exported/*.jsonl", "benchmark_hard70_combos.json"], SHARED / "profiles")
        assert Counter(type(record) for record in read) == {
            AgentProfile: 40,
            EnvironmentProfile: 90,
            EnvAgentComboStorage: 450,
            RelationshipProfile: 120,
        }

    def test_a_pool_of_both_forms_has_each_record_once(self):
        read = read_pool_files(["exported/*.jsonl", "native/*.json"], SHARED / "profiles")
        assert len(read) == len({(type(record), record.pk) for record in read}) == 700

    @pytest.mark.parametrize(
        ("name", "kind", "count"),
        [
            ("negotiation_agents.json", AgentProfile, 5),
            ("negotiation_scenarios.json", EnvironmentProfile, 2),
            ("job_scenarios_bot_0922_salary_start_date_equal_competitive.json", EnvironmentProfile, 1),
        ],
    )
    def test_partial_profiles_get_pks_that_stay(self, name, kind, count):
        read = records(SHARED / "oddities" / name)
        assert [type(record) for record in read] == [kind] * count
        assert len({record.pk for record in read}) == count
        assert records(SHARED / "oddities" / name) == read

    def test_concatenated_pretty_printed_json_is_read_up_to_its_last_value(self):
        entries = list(read_entries(SHARED / "oddities/judge_replies_in_prose.jsonl"))
        assert len(entries) == 5
        assert all("no kind of record fits the fields 'episode_id', 'log'" in entry.reason for entry in entries)
        assert len({entry.place.line for entry in entries}) == 5
