"""Importing: every record once, all of them together or none, and a report of what became of each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from sotopia_core.database import importing
from sotopia_core.database.importing import Problem, Watcher, find_record_files, import_files
from sotopia_core.database.locate import find_storage
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import RecordError, StorageError
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, RelationshipProfile
from sotopia_core.registry import Registry
from tests.cli.kept import BOTH_SCORED, LEO_UNSCORED, episode, imported

SHARED = Path(__file__).parents[2] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the published data sets in ../shared/data are not here")

ANN = {"pk": "A1", "first_name": "Ann", "last_name": "Lee", "age": 30}
BOB = {"agent_id": "A2", "first_name": "Bob", "age": "40"}
MARKET = {"pk": "E1", "codename": "market", "scenario": "Two meet.", "agent_goals": ["Buy.", "Sell."]}
COMBO = {"pk": "C1", "env_id": "E1", "agent_ids": ["A1", "A2"]}


@pytest.fixture(params=["sqlite", "memory"])
def store(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}" if request.param == "sqlite" else "memory://"
    with find_storage(Registry.installed(), url).open() as opened:
        yield opened


@pytest.fixture
def write(tmp_path):
    def write(name, *values):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(value if isinstance(value, str) else json.dumps(value) + "\n" for value in values)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def counts(report):
    """Return (new, same, conflicting, refused) of each file."""
    for file in report.files:
        assert file.read == file.new + file.same + file.conflicting + file.refused
    return [(file.new, file.same, file.conflicting, file.refused) for file in report.files]


def told(report):
    return [
        f"{problem.outcome}: {problem.place.path.name}, {problem.place.within}: {problem.reason}"
        for problem in report.problems
    ]


def held(store):
    kinds = (AgentProfile, EnvironmentProfile, EnvAgentComboStorage, RelationshipProfile, EpisodeLog)
    return {record.pk: record for kind in kinds for record in store.iterate(kind)}


class TestRecords:
    def test_records_of_all_kinds_come_into_the_store(self, store, write):
        report = import_files([write("a.jsonl", ANN, BOB), write("b.jsonl", MARKET, COMBO)], store)
        assert report.stored
        assert counts(report) == [(2, 0, 0, 0), (2, 0, 0, 0)]
        assert store.get(AgentProfile, "A1") == AgentProfile(**ANN)
        assert store.get(AgentProfile, "A2") == AgentProfile(pk="A2", first_name="Bob", age=40)
        assert store.get(EnvAgentComboStorage, "C1").agent_ids == ("A1", "A2")
        assert (report.problems, report.missing) == ([], [])

    def test_the_same_records_again_change_nothing(self, store, write):
        path = write("a.jsonl", ANN, BOB, MARKET)
        import_files([path], store)
        before = held(store)
        report = import_files([path], store)
        assert counts(report) == [(0, 3, 0, 0)]
        assert report.stored
        assert held(store) == before

    def test_a_different_record_under_a_pk_that_the_store_has_is_a_conflict(self, store, write):
        import_files([write("a.jsonl", ANN)], store)
        report = import_files([write("b.jsonl", BOB, {**ANN, "age": 31, "tag": "x"})], store)
        assert not report.stored
        assert counts(report) == [(1, 0, 1, 0)]
        assert told(report) == [
            "conflicting: b.jsonl, line 2: the store has AgentProfile 'A1' with other values for age, tag"
        ]
        assert list(held(store).values()) == [AgentProfile(**ANN)]

    def test_a_record_that_is_equal_but_for_the_types_of_values_is_a_conflict(self, store, write):
        import_files([write("a.jsonl", {**MARKET, "game_metadata": {"open": True}})], store)
        report = import_files([write("b.jsonl", {**MARKET, "game_metadata": {"open": 1}})], store)
        assert told(report) == [
            "conflicting: b.jsonl, line 1: the store has EnvironmentProfile 'E1' with values of other types"
        ]

    def test_a_pk_that_repeats_in_the_files_counts_once_and_conflicts_where_it_differs(self, store, write):
        one = write("a.jsonl", ANN, {**ANN})
        exported = {**BOB, "agent_id": "A1", "first_name": "Ann", "last_name": "Lee", "age": "30"}
        two = write("b.json", json.dumps([exported, {**ANN, "age": 31}], indent=1))
        report = import_files([one, two], store, on_error="skip")
        assert counts(report) == [(1, 1, 0, 0), (0, 1, 1, 0)]
        assert told(report) == [
            f"conflicting: b.json, record 2: AgentProfile 'A1' stands with other values at {one}, line 1"
        ]
        assert held(store) == {"A1": AgentProfile(**ANN)}

    def test_kinds_may_share_a_pk(self, store, write):
        report = import_files([write("a.jsonl", {**ANN, "pk": "X"}, {**MARKET, "pk": "X"})], store)
        assert counts(report) == [(2, 0, 0, 0)]

    @pytest.mark.parametrize(
        "pk", ["x\x00y", "a/b\\c", "'; DROP TABLE documents; --", "\u202e\u2028é😀", " ", "x" * 10_000]
    )
    def test_pks_may_hold_any_characters(self, store, write, pk):
        path = write("a.jsonl", {**ANN, "pk": pk}, {**COMBO, "agent_ids": [pk]})
        assert counts(import_files([path], store)) == [(2, 0, 0, 0)]
        assert counts(import_files([path], store)) == [(0, 2, 0, 0)]
        assert store.get(AgentProfile, pk).pk == pk

    def test_a_kind_can_be_said_instead_of_being_told_from_the_fields(self, store, write):
        path = write("a.jsonl", ANN, MARKET)
        report = import_files([path], store, kind=AgentProfile, on_error="skip")
        assert counts(report) == [(1, 0, 0, 1)]
        assert told(report)[0].startswith("refused: a.jsonl, line 2: unknown key 'codename'")

    def test_episodes_that_were_played_here_come_back_as_they_were(self, store, write):
        played = [
            episode(judgements=BOTH_SCORED),
            episode(pk="EPISODE-2", judgements=LEO_UNSCORED),
            imported(),
        ]
        path = write("e.jsonl", *(f"{one.model_dump_json()}\n" for one in played))
        assert counts(import_files([path], store)) == [(3, 0, 0, 0)]
        assert held(store) == {one.pk: one for one in played}
        assert counts(import_files([path], store)) == [(0, 3, 0, 0)]


class TestOnError:
    BROKEN = '{"pk": "A9", \n'

    def test_one_record_that_is_refused_keeps_all_out(self, store, write):
        files = [write("a.jsonl", ANN, self.BROKEN, BOB), write("b.jsonl", MARKET, {"x": 1})]
        report = import_files(files, store)
        assert not report.stored
        assert counts(report) == [(2, 0, 0, 1), (1, 0, 0, 1)]
        assert [text.split(": ")[1] for text in told(report)] == ["a.jsonl, line 2", "b.jsonl, line 2"]
        assert held(store) == {}

    def test_skipping_imports_the_others(self, store, write):
        report = import_files([write("a.jsonl", ANN, self.BROKEN, BOB)], store, on_error="skip")
        assert report.stored
        assert (report.left_out, counts(report)) == (1, [(2, 0, 0, 1)])
        assert held(store).keys() == {"A1", "A2"}

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"", "is empty; expected records as JSON or JSONL"),
            (b"\xff\xfe{\x00", "is UTF-16, as its byte order mark says; save it as UTF-8"),
            (b'{"first_name": "Ren\xe9"}', "line 1: byte 0xe9 at offset 19 of the file is not UTF-8"),
            (b'[{"first_name": "Ann"', "line 1: the JSON ends before it is complete, as if cut off"),
            (b'{"first_name": "Ann", "age": "old"}', "line 1: age: expected a whole number, found 'old'"),
            (b'"{\\"first_name\\": 5}"', "line 1: first_name: expected text, found 5"),
            (b'"not JSON"', "line 1: text that holds no JSON: broken JSON at column 1"),
            (b'{"first_name": "Ann", "aura": "blue"}', "line 1: unknown key 'aura'"),
            (b'{"pk": "", "first_name": "Ann"}', "line 1: pk: expected text of at least 1 character, found ''"),
            (
                b'{"first_name": "Ann", "age": 9223372036854775808}',
                "line 1: age: the number 9223372036854775808 is too large",
            ),
        ],
        ids=lambda part: part if isinstance(part, str) else "",
    )
    def test_each_bad_input_is_named_with_file_and_record(self, store, tmp_path, content, text):
        path = tmp_path / "bad.json"
        path.write_bytes(content)
        report = import_files([path], store)
        assert (report.stored, counts(report)) == (False, [(0, 0, 0, 1)])
        (problem,) = report.problems
        line = f"{problem.place}: {problem.reason}"
        assert line.startswith((f"{path}, ", f"{path}: "))
        assert text in line
        assert len(line.splitlines()) == 1

    def test_a_byte_order_mark_and_concatenated_values_are_no_faults(self, store, tmp_path):
        path = tmp_path / "good.json"
        path.write_bytes(b"\xef\xbb\xbf" + (json.dumps(ANN, indent=2) + json.dumps(BOB, indent=2)).encode())
        assert counts(import_files([path], store)) == [(2, 0, 0, 0)]

    def test_what_a_store_refuses_is_named_with_its_place(self, store, write, monkeypatch):
        def refuse(records):
            for record in records:
                if record.record.pk == "A2":
                    raise StorageError("AgentProfile 'A2' cannot be stored")
            return 0

        monkeypatch.setattr(store, "put_written", refuse)
        with pytest.raises(StorageError) as caught:
            import_files([path := write("a.jsonl", ANN, BOB)], store)
        assert str(caught.value) == f"{path}, line 2: AgentProfile 'A2' cannot be stored"

    def test_problems_beyond_some_are_counted_and_no_longer_kept(self, store, write, monkeypatch):
        monkeypatch.setattr(importing, "KEPT", 2)
        report = import_files([write("a.jsonl", *({"x": i} for i in range(5)))], store)
        assert (report.left_out, len(report.problems)) == (5, 2)


class TestReferences:
    def test_references_that_point_nowhere_are_kept_and_reported(self, store, write):
        report = import_files([write("a.jsonl", ANN, COMBO, {**COMBO, "pk": "C2", "agent_ids": ["A1", "A3"]})], store)
        assert report.stored
        found = [(one.source, one.field, one.target, one.count, one.pks) for one in report.missing]
        assert found == [
            ("EnvAgentComboStorage", "env_id", "EnvironmentProfile", 1, ("E1",)),
            ("EnvAgentComboStorage", "agent_ids", "AgentProfile", 2, ("A2", "A3")),
        ]
        assert store.get(EnvAgentComboStorage, "C2").agent_ids == ("A1", "A3")

    def test_references_may_point_forward_and_into_the_store(self, store, write):
        import_files([write("a.jsonl", ANN, MARKET)], store)
        assert import_files([write("b.jsonl", COMBO, BOB)], store).missing == []

    def test_an_episode_refers_to_its_scenario_its_agents_and_its_run(self, store, write):
        report = import_files([write("e.jsonl", f"{episode().model_dump_json()}\n")], store)
        assert [(one.field, one.pks) for one in report.missing] == [
            ("environment", ("ENV-1",)),
            ("agents", ("AGENT-Leo", "AGENT-Mia")),
            ("run", ("RUN-1",)),
        ]

    def test_names_in_the_place_of_agents_are_no_references(self, store, write):
        log = imported(environment="", agents=("Ada", "Ben"), agent_names=("Ada", "Ben"))
        assert import_files([write("e.jsonl", f"{log.model_dump_json()}\n")], store).missing == []


class TestFiles:
    def test_folders_stand_for_all_files_of_records_in_them(self, write, tmp_path):
        for name in (
            "b.jsonl",
            "a.json",
            "deep/er/c.csv",
            "d.ndjson",
            "READ.me",
            ".hidden.json",
            ".git/x.json",
            "e.JSON",
        ):
            write(f"data/{name}", "x")
        found = find_record_files(["data"], tmp_path)
        assert [str(path.relative_to(tmp_path / "data")) for path in found] == [
            "a.json",
            "b.jsonl",
            "d.ndjson",
            "deep/er/c.csv",
            "e.JSON",
        ]

    def test_files_come_as_named_and_each_once(self, write, tmp_path):
        for name in ("b.jsonl", "a.jsonl", "c.txt"):
            write(name, "x")
        found = find_record_files(["c.txt", "b.jsonl", "*.jsonl", "./b.jsonl", "."], tmp_path)
        assert [path.name for path in found] == ["c.txt", "b.jsonl", "a.jsonl"]

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("nowhere.json", "no file matches 'nowhere.json'; it was looked up in"),
            ("empty", "'empty' is a folder without files of records; their names end in .json, .jsonl, .ndjson, .csv"),
            ("~nobody-by-this-name/x", "no home folder is known for the ~ in it"),
        ],
    )
    def test_a_path_that_names_no_file_is_an_error(self, tmp_path, path, text):
        (tmp_path / "empty").mkdir()
        with pytest.raises(RecordError) as caught:
            find_record_files([path], tmp_path)
        assert text in str(caught.value)


class TestTables:
    def test_a_table_is_read_row_by_row(self, store, write):
        path = write(
            "a.csv",
            "\ufeff,agent_id,first_name,age,secret,moral_values,last_name\r\n",
            '0,A1,Ann,30,"She said ""no"",\nand left.","[""Care"", "" Fairness""]",\r\n',
            "\r\n",
            "1,A2,Bob,,=1+1,\"['Care', ' Fairness']\",Ray\r\n",
        )
        report = import_files([path], store)
        assert told(report) == []
        assert held(store) == {
            "A1": AgentProfile(
                pk="A1",
                first_name="Ann",
                age=30,
                secret='She said "no",\nand left.',
                moral_values=("Care", " Fairness"),
            ),
            "A2": AgentProfile(
                pk="A2", first_name="Bob", secret="=1+1", moral_values=("Care", " Fairness"), last_name="Ray"
            ),
        }

    def test_text_that_looks_like_json_stays_text(self, store, write):
        path = write(
            "e.csv", "env_id,scenario,agent_goals,age_constraint\n", 'E1,"[1, 2]","[""a"", ""b""]","[(18, 70)]"\n'
        )
        import_files([path], store)
        record = store.get(EnvironmentProfile, "E1")
        assert (record.scenario, record.agent_goals, record.age_constraint) == ("[1, 2]", ("a", "b"), "[(18, 70)]")

    @pytest.mark.parametrize(
        ("content", "line", "text"),
        [
            ("", None, "is empty; expected a table with the names of fields in its first row"),
            ("a;b\n1;2\n", 1, "the columns are separated by semicolons; save the table with commas"),
            ("pk,first_name,pk\n", 1, "two columns are called 'pk'; keep one of them"),
            ("title,year\nx,1999\n", 1, "no kind of record fits the fields 'title', 'year'"),
            ("pk,first_name\nA1,Ann\nA2\n", 3, "the row has 1 cells for 2 columns"),
            ("pk,first_name,age\nA1,Ann,old\n", 2, "age: expected a whole number, found 'old'"),
            ("pk,first_name,aura\nA1,Ann,blue\n", 2, "unknown key 'aura'"),
            ('pk,first_name\n"A1"x,Ann\n', 2, "broken CSV"),
            ('pk,first_name\nA1,"Ann\n', 2, "broken CSV (unexpected end of data); mend it there"),
        ],
        ids=lambda part: str(part)[:20],
    )
    def test_what_is_wrong_with_a_table_is_named_by_its_line(self, store, write, content, line, text):
        report = import_files([write("a.csv", content)], store)
        assert not report.stored
        (problem,) = report.problems
        assert problem.place.line == line
        assert text in problem.reason

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"\xff\xfep\x00", "is UTF-16"),
            (
                b"pk,first_name\nA1,Ren\xe9\n",
                "byte 0xe9, on this line or after it, is not UTF-8; save the file as UTF-8",
            ),
        ],
    )
    def test_a_table_in_another_encoding_is_refused(self, store, tmp_path, content, text):
        path = tmp_path / "a.csv"
        path.write_bytes(content)
        (problem,) = import_files([path], store).problems
        assert text in problem.reason

    def test_rows_after_one_that_is_refused_are_read(self, store, write):
        path = write("a.csv", 'pk,first_name,age\nA1,"An\nn",old\nA2,Bob,40\n')
        report = import_files([path], store, on_error="skip")
        assert (counts(report), report.problems[0].place.line) == ([(1, 0, 0, 1)], 2)
        assert held(store).keys() == {"A2"}


class TestWatching:
    def test_a_watcher_is_told_how_far_the_import_is_and_of_each_problem(self, store, write):
        class Heard(Watcher):
            def __init__(self):
                self.words = []

            def reading(self, path: Path, records: int) -> None:
                self.words.append((path.name, records))

            def problem(self, problem: Problem) -> None:
                self.words.append(problem.reason[:11])

            def storing(self, records: int) -> None:
                self.words.append(records)

        heard = Heard()
        import_files([write("a.jsonl", ANN, {**BOB, "x": 1})], store, on_error="skip", watcher=heard)
        assert heard.words == [("a.jsonl", 0), ("a.jsonl", 1), "unknown key", ("a.jsonl", 2), 1]


IMPORT = """
import sys
from pathlib import Path
from sotopia_core.database.importing import Watcher, import_files
from sotopia_core.database.locate import find_storage
from sotopia_core.registry import Registry

