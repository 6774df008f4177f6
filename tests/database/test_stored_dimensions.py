"""Dimensions without code: records, found by name wherever a run file or an evaluator names a dimension set."""

import json

import pytest

from sotopia_core.custom_dimensions import CustomEvaluationDimension, CustomEvaluationDimensionList
from sotopia_core.database.stored_dimensions import find_dimension_set
from sotopia_core.errors import ConfigError
from sotopia_evaluators.dimensions import SotopiaDimensions
from sotopia_evaluators.judge import ReachGoalLLMEvaluator
from sotopia_storage.memory import Memory
from sotopia_storage.sqlite import SQLite
from tests.cli.command import sotopia

WARMTH = CustomEvaluationDimension(pk="d1", name="warmth", description="How warm?", range_low=0, range_high=3)
CANDOUR = CustomEvaluationDimension(pk="d2", name="candour", description="How frank?", range_low=-5, range_high=5)
BOTH = CustomEvaluationDimensionList(pk="l1", name="Bedside", dimension_pks=("d1", "d2"))
RUN = """
[[agents]]
use = "LLMAgent"
model = "offline"
[pool]
packs = ["starter"]
[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[Bedside]"
model = "offline"
"""


@pytest.fixture
def store():
    store = Memory().open()
    store.put_many([WARMTH, CANDOUR, BOTH])
    return store


def test_a_stored_list_is_a_dimension_set(store):
    found = find_dimension_set(store, "Bedside")
    assert [(one.name, one.low, one.high, one.rubric) for one in found.dimensions] == [
        ("warmth", 0, 3, "How warm?"),
        ("candour", -5, 5, "How frank?"),
    ]
    assert ReachGoalLLMEvaluator[found.as_model()](model="offline").dimensions == found


def test_a_stored_dimension_alone_is_a_set_of_one(store):
    assert find_dimension_set(store, "warmth").names == ("warmth",)
    assert find_dimension_set(store, "nothing") is None


def test_records_of_one_name_must_agree(store):
    store.put(BOTH.model_copy(update={"pk": "l2"}))
    assert find_dimension_set(store, "Bedside").names == ("warmth", "candour")
    store.put(BOTH.model_copy(update={"pk": "l3", "dimension_pks": ("d2",)}))
    with pytest.raises(ConfigError, match="different dimensions called 'Bedside': l2 and l3; delete one, or rename it"):
        find_dimension_set(store, "Bedside")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([BOTH], r"dimension list 'Bedside' \(l1\) names d1, which is not stored"),
        (
            [WARMTH.model_copy(update={"range_high": 0}), CANDOUR, BOTH],
            r"the stored dimensions 'Bedside' \(l1\) make no set: .*the range \[0, 0\] is empty",
        ),
        ([BOTH.model_copy(update={"dimension_pks": ()})], r"make no set: "),
    ],
)
def test_what_makes_no_set_is_one_line(records, message):
    store = Memory().open()
    store.put_many(records)
    with pytest.raises(ConfigError, match=message) as caught:
        find_dimension_set(store, "Bedside")
    assert "\n" not in str(caught.value)


@pytest.fixture
def folder(tmp_path):
    with SQLite(path=tmp_path / "sotopia.db").open() as store:
        store.put_many([WARMTH, CANDOUR, BOTH])
    (tmp_path / "run.toml").write_text(RUN, encoding="utf-8")
    return tmp_path


def test_a_run_file_names_a_stored_set_as_any_other(folder):
    done = sotopia("run", "run.toml", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(sotopia("show", json.loads(done.stdout)["pks"][0], "--json", cwd=folder).stdout)
    assert list(told["evaluations"][0]["dimensions"]) == ["warmth", "candour"]
    assert sotopia("config", "check", "run.toml", cwd=folder).returncode == 0


def test_a_run_files_own_set_may_extend_a_stored_one(folder):
    more = RUN.replace("[Bedside]", "[More]") + (
        '[dimensions.More]\nextends = "Bedside"\n[dimensions.More.calm]\nrange = [0, 10]\nrubric = "How calm?"\n'
    )
    (folder / "run.toml").write_text(more, encoding="utf-8")
    done = sotopia("run", "run.toml", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(sotopia("show", json.loads(done.stdout)["pks"][0], "--json", cwd=folder).stdout)
    assert list(told["evaluations"][0]["dimensions"]) == ["warmth", "candour", "calm"]


def test_the_sets_of_run_files_and_plugins_come_before_stored_ones(folder):
    with SQLite(path=folder / "sotopia.db").open() as store:
        store.put(BOTH.model_copy(update={"name": "SotopiaDimensions"}))
    (folder / "run.toml").write_text(RUN.replace("Bedside", "SotopiaDimensions"), encoding="utf-8")
    done = sotopia("run", "run.toml", "--json", cwd=folder)
    told = json.loads(sotopia("show", json.loads(done.stdout)["pks"][0], "--json", cwd=folder).stdout)
    assert list(told["evaluations"][0]["dimensions"]) == list(SotopiaDimensions.model_fields)


def test_a_name_that_nobody_knows_is_said_with_file_and_key(tmp_path):
    (tmp_path / "run.toml").write_text(RUN, encoding="utf-8")
    done = sotopia("run", "run.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "run.toml: terminal_evaluators[0].use: no dimension set is called 'Bedside'" in done.stderr
    assert not (tmp_path / "sotopia.db").exists()
