"""The documented functions: JSONL keeps every record as it was, CSV can be read, rewards are there or are missed."""

import csv
import inspect
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sotopia_core import database
from sotopia_core.database import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentProfile,
    EpisodeLog,
    Record,
    RelationshipProfile,
    get_rewards_from_episode,
)
from sotopia_core.database.exporting import write_jsonl
from sotopia_core.database.files import read_records
from sotopia_core.errors import InputError, RecordError
from sotopia_core.evaluation import Reward
from tests.database.strategies import BY_KIND

DOCUMENTED = {
    "agentprofiles": (AgentProfile, "agent_profiles"),
    "environmentprofiles": (EnvironmentProfile, "environment_profiles"),
    "relationshipprofiles": (RelationshipProfile, "relationship_profiles"),
    "envagnetcombostorage": (EnvAgentComboStorage, "env_agent_combo_storages"),
    "episodes": (EpisodeLog, "episodes"),
}
each_documented = pytest.mark.parametrize("name", DOCUMENTED)
each_kind = pytest.mark.parametrize("kind", BY_KIND, ids=lambda kind: kind.kind())
thorough = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANN = AgentProfile(pk="A1", first_name="Ann", last_name="Lee", age=30, moral_values=("Care", " Fairness"))
MARKET = EnvironmentProfile(pk="E1", codename="market", scenario="At a market.", agent_goals=("Buy.", "Sell."))


def call(name):
    return getattr(database, name)


