"""Records: saved, found and deleted in the one store, from scripts, threads and a running event loop."""

import asyncio
import threading

import pytest

from sotopia_core.database import (
    AgentProfile,
    AnnotationForEpisode,
    Annotator,
    CustomEvaluationDimension,
    CustomEvaluationDimensionList,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    EpisodeLog,
    MessageTransaction,
    Record,
    RelationshipProfile,
    SessionTransaction,
    current_store,
    use_default_storage,
    use_storage,
)
from sotopia_core.errors import NotFoundError, StorageError
from sotopia_storage.memory import Memory
from sotopia_storage.sqlite import SQLite

RECORDS = [
    AgentProfile(first_name="Zoë", last_name="O'Hara", age=30, moral_values=("Care", " Fairness")),
    EnvironmentProfile(codename="talk", scenario="Two people talk.", agent_goals=("Listen.", "Speak."), relationship=3),
    RelationshipProfile(agent_1_id="a", agent_2_id="b", relationship=2, background_story="They met."),
    EnvAgentComboStorage(env_id="e", agent_ids=("a", "b")),
    EnvironmentList(name="hard", environments=("e", "f"), agent_index=("0", "1")),
    EpisodeLog(environment="e", agents=("a", "b"), tag="t", rewards=((3.5, {"goal": 3.5}), None)),
    AnnotationForEpisode(episode="p", annotator_id="x", rewards=((1.0, {"goal": 1.0}), 0.5)),
    Annotator(name="X", email="x@example.org"),
    SessionTransaction(
        session_id="s",
        client_id="c",
        server_id="v",
        message_list=(MessageTransaction(timestamp_str="0", sender="c", message="hi"),),
    ),
    CustomEvaluationDimension(name="tact", description="How tactful?", range_low=0, range_high=5),
    CustomEvaluationDimensionList(name="manners", dimension_pks=("d",)),
]


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOTOPIA_STORAGE", raising=False)
    monkeypatch.delenv("REDIS_OM_URL", raising=False)
    yield tmp_path
    use_default_storage()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind())
def test_every_kind_of_record_is_saved_found_and_deleted(record):
    kind = type(record)
    assert record.save() is record
    assert kind.get(record.pk) == record
    assert kind.all() == [record]
    assert kind.all_pks() == [record.pk]
    assert kind.find(pk=record.pk).all() == [record]
    assert kind.delete(record.pk)
    assert not kind.delete(record.pk)
    with pytest.raises(NotFoundError, match=record.pk):
        kind.get(record.pk)


def test_characters_are_made_with_keyword_arguments_and_found_by_any_field():
    for first_name, occupation in (("Ada", "Chef"), ("Ben", "Chef"), ("Cleo", "Nurse")):
        AgentProfile(first_name=first_name, occupation=occupation, moral_values=["Care", first_name]).save()
    chefs = AgentProfile.find(occupation="Chef")
    assert {agent.first_name for agent in chefs.all()} == {"Ada", "Ben"}
    assert {agent.first_name for agent in chefs} == {"Ada", "Ben"}
    assert chefs.count() == 2
    assert chefs.first() in chefs.all()
    assert len(chefs.page(offset=1, limit=5)) == 1
    assert AgentProfile.find(occupation="chef").first() is None
    assert [agent.first_name for agent in AgentProfile.find(moral_values="Cleo").all()] == ["Cleo"]
    assert AgentProfile.find(occupation="Chef", first_name="Ben").count() == 1


def test_a_field_that_is_not_there_is_an_error():
    with pytest.raises(StorageError, match="occupatio"):
        AgentProfile.find(occupatio="Chef").all()


def test_saving_again_replaces():
    ada = AgentProfile(first_name="Ada", age=40).save()
    ada.model_copy(update={"age": 41}).save()
    assert [agent.age for agent in AgentProfile.all()] == [41]


def test_the_default_store_is_a_file_in_the_working_directory(store):
    Annotator(name="X").save()
    assert (store / "sotopia.db").exists()
    assert SQLite().open().count(Annotator) == 1


def test_the_environment_names_the_store(store, monkeypatch):
    monkeypatch.setenv("SOTOPIA_STORAGE", "sqlite:///other.db")
    Annotator(name="X").save()
    assert (store / "other.db").exists()
    assert not (store / "sotopia.db").exists()


@pytest.mark.parametrize("where", ["memory://", Memory(), Memory().open()], ids=["url", "component", "open store"])
def test_use_storage_takes_a_url_a_component_or_an_open_store(store, where):
    opened = use_storage(where)
    assert current_store() is opened
    Annotator(name="X").save()
    assert opened.count(Annotator) == 1
    assert list(store.iterdir()) == []
    use_default_storage()
    assert current_store() is not opened


def test_a_store_that_cannot_be_opened_changes_nothing():
    before = use_storage("memory://")
    with pytest.raises(StorageError, match="no storage answers to redos://"):
        use_storage("redos://localhost")
    assert current_store() is before


def test_records_work_in_threads():
    def save(number):
        Annotator(pk=f"{number:03}", name=str(number)).save()

    threads = [threading.Thread(target=save, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert [annotator.pk for annotator in Annotator.all()] == [f"{number:03}" for number in range(16)]


async def test_records_work_inside_a_running_event_loop():
    saved = Annotator(name="X").save()
    await asyncio.sleep(0)
    assert Annotator.get(saved.pk) == saved


def test_the_documented_import_path_has_the_same_classes():
    from sotopia_core.database import persistent_profile

    assert persistent_profile.AgentProfile is AgentProfile
    assert all(issubclass(type(record), Record) for record in RECORDS)