class Loud(Watcher):
    def reading(self, path, records):
        if records in (0, 1500):
            print("reading", records, flush=True)

    def storing(self, records):
        print("storing", flush=True)

with find_storage(Registry.installed(), sys.argv[1]).open() as store:
    import_files([Path(sys.argv[2])], store, watcher=Loud())
print("done", flush=True)
"""


class TestKilled:
    @pytest.mark.parametrize(
        ("after", "seconds"), [("reading 1500", 0.05), ("storing", 0), ("storing", 0.02), ("storing", 0.05)]
    )
    def test_an_import_that_is_killed_leaves_nothing_or_everything(self, tmp_path, after, seconds):
        path = tmp_path / "people.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(3000):
                file.write(json.dumps({"pk": f"A{number}", "first_name": "Ann", "secret": "x" * 5000}) + "\n")
        url = f"sqlite:///{tmp_path / 'store.db'}"
        process = subprocess.Popen(
            [sys.executable, "-c", IMPORT, url, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ}
        )
        try:
            for line in process.stdout:
                if line.strip() == after:
                    break
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
        finally:
            process.kill()
            process.communicate(timeout=30)
        with find_storage(Registry.installed(), url).open() as store:
            assert store.count(AgentProfile) in ((0,) if after != "storing" else (0, 3000))
            report = import_files([path], store)
            assert report.total.new + report.total.same == 3000
            assert store.count(AgentProfile) == 3000


class TestMemory:
    def test_what_has_been_seen_takes_memory_that_does_not_grow_with_the_records(self, tmp_path, monkeypatch):
        monkeypatch.setattr(importing, "KEPT", 10)
        monkeypatch.setattr(importing, "REMEMBERED", 100)

        def peak(records):
            path = tmp_path / f"{records}.jsonl"
            with path.open("w", encoding="utf-8") as file:
                for number in range(records):
                    file.write(
                        json.dumps({**COMBO, "pk": f"C{number}", "agent_ids": [f"A{number}", f"B{number}"]}) + "\n"
                    )
            with find_storage(Registry.installed(), "memory://").open() as store:
                drained = 0

                def drain(found):
                    nonlocal drained
                    drained = sum(1 for _ in found)
                    return drained

                store.put_written = drain
                tracemalloc.start()
                try:
                    report = import_files([path], store)
                    _, most = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
            assert drained == records
            assert sum(one.count for one in report.missing) == 2 * records + 1
            return most

        few, many = peak(1000), peak(3000)
        assert many < 1.2 * few


@needs_shared
class TestPublishedData:
    def test_all_profiles_and_episodes_are_imported(self, store):
        files = find_record_files([str(SHARED / "profiles"), str(SHARED / "episodes")], Path())
        report = import_files(files, store)
        assert report.stored
        assert (report.left_out, report.total.new) == (0, 40 + 90 + 450 + 120 + 12 + 10)
        assert store.count(AgentProfile) == 40
        assert store.count(EnvironmentProfile) == 90
        assert store.count(EnvAgentComboStorage) == 450
        assert store.count(EpisodeLog) == 10
        relationships = store.find(RelationshipProfile)
        assert len(relationships) == 120
        assert len({frozenset((one.agent_1_id, one.agent_2_id)) for one in relationships}) == 118
        missing = {f"{one.source}.{one.field}": one.count for one in report.missing}
        assert missing == {"EnvironmentList.environments": 410, "EpisodeLog.environment": 2}
        again = import_files(files, store)
        assert (again.total.new, again.total.same, again.left_out) == (0, report.total.read, 0)

    def test_native_and_exported_files_agree_on_every_record(self, store):
        exported = import_files(find_record_files([str(SHARED / "profiles/exported")], Path()), store)
        native = import_files(find_record_files([str(SHARED / "profiles/native")], Path()), store)
        assert exported.total.new == 700
        assert (native.total.same, native.total.new, native.left_out) == (580, 0, 0)

    def test_games_are_imported_as_episodes_of_six(self, store):
        report = import_files(find_record_files([str(SHARED / "games")], Path()), store)
        assert (report.left_out, report.missing) == (0, [])
        assert [len(log.agents) for log in store.iterate(EpisodeLog)] == [6, 6, 6]

    def test_oddities_are_imported_or_refused_with_their_place(self, store):
        report = import_files(find_record_files([str(SHARED / "oddities")], Path()), store, on_error="skip")
        assert {file.path.name: (file.new, file.refused) for file in report.files} == {
            "double_encoded_episode.json": (1, 0),
            "job_scenarios_bot_0922_salary_start_date_equal_competitive.json": (1, 0),
            "judge_replies_in_prose.jsonl": (0, 5),
            "negotiation_agents.json": (5, 0),
            "negotiation_scenarios.json": (2, 0),
        }
        assert [problem.place.line for problem in report.problems] == [1, 50, 123, 176, 237]
        assert all("no kind of record fits the fields 'episode_id', 'log'" in one.reason for one in report.problems)