def exactly(record):
    """Everything that a record says, with the types of numbers and the signs of zeros, which equality overlooks."""
    return type(record), record, json.dumps(record.model_dump(mode="json"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("serialized")


class TestSignatures:
    @each_documented
    def test_the_documented_arguments_and_defaults(self, name):
        _, argument = DOCUMENTED[name]
        for suffix in ("csv", "jsonl"):
            given = inspect.signature(call(f"{name}_to_{suffix}")).parameters
            assert list(given) == [argument, f"{suffix}_file_path"]
            assert given[f"{suffix}_file_path"].default == f"{argument}.{suffix}"
        assert list(inspect.signature(call(f"jsonl_to_{name}")).parameters) == ["jsonl_file_path"]

    @each_documented
    def test_files_stand_in_the_working_directory_unless_a_path_is_given(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        _, argument = DOCUMENTED[name]
        call(f"{name}_to_csv")([])
        call(f"{name}_to_jsonl")([])
        assert sorted(file.name for file in tmp_path.iterdir()) == [f"{argument}.csv", f"{argument}.jsonl"]


class TestJsonl:
    def test_every_kind_of_record_has_a_strategy(self):
        kinds = {
            value for value in map(call, database.__all__) if isinstance(value, type) and issubclass(value, Record)
        }
        assert set(BY_KIND) == kinds - {Record}

    @each_kind
    def test_the_strategies_fill_every_field(self, kind):
        """A field that a strategy forgets has its default in every record, and could be lost unnoticed."""
        defaults = {name: info.get_default(call_default_factory=True) for name, info in kind.model_fields.items()}
        filled = set()

        @settings(thorough, max_examples=100, derandomize=True, phases=[Phase.generate])
        @given(BY_KIND[kind])
        def look(record):
            filled.update(name for name, default in defaults.items() if getattr(record, name) != default)

        look()
        assert filled == set(kind.model_fields)

    @each_kind
    @thorough
    @given(data=st.data())
    def test_records_of_every_kind_come_back_as_they_were(self, folder, kind, data):
        records = data.draw(st.lists(BY_KIND[kind], min_size=1, max_size=3, unique_by=lambda record: record.pk))
        path = folder / f"{kind.kind()}.jsonl"
        assert write_jsonl(records, path) == len(records)
        assert [exactly(read.record) for read in read_records(path)] == list(map(exactly, records))

    @each_documented
    @thorough
    @given(data=st.data())
    def test_documented_functions_bring_back_what_they_wrote(self, folder, name, data):
        kind, _ = DOCUMENTED[name]
        records = data.draw(st.lists(BY_KIND[kind], max_size=3))
        path = folder / f"{name}.jsonl"
        call(f"{name}_to_jsonl")(records, str(path))
        assert list(map(exactly, call(f"jsonl_to_{name}")(str(path)))) == list(map(exactly, records))

    @each_documented
    def test_a_line_holds_one_record(self, folder, name):
        kind, _ = DOCUMENTED[name]
        path = folder / f"{name}-lines.jsonl"
        text = "one\ntwo\u2028three\x85\x00"
        fields = {"scenario": text, "agent_goals": (text,), "environment": text, "agents": (text,), "first_name": text}
        fields |= {"env_id": text, "agent_ids": (text,), "agent_1_id": text, "agent_2_id": text, "relationship": 1}
        records = [kind(**{k: v for k, v in fields.items() if k in kind.model_fields}) for _ in range(3)]
        call(f"{name}_to_jsonl")(records, path)
        lines = path.read_bytes().split(b"\n")
        assert [json.loads(line)["pk"] for line in lines[:-1]] == [record.pk for record in records]
        assert lines[-1] == b""

    @each_documented
    def test_no_records_come_back_as_none(self, folder, name):
        path = folder / "none.jsonl"
        call(f"{name}_to_jsonl")([], path)
        assert call(f"jsonl_to_{name}")(path) == []

    def test_records_with_one_pk_all_come_back(self, folder):
        both = [ANN, ANN.model_copy(update={"age": 31})]
        database.agentprofiles_to_jsonl(both, folder / "ann.jsonl")
        assert database.jsonl_to_agentprofiles(folder / "ann.jsonl") == both

    def test_the_exporters_names_are_read(self, folder):
        path = folder / "exported.jsonl"
        path.write_text('{"agent_id": "A1", "first_name": "Ann"}\n', encoding="utf-8")
        assert database.jsonl_to_agentprofiles(path) == [AgentProfile(pk="A1", first_name="Ann")]

    def test_a_record_of_another_kind_is_an_error_that_names_its_line(self, folder):
        path = folder / "mixed.jsonl"
        write_jsonl([ANN, MARKET], path)
        with pytest.raises(RecordError, match=r"mixed\.jsonl, line 2: .*first_name"):
            database.jsonl_to_agentprofiles(path)

    def test_a_file_that_is_not_there_is_an_error(self, folder):
        with pytest.raises(RecordError, match="there is no such file"):
            database.jsonl_to_episodes(folder / "absent.jsonl")

    def test_what_json_cannot_hold_is_an_error_that_names_the_record(self, folder):
        with pytest.raises(RecordError, match="EnvironmentProfile 'E1' cannot be written"):
            database.environmentprofiles_to_jsonl(
                [MARKET.model_copy(update={"game_metadata": {"odds": float("nan")}})], folder / "nan.jsonl"
            )


class TestCsv:
    @each_documented
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def test_a_row_is_a_record_and_a_column_a_field(self, folder, name, data):
        kind, _ = DOCUMENTED[name]
        records = data.draw(st.lists(BY_KIND[kind], max_size=3))
        path = folder / f"{name}.csv"
        call(f"{name}_to_csv")(records, path)
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert header == list(kind.model_fields)
        assert [row[0] for row in rows] == [record.pk for record in records]

    def test_text_stands_in_its_cell_as_it_is(self, folder):
        path = folder / "text.csv"
        database.agentprofiles_to_csv([ANN.model_copy(update={"secret": 'a "b", c\nd'})], path)
        with path.open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["secret"], row["age"], row["moral_values"]) == ('a "b", c\nd', "30", '["Care", " Fairness"]')


def episode(*rewards, **fields):
    given = {"pk": "P1", "environment": "E1", "agents": ("A1", "A2"), "agent_names": ("Ann", "Bob"), "status": "scored"}
    return EpisodeLog(**{**given, "rewards": rewards, **fields})


FULL = (3.5, {"goal": 8.0, "secret": -1.0, "overall_score": 3.5})


class TestRewards:
    def test_the_rewards_are_those_of_the_agents_by_seat(self):
        assert get_rewards_from_episode(episode(FULL, (0.0, {"goal": 0.0}))) == [FULL, (0.0, {"goal": 0.0})]

    def test_the_outcome_of_a_game_is_returned_as_it_is(self):
        game = episode(1.0, 0.0, -1.0, agents=("A1", "A2", "A3"), agent_names=("Ann", "Bob", "Cleo"))
        assert get_rewards_from_episode(game) == [1.0, 0.0, -1.0]

    def test_an_unscored_agent_is_an_error_that_names_the_episode_the_agent_and_the_reason(self):
        outcome = {"Bob": Reward(overall=None, scores={}, reasons=("judge: no\nreply",))}
        with pytest.raises(RecordError) as caught:
            get_rewards_from_episode(episode(FULL, None, status="unscored", outcome=outcome))
        assert str(caught.value) == "episode P1 is unscored: there is no score for Bob (judge: no reply)"

    def test_a_bare_zero_in_an_unscored_log_of_sotopia_is_no_score(self):
        with pytest.raises(RecordError, match="P1 is unscored: there is no score for Bob$"):
            get_rewards_from_episode(episode(FULL, 0.0, status="unscored"))
        with pytest.raises(RecordError, match="there is no score for A1, A2$"):
            get_rewards_from_episode(episode(0.0, 0.0, status="unscored", agent_names=()))

    @pytest.mark.parametrize("status", ["unjudged", "failed"])
    def test_an_episode_without_rewards_has_no_score_for_anybody(self, status):
        cause = {"cause": "the model broke"} if status == "failed" else {}
        with pytest.raises(InputError, match=f"P1 is {status}.*: there is no score for Ann, Bob$"):
            get_rewards_from_episode(episode(status=status, **cause))

    def test_an_agent_without_an_entry_is_named(self):
        with pytest.raises(RecordError, match="there is no score for Bob$"):
            get_rewards_from_episode(episode(FULL))

    def test_an_episode_without_agents_has_no_rewards(self):
        with pytest.raises(RecordError, match="there is no score for any agent$"):
            get_rewards_from_episode(episode(agents=(), agent_names=()))
