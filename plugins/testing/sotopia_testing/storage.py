"""What every storage must do, as tests that the author of a storage plugin runs over it."""

# Tests are named by the behaviour they hold a storage to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, ClassVar, TypeVar

import pytest
from pydantic import ConfigDict

from sotopia_core.episodes import EpisodeLog, Provenance, RunRecord, Turn
from sotopia_core.errors import JournalError, NotFoundError, StorageError
from sotopia_core.evaluation import Evaluation, Reward, Score, Scored, Unscored
from sotopia_core.interfaces import Storage
from sotopia_core.messages import AgentAction, Background, Event, Observation, Participant
from sotopia_core.models import Usage
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
    RelationshipType,
)
from sotopia_core.records import Record, Written
from sotopia_core.stores import JournalEntry, Order, Store

R = TypeVar("R", bound=Record)

ALIKE = (
    "Ann", "ann", "ANN", "Ann ", " Ann", "An", "Anna", "", " ", "None", "null", "1", "1.0", "01", "true", "True",
    "a,b", "a, b", "a|b", "a b", "a-b", "a.b", "a:b", "a;b", "a/b", "a\\b", "a*b", "a?b", "a%b", "a_b", "a{b}", "{a}",
    "[a]", "(a)", "@a", "$a", "#a", "~a", "'a'", '"a"', "`a`", "*", "?", "%", "_", "\\", "'", '"', "--", "a\nb", "a\tb",
    "a\0b", "a\0", "\0", "a", "caf\u00e9", "cafe\u0301", "stra\u00dfe", "strasse", "\u0130", "i\u0307", "\ufb01", "fi",
    "\U0001f469\u200d\U0001f680", "\U0001f469", "\ufeffa", "a\u200bb", "a\u00a0b", "\u2028", "\uffff", "\U0010ffff",
    "x" * 5000, "x" * 5001, "x" * 4999 + "y", "X" * 5000,
)  # fmt: skip
"""Texts that careless stores take for one another: by case, by separators, by wildcards, by normal form, by length."""


class Note(Record):
    """A record as a plugin might bring one; its fields hold what no built-in record's do."""

    model_config = ConfigDict(allow_inf_nan=True)

    value: str | bool | int | float | None = None
    values: tuple[str | bool | int | float | None, ...] = ()
    extra: dict[str, Any] | None = None


class OldNote(Record):
    """A note as an earlier version of the plugin stored it, with fewer fields."""

    model_config = ConfigDict(allow_inf_nan=True)

    value: str | bool | int | float | None = None

    @classmethod
    def kind(cls) -> str:
        """The kind of the notes of today."""
        return Note.kind()


def person(pk: str, **fields: Any) -> AgentProfile:
    """Return a character of which little is known."""
    return AgentProfile.model_validate({"pk": pk, "first_name": "Ann", **fields})


def episode(pk: str, **fields: Any) -> EpisodeLog:
    """Return an imported episode between Ann and Bob."""
    return EpisodeLog.model_validate({"pk": pk, "environment": "env", "agents": ("ann", "bob"), **fields})


def played_episode(pk: str) -> EpisodeLog:
    """Return an episode with a value in every field, as the engine stores it."""
    background = Background(
        viewer="Ann",
        scenario="Two neighbours share a fence.\r\n<b>It rains.</b>",
        participants=(
            Participant(name="Ann", profile={"age": 31, "public_info": "likes {goal}"}, goal='Say "hi" & leave'),
            Participant(name="Bob"),
        ),
    )
    speech = AgentAction(action_type="speak", argument="I <3 you \U0001f49a \0 {{x}}", to=("Bob",))
    return EpisodeLog(
        pk=pk,
        environment="env",
        agents=("ann", "bob"),
        agent_names=("Ann", "Bob"),
        tag="tag",
        models=("judge", "openai/gpt-4o", "offline"),
        agent_classes=("LLMAgent", "LLMAgent"),
        run="run",
        draw=3,
        trial=0,
        mode="lite",
        status="unscored",
        ended="Ann left",
        turns=(
            Turn(
                number=0,
                observations={"Ann": Observation(turn=0, agent="Ann", background=background)},
                actions={"Ann": speech},
            ),
            Turn(
                number=1,
                observations={
                    "Ann": Observation(turn=1, agent="Ann", events=(Event(turn=0, sender="Ann", action=speech),))
                },
            ),
        ),
        evaluations=(
            Evaluation(
                evaluator="Judge",
                dimension_set="Two",
                digest="0123456789abcdef",
                dimensions={"goal": 1.5, "other": None},
                judgements={
                    "Ann": Scored(scores={"goal": Score(value=0.1 + 0.2, reasoning="She did.")}),
                    "Bob": Unscored(reason="prose", raw="{"),
                },
            ),
        ),
        outcome={"Ann": Reward(overall=7.0, scores={"goal": 7.0}), "Bob": Reward(overall=None, scores={"goal": None})},
        rewards=((7.0, {"goal": 7.0, "overall_score": 7.0}), None),
        reasoning="because",
        rewards_prompt="judge!",
        usage={"Ann": Usage(calls=2, input_tokens=10, output_tokens=5, cost=None)},
        provenance=Provenance(fingerprint="f", seed=2**62, versions={"sotopia-core": "0.1"}, answered={"m": ("m-1",)}),
        started_at="2026-01-02T03:04:05Z",
        seconds=1e-9,
    )


def entry(episode: str = "e", attempt: int = 0, **fields: Any) -> JournalEntry:
    """Return a journal entry of Ann's first turn."""
    given = {"turn": 0, "seat": "Ann", "purpose": "act", "payload": {"text": "hi"}, **fields}
    return JournalEntry(episode=episode, attempt=attempt, **given)


def pks(records: Iterable[Record]) -> list[str]:
    """Return the records' primary keys, in their order."""
    return [record.pk for record in records]


def refused(store: Store, record: Record) -> str | None:
    """Put a record; return why it was refused, or None where it was stored."""
    try:
        store.put(record)
    except StorageError as error:
        return str(error)
    return None


def everywhere(function: Callable[[int], R | bool | int | None]) -> list[R | bool | int | None]:
    """Call a function with 0..7 in eight threads at once; return what came of it, in that order."""
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(function, range(8)))


class StorageContract:
    """Tests of the whole storage contract: subclass it, and give it a ``storage`` that nothing was stored in yet.

    A whole test module of a plugin whose storage keeps its records on a shelf::

        from pathlib import Path

        import pytest

        from sotopia_shelf import Shelf
        from sotopia_testing.storage import StorageContract


        class TestShelf(StorageContract):
            @pytest.fixture
            def storage(self, tmp_path: Path) -> Shelf:
                return Shelf(folder=tmp_path / "shelf")

    A storage that forgets everything when its store is closed sets ``persistent = False``; each ``open`` of it gives an
    empty store. Tests of numbers that JSON lacks, and of integers beyond 64 bits, accept a refusal (``StorageError``)
    in place of an exact answer; nothing else is optional. Two decisions that the interface leaves open are part of it:
    a descending order is the ascending one reversed, ties included, and deleting an episode deletes its journal even
    where the episode itself was never stored.

    For readable failures, ``pytest.register_assert_rewrite("sotopia_testing.storage")`` in ``conftest.py``.
    """

    persistent: ClassVar[bool] = True

    @pytest.fixture
    def storage(self) -> Storage:
        """The storage under test, empty. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'storage' that returns the storage to test")

    @pytest.fixture
    def store(self, storage: Storage) -> Iterator[Store]:
        """The storage, opened."""
        with storage.open() as store:
            yield store

    # Naming

    def test_a_storage_is_found_by_its_url(self, storage: Storage) -> None:
        scheme = storage.url.split(":")[0]
        assert scheme in storage.schemes
        assert type(storage).from_url(storage.url).url == storage.url

    def test_a_url_of_something_else_is_refused(self, storage: Storage) -> None:
        with pytest.raises(StorageError):
            type(storage).from_url("nonsense-of-another-kind://somewhere/else")

    # Records in and out

    @pytest.mark.parametrize(
        "record",
        [
            person("p", age=31, moral_values=("Care", ""), public_info="\0", tag="t"),
            EnvironmentProfile(
                pk="p",
                scenario="s",
                agent_goals=("a", "b"),
                relationship=RelationshipType.friend,
                age_constraint="[(18, 70), (18, 70)]",
                occupation_constraint="nan",
                agent_constraint=[[1, 2.5, None, True], {"a": ["b"]}],
                game_metadata={"nested": {"list": [1, "1", None, 1.0, True, 10**18, 0.1]}},
            ),
            RelationshipProfile(pk="p", agent_1_id="a", agent_2_id="b", relationship=RelationshipType.stranger),
            EnvAgentComboStorage(pk="p", env_id="e", agent_ids=("a", "a")),
            EnvironmentList(pk="p", name="n", environments=("e",), agent_index=None),
            played_episode("p"),
            episode("p", rewards=(2.5, None, (1.0, {"goal": 1.0})), status="failed", cause="it broke"),
            RunRecord(pk="p", name="n", config={"run": {"seed": 7}}, counts={"scored": 2}, started_at="now"),
            Note(pk="p", value=1.0, values=(1, "1", True, None), extra={}),
        ],
        ids=lambda record: type(record).__name__,
    )
    def test_a_record_comes_back_as_it_was(self, store: Store, record: Record) -> None:
        store.put(record)
        assert store.get(type(record), "p") == record
        assert store.get(type(record), "p").model_dump_json() == record.model_dump_json()

    def test_text_of_every_unicode_scalar_value_comes_back_as_it_was(self, store: Store) -> None:
        plane = 2**16
        texts = []
        for start in range(0, sys.maxunicode + 1, plane):
            texts.append("".join(chr(code) for code in range(start, start + plane) if not 0xD800 <= code <= 0xDFFF))
        assert sum(map(len, texts)) == sys.maxunicode + 1 - 2048
        store.put_many(person(f"plane {plane:02}", secret=text) for plane, text in enumerate(texts))
        assert [record.secret for record in store.iterate(AgentProfile)] == texts

    @pytest.mark.parametrize("text", [text for text in ALIKE if text], ids=lambda text: ascii(text[:40]))
    def test_any_text_can_be_a_primary_key(self, store: Store, text: str) -> None:
        store.put_many([person("other"), person(text, tag="this")])
        assert store.get(AgentProfile, text) == person(text, tag="this")
        assert store.find(AgentProfile, {"pk": text}) == [person(text, tag="this")]
        assert store.delete(AgentProfile, text)
        assert pks(store.iterate(AgentProfile)) == ["other"]

    def test_primary_keys_that_look_alike_are_different(self, store: Store) -> None:
        store.put_many(person(text, secret=text) for text in ALIKE if text)
        assert [store.get(AgentProfile, text).secret for text in ALIKE if text] == [text for text in ALIKE if text]

    def test_records_of_different_kinds_may_share_a_primary_key(self, store: Store) -> None:
        combo = EnvAgentComboStorage(pk="p", env_id="e", agent_ids=("a",))
        store.put_many([person("p"), combo])
        assert store.delete(AgentProfile, "p")
        assert store.get(EnvAgentComboStorage, "p") == combo

    def test_putting_replaces_the_record_of_that_kind_and_pk(self, store: Store) -> None:
        store.put(person("p", tag="old", age=1, moral_values=("Care", "Fairness")))
        store.put(person("p", tag="new", moral_values=("Loyalty",)))
        assert store.get(AgentProfile, "p") == person("p", tag="new", moral_values=("Loyalty",))
        assert store.count(AgentProfile) == 1
        for gone in ({"tag": "old"}, {"age": 1}, {"moral_values": "Care"}):
            assert store.find(AgentProfile, gone) == []
        for there in ({"tag": "new"}, {"age": None}, {"moral_values": "Loyalty"}):
            assert pks(store.find(AgentProfile, there)) == ["p"]

    def test_a_record_that_is_not_there_is_named(self, store: Store) -> None:
        store.put(person("here"))
        with pytest.raises(NotFoundError, match=r"AgentProfile.*'gone'"):
            store.get(AgentProfile, "gone")

    def test_changing_what_was_put_or_got_changes_nothing_stored(self, store: Store) -> None:
        metadata = {"roles": ["wolf"]}
        store.put(EnvironmentProfile(pk="p", scenario="s", agent_goals=(), game_metadata=metadata))
        metadata["roles"].append("seer")
        got = store.get(EnvironmentProfile, "p").game_metadata
        assert got == {"roles": ["wolf"]}
        got["roles"].append("witch")
        assert store.get(EnvironmentProfile, "p").game_metadata == {"roles": ["wolf"]}

    @pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1, 0, -1])
    def test_integers_of_64_bits_are_kept_and_found_exactly(self, store: Store, number: int) -> None:
        store.put_many([person("p", age=number), person("q", age=number - 1 if number > 0 else number + 1)])
        assert store.get(AgentProfile, "p").age == number
        assert pks(store.find(AgentProfile, {"age": number})) == ["p"]

    @pytest.mark.parametrize(
        "record",
        [
            person("p", age=2**63),
            person("p", age=-(10**30)),
            Note(pk="p", extra={"deep": [10**30]}),
            Note(pk="p", extra={"deep": [10**5000]}),
            Note(pk="p", value=float("inf")),
            Note(pk="p", extra={"deep": [float("-inf")]}),
            episode("p").model_copy(update={"seconds": float("inf")}),
            episode("p").model_copy(update={"rewards": ((1.0, {"goal": float("inf")}),)}),
        ],
        ids=lambda record: record.model_dump_json(exclude_defaults=True)[:60],
    )
    def test_a_number_that_is_hard_to_keep_is_kept_or_refused(self, store: Store, record: Record) -> None:
        refusal = refused(store, record)
        if refusal is None:
            assert store.get(type(record), "p") == record
        else:
            assert f"{record.kind()} 'p'" in refusal
            assert store.count(type(record)) == 0

    @pytest.mark.parametrize(
        "record",
        [episode("p").model_copy(update={"rewards": (float("nan"),)}), Note(pk="p", value=float("nan"))],
    )
    def test_what_is_not_a_number_is_kept_or_refused(self, store: Store, record: Record) -> None:
        if refused(store, record) is None:
            assert repr(store.get(type(record), "p")) == repr(record)
        else:
            assert store.count(type(record)) == 0

    def test_text_with_half_a_surrogate_pair_is_refused(self, store: Store) -> None:
        with pytest.raises(StorageError):
            store.put(Note(pk="p", extra={"text": "\ud83d"}))
        assert store.count(Note) == 0

    def test_a_record_that_no_longer_fits_its_class_is_named(self, store: Store) -> None:
        class Narrow(Record):
            value: int

            @classmethod
            def kind(cls) -> str:
                return Note.kind()

        store.put(Note(pk="the pk", value="text"))
        for read in (
            lambda: store.get(Narrow, "the pk"),
            lambda: store.find(Narrow),
            lambda: list(store.iterate(Narrow)),
        ):
            with pytest.raises(StorageError, match=r"Note 'the pk'.*value") as caught:
                read()
            assert not isinstance(caught.value, NotFoundError)

    # Many at once

    def test_many_records_are_counted(self, store: Store) -> None:
        assert store.put_many(person(f"p{number:04}", age=number) for number in range(1500)) == 1500
        assert store.put_many([]) == 0
        assert store.count(AgentProfile) == 1500
        assert pks(store.find(AgentProfile, {"age": 1234})) == ["p1234"]

    def test_of_two_records_with_one_pk_the_later_stays(self, store: Store) -> None:
        store.put_many([person("p", tag="a", moral_values=("x", "y")), person("q"), person("p", tag="b")])
        assert store.get(AgentProfile, "p").tag == "b"
        assert store.count(AgentProfile) == 2
        assert store.count(AgentProfile, {"tag": "a"}) == 0
        assert store.count(AgentProfile, {"moral_values": "x"}) == 0

    def test_records_whose_json_is_there_already_are_kept_as_any_others(self, store: Store) -> None:
        one = person("p1", tag="t\u00e9\U0001f600", moral_values=("x",))
        written = [Written(one, one.model_dump_json().encode()), Written(person("p2", tag="other"))]
        assert store.put_written(iter(written)) == 2
        assert store.get(AgentProfile, "p1") == one
        assert pks(store.find(AgentProfile, {"tag": one.tag, "moral_values": "x"})) == ["p1"]
        assert pks(store.find(AgentProfile, {"tag": "other"})) == ["p2"]

    def test_when_the_source_fails_nothing_is_stored(self, store: Store) -> None:
        store.put(person("p0", tag="before"))

        def source() -> Iterator[AgentProfile]:
            yield from (person(f"p{number}", tag="after") for number in range(1000))
            raise RuntimeError("the source ran dry")

        with pytest.raises(RuntimeError, match="the source ran dry"):
            store.put_many(source())
        assert store.find(AgentProfile) == [person("p0", tag="before")]
        assert store.count(AgentProfile, {"tag": "after"}) == 0

    def test_when_one_record_is_refused_nothing_is_stored(self, store: Store) -> None:
        with pytest.raises(StorageError):
            store.put_many([Note(pk="good", value=1), Note(pk="bad", extra={"text": "\ud83d"})])
        assert store.count(Note) == 0
        assert store.count(Note, {"value": 1}) == 0

    def test_the_source_may_use_the_store(self, store: Store) -> None:
        store.put_many(person(f"a{number:03}", tag="old") for number in range(200))

        def source() -> Iterator[AgentProfile]:
            for record in store.iterate(AgentProfile, {"tag": "old"}):
                store.put(person(f"seen {record.pk}", tag="seen"))
                yield record.model_copy(update={"pk": f"b{record.pk}", "tag": "new"})

        assert store.put_many(source()) == 200
        assert [store.count(AgentProfile, {"tag": tag}) for tag in ("old", "seen", "new")] == [200, 200, 200]

    # Deleting

    def test_deleting_says_whether_the_record_was_there(self, store: Store) -> None:
        store.put_many([person("p", tag="t", moral_values=("Care",)), person("q", tag="t")])
        assert store.delete(AgentProfile, "p") is True
        assert store.delete(AgentProfile, "p") is False
        with pytest.raises(NotFoundError):
            store.get(AgentProfile, "p")
        assert pks(store.find(AgentProfile, {"tag": "t"})) == ["q"]
        assert store.count(AgentProfile, {"moral_values": "Care"}) == 0

    # Finding

    @pytest.mark.parametrize("field", ["tag", "secret"])
    def test_text_is_found_by_exact_equality(self, store: Store, field: str) -> None:
        store.put_many(person(f"p{number:03}", **{field: text}) for number, text in enumerate(ALIKE))
        for number, text in enumerate(ALIKE):
            assert pks(store.find(AgentProfile, {field: text})) == [f"p{number:03}"], ascii(text)
            assert store.count(AgentProfile, {field: text}) == 1

    def test_items_of_lists_are_found_by_exact_equality(self, store: Store) -> None:
        store.put_many(person(f"p{number:03}", moral_values=(text, "also")) for number, text in enumerate(ALIKE))
        for number, text in enumerate(ALIKE):
            assert pks(store.find(AgentProfile, {"moral_values": text})) == [f"p{number:03}"], ascii(text)
        assert store.count(AgentProfile, {"moral_values": "also"}) == len(ALIKE)

    def test_text_numbers_and_none_are_different(self, store: Store) -> None:
        values = {"text 1": "1", "int 1": 1, "true": True, "false": False, "0": 0, "1.5": 1.5, "none": None}
        values |= {"empty": "", "text None": "None", "text True": "True", "text 1.0": "1.0", "float 1": 1.0}
        store.put_many(Note(pk=pk, value=value) for pk, value in values.items())
        for value in values.values():
            equal = [pk for pk, other in values.items() if other == value and (other is None) == (value is None)]
            assert pks(store.find(Note, {"value": value})) == sorted(equal), repr(value)
        assert pks(store.find(Note, {"value": True})) == ["float 1", "int 1", "true"]

    def test_a_field_left_out_is_found_by_its_default(self, store: Store) -> None:
        store.put_many([person("p"), person("q", age=0, tag="t")])
        assert pks(store.find(AgentProfile, {"age": None})) == ["p"]
        assert pks(store.find(AgentProfile, {"age": 0})) == ["q"]
        assert pks(store.find(AgentProfile, {"tag": ""})) == ["p"]
        assert store.find(AgentProfile, {"tag": None}) == []

    def test_a_field_that_holds_a_list_is_found_by_each_item(self, store: Store) -> None:
        store.put_many(
            [episode("e1", agents=("ann", "bob")), episode("e2", agents=("bob", "eve")), episode("e3", agents=())]
        )
        assert pks(store.find(EpisodeLog, {"agents": "bob"})) == ["e1", "e2"]
        assert pks(store.find(EpisodeLog, {"agents": "eve"})) == ["e2"]
        assert store.find(EpisodeLog, {"agents": "ann,bob"}) == []
        assert store.find(EpisodeLog, {"agents": ""}) == []

    def test_an_item_that_a_list_holds_twice_gives_its_record_once(self, store: Store) -> None:
        store.put(Note(pk="p", values=("a", "a", 1, 1.0, True, None, None)))
        for item in ("a", 1, None):
            assert pks(store.find(Note, {"values": item})) == ["p"]
            assert store.count(Note, {"values": item}) == 1
            assert pks(store.iterate(Note, {"values": item})) == ["p"]

    def test_a_field_that_may_hold_one_value_or_a_list_is_found_by_either(self, store: Store) -> None:
        def scenario(pk: str, constraint: str | list[Any] | None) -> EnvironmentProfile:
            return EnvironmentProfile(pk=pk, scenario="s", agent_goals=(), age_constraint=constraint)

        store.put_many([scenario("a", "x"), scenario("b", ["x", [1]]), scenario("c", None), scenario("d", [None])])
        assert pks(store.find(EnvironmentProfile, {"age_constraint": "x"})) == ["a", "b"]
        assert pks(store.find(EnvironmentProfile, {"age_constraint": None})) == ["c", "d"]
        assert store.find(EnvironmentProfile, {"age_constraint": 1}) == []

    def test_a_member_of_an_enumeration_is_found_by_its_value(self, store: Store) -> None:
        store.put(RelationshipProfile(pk="p", agent_1_id="a", agent_2_id="b", relationship=RelationshipType.friend))
        assert pks(store.find(RelationshipProfile, {"relationship": RelationshipType.friend})) == ["p"]
        assert pks(store.find(RelationshipProfile, {"relationship": 3})) == ["p"]
        assert store.find(RelationshipProfile, {"relationship": "3"}) == []

    def test_all_conditions_must_hold(self, store: Store) -> None:
        store.put_many(
            episode(f"e{number:02}", run=f"r{number % 3}", tag=f"t{number % 2}", agents=("ann", f"a{number % 5}"))
            for number in range(30)
        )
        assert pks(store.find(EpisodeLog, {"run": "r1", "tag": "t0"})) == ["e04", "e10", "e16", "e22", "e28"]
        assert pks(store.find(EpisodeLog, {"run": "r1", "tag": "t0", "agents": "a3"})) == ["e28"]
        assert pks(store.find(EpisodeLog, {"agents": "ann", "pk": "e07", "tag": "t1"})) == ["e07"]
        assert store.find(EpisodeLog, {"agents": "ann", "pk": "e07", "tag": "t0"}) == []
        assert store.find(EpisodeLog, {"pk": 7}) == []

    def test_without_conditions_all_are_found_by_pk(self, store: Store) -> None:
        store.put_many(person(pk) for pk in ("b", "\uffff", "a", "B", "\U0001f600", "\u00e9", "aa"))
        assert pks(store.find(AgentProfile)) == ["B", "a", "aa", "b", "\u00e9", "\uffff", "\U0001f600"]
        assert store.find(AgentProfile, {}) == store.find(AgentProfile)
        assert store.find(EpisodeLog) == []

    def test_a_field_that_the_class_lacks_is_refused_with_the_nearest(self, store: Store) -> None:
        nearest = r"AgentProfile has no field 'ocupation'; did you mean 'occupation'\?"
        with pytest.raises(StorageError, match=nearest):
            store.find(AgentProfile, {"ocupation": "x"})
        with pytest.raises(StorageError, match=nearest):
            store.find(AgentProfile, order=Order("ocupation"))
        with pytest.raises(StorageError, match=nearest):
            store.count(AgentProfile, {"ocupation": "x"})
        with pytest.raises(StorageError, match=nearest):
            store.iterate(AgentProfile, {"ocupation": "x"})

    def test_a_field_that_holds_no_such_values_is_refused(self, store: Store) -> None:
        with pytest.raises(StorageError, match=r"EpisodeLog\.turns"):
            store.find(EpisodeLog, {"turns": "x"})
        with pytest.raises(StorageError, match=r"EpisodeLog\.turns"):
            store.find(EpisodeLog, order=Order("turns"))

    @pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}, b"a", "\ud83d"], ids=ascii)
    def test_a_value_that_no_field_can_equal_is_refused(self, store: Store, value: object) -> None:
        with pytest.raises(StorageError, match=r"AgentProfile\.moral_values"):
            store.find(AgentProfile, {"moral_values": value})

    def test_a_class_that_has_grown_a_field_finds_older_records_by_its_default(self, store: Store) -> None:
        store.put_many(OldNote(pk=f"old {number:03}", value=number) for number in range(500))
        store.put(Note(pk="new", value=1, values=("x",), extra={}))
        assert pks(store.find(Note, {"value": 1})) == ["new", "old 001"]
        assert store.count(Note, {"extra": None}) == 500
        assert pks(store.find(Note, {"extra": None, "value": 7})) == ["old 007"]
        assert pks(store.find(Note, {"values": "x"})) == ["new"]
        assert store.get(OldNote, "old 007") == OldNote(pk="old 007", value=7)
        store.put(OldNote(pk="old again"))
        assert store.count(Note, {"extra": None}) == 501

    # Sorting, pages

    def test_none_sorts_before_numbers_and_numbers_before_text(self, store: Store) -> None:
        values: list[str | float | None] = [None, -(2**63), -1.5, 0, 0.25, 1, 1.5, 2, 10, 2**53, 2**53 + 1, 1e300]
        values += ["", " ", "-1", "1", "10", "2", "Z", "a", "a\0", "aa", "\u00e9", "\uffff", "\U0001f600"]
        notes = [Note(pk=f"{(number * 7) % 25:02}", value=value) for number, value in enumerate(values)]
        store.put_many(notes)
        assert store.find(Note, order=Order("value")) == notes
        assert store.find(Note, order=Order("value", descending=True)) == notes[::-1]

    def test_ties_are_sorted_by_pk(self, store: Store) -> None:
        ages = {"d": 1, "a": 2, "c": 1, "b": 2, "e": None, "A": None}
        store.put_many(person(pk, age=age) for pk, age in ages.items())
        assert pks(store.find(AgentProfile, order=Order("age"))) == ["A", "e", "c", "d", "a", "b"]
        assert pks(store.find(AgentProfile, order=Order("age", descending=True))) == ["b", "a", "d", "c", "e", "A"]

    def test_the_order_may_be_by_pk_descending(self, store: Store) -> None:
        store.put_many(person(pk) for pk in "bca")
        assert pks(store.find(AgentProfile, order=Order(descending=True))) == ["c", "b", "a"]

    def test_what_a_search_finds_can_be_sorted_by_another_field(self, store: Store) -> None:
        store.put_many(person(f"p{number}", age=-number, tag=f"t{number % 2}", occupation="o") for number in range(10))
        found = store.find(AgentProfile, {"tag": "t1", "occupation": "o"}, order=Order("age"), limit=2, offset=1)
        assert pks(found) == ["p7", "p5"]

    def test_a_list_is_nothing_to_sort_by(self, store: Store) -> None:
        with pytest.raises(StorageError, match=r"EpisodeLog\.agents"):
            store.find(EpisodeLog, order=Order("agents"))

    def test_limit_and_offset_cut_a_page_out(self, store: Store) -> None:
        store.put_many(person(f"p{number}", tag="t") for number in range(10))
        for where in (None, {"tag": "t"}):
            everything = store.find(AgentProfile, where)
            assert store.find(AgentProfile, where, limit=3) == everything[:3]
            assert store.find(AgentProfile, where, limit=3, offset=8) == everything[8:]
            assert store.find(AgentProfile, where, offset=4) == everything[4:]
            assert store.find(AgentProfile, where, limit=0) == []
            assert store.find(AgentProfile, where, offset=10) == []
            assert store.find(AgentProfile, where, limit=100) == everything
            assert store.find(AgentProfile, where, order=Order(descending=True), limit=2) == everything[:-3:-1]

    def test_a_negative_limit_or_offset_is_refused(self, store: Store) -> None:
        with pytest.raises(StorageError, match=r"limit .*-1"):
            store.find(AgentProfile, limit=-1)
        with pytest.raises(StorageError, match=r"offset .*-1"):
            store.find(AgentProfile, offset=-1)

    def test_counting_agrees_with_finding(self, store: Store) -> None:
        store.put_many(episode(f"e{number:03}", tag=f"t{number % 3}", trial=number % 5) for number in range(100))
        assert store.count(EpisodeLog) == 100
        assert store.count(RunRecord) == 0
        for where in ({"tag": "t0"}, {"tag": "t1", "trial": 2}, {"tag": "t3"}, {"pk": "e007"}):
            assert store.count(EpisodeLog, where) == len(store.find(EpisodeLog, where))

    # Iterating

    def test_iterating_yields_what_finding_returns(self, store: Store) -> None:
        store.put_many(
            person(f"p{number * 7 % 1000:03}", tag=f"t{number % 3}", age=number % 2) for number in range(1000)
        )
        for where in (None, {"tag": "t1"}, {"tag": "t1", "age": 0}, {"tag": "none"}, {"pk": "p007"}):
            assert list(store.iterate(AgentProfile, where)) == store.find(AgentProfile, where)

    def test_primary_keys_are_those_of_what_finding_returns(self, store: Store) -> None:
        store.put_many(
            person(f"p{number}", tag="t" if number % 2 else "", moral_values=("x", "x")) for number in range(9)
        )
        store.put(Note(pk="q"))
        assert store.pks(AgentProfile) == [f"p{number}" for number in range(9)]
        assert store.pks(AgentProfile, {"tag": "t", "moral_values": "x"}) == ["p1", "p3", "p5", "p7"]
        assert store.pks(AgentProfile, {"pk": "p3"}) == ["p3"]
        assert store.pks(AgentProfile, {"tag": "none"}) == []

    def test_iterating_ends_though_the_caller_stores_more(self, store: Store) -> None:
        store.put_many(person(f"a{number:03}", tag="t") for number in range(300))
        seen = []
        for record in islice(store.iterate(AgentProfile, {"tag": "t"}), 1000):
            seen.append(record.pk)
            store.put(person(f"{record.pk} again", tag="t"))
        assert len(seen) < 1000
        assert [pk for pk in seen if "again" not in pk] == [f"a{number:03}" for number in range(300)]

    def test_iterating_yields_each_record_once_though_the_caller_replaces_and_deletes(self, store: Store) -> None:
        store.put_many(person(f"a{number:03}") for number in range(300))
        seen = []
        for record in store.iterate(AgentProfile):
            seen.append(record.pk)
            if int(record.pk[1:]) % 2:
                store.put(record.model_copy(update={"tag": "seen"}))
            else:
                store.delete(AgentProfile, record.pk)
        assert seen == [f"a{number:03}" for number in range(300)]
        assert store.count(AgentProfile) == store.count(AgentProfile, {"tag": "seen"}) == 150

    # The journal

    def test_a_journal_is_read_in_the_order_it_was_written(self, store: Store) -> None:
        first = [entry(turn=5, payload={"n": 1}), entry(turn=0, payload={"n": 2})]
        second = [entry(turn=3, payload={"n": 3}), entry("another")]
        store.append_journal(first)
        store.append_journal(second)
        store.append_journal([])
        assert store.read_journal("e") == [*first, second[0]]
        assert store.read_journal("another") == [second[1]]
        assert store.read_journal("never") == []

    def test_a_payload_comes_back_as_it_was(self, store: Store) -> None:
        payload = {"text": "".join(ALIKE), "n": [1, 1.0, 0.1, None, True, 10**18], "nested": {"": {"a": []}}}
        store.append_journal([entry(payload=payload, seat="\0 Ann", purpose="judge: x")])
        (read,) = store.read_journal("e")
        assert read == entry(payload=payload, seat="\0 Ann", purpose="judge: x")
        assert repr(read.payload) == repr(payload)

    def test_entries_that_differ_in_any_part_of_the_key_are_different(self, store: Store) -> None:
        entries = [
            entry(),
            entry(turn=1),
            entry(seat="Bob"),
            entry(seat="ann"),
            entry(purpose="judge"),
            entry(attempt=1),
        ]
        store.append_journal(entries)
        assert store.read_journal("e") == entries

    def test_an_entry_that_is_there_already_is_refused_with_its_company(self, store: Store) -> None:
        store.append_journal([entry(payload={"n": 1})])
        with pytest.raises(JournalError, match=r"'e'.*turn 0.*'Ann'.*'act'.*attempt 0"):
            store.append_journal([entry(turn=1), entry("new"), entry(payload={"n": 2})])
        assert store.read_journal("e") == [entry(payload={"n": 1})]
        assert store.read_journal("new") == []

    def test_an_entry_that_is_handed_in_twice_is_refused(self, store: Store) -> None:
        with pytest.raises(JournalError, match="turn 0"):
            store.append_journal([entry(), entry(payload={"n": 2})])
        assert store.read_journal("e") == []

    def test_deleting_an_episode_deletes_its_journal_and_no_other(self, store: Store) -> None:
        store.put_many([episode("e"), episode("f"), person("f")])
        store.append_journal([entry("e"), entry("f"), entry("unstored")])
        assert store.delete(EpisodeLog, "e") is True
        assert store.delete(AgentProfile, "f") is True
        assert store.delete(EpisodeLog, "unstored") is False
        assert [len(store.read_journal(pk)) for pk in ("e", "f", "unstored")] == [0, 1, 0]
        store.append_journal([entry("e")])

    def test_journals_are_dropped_without_their_episodes_and_without_others(self, store: Store) -> None:
        store.put(episode("e"))
        store.append_journal([entry("e"), entry("e", attempt=1), entry("f"), entry("unstored")])
        assert store.drop_journals(["e", "unstored", "never"]) == 3
        assert store.drop_journals([]) == 0
        assert [len(store.read_journal(pk)) for pk in ("e", "f", "unstored")] == [0, 1, 0]
        assert store.get(EpisodeLog, "e") == episode("e")
        store.append_journal([entry("e")])

    def test_storing_an_episode_again_keeps_its_journal(self, store: Store) -> None:
        store.append_journal([entry("e")])
        store.put(episode("e"))
        store.put(episode("e", tag="t"))
        assert store.read_journal("e") == [entry("e")]

    def test_of_eight_threads_one_writes_an_entry(self, store: Store) -> None:
        def append(number: int) -> bool:
            try:
                store.append_journal([entry(payload={"n": number}), entry(f"own {number}")])
            except JournalError:
                return False
            return True

        won = everywhere(append)
        assert won.count(True) == 1
        assert store.read_journal("e") == [entry(payload={"n": won.index(True)})]
        assert [len(store.read_journal(f"own {number}")) == 1 for number in range(8)] == won

    # Contents

    def test_what_a_store_contains_is_told_by_kind(self, store: Store) -> None:
        assert store.contents() == store.journals() == {}
        store.put_many([person("a"), person("b"), episode("e"), Note(pk="n")])
        store.append_journal([entry("f"), entry("e"), entry("e", attempt=1)])
        store.delete(AgentProfile, "a")
        store.delete(EpisodeLog, "never")
        assert list(store.contents().items()) == [("AgentProfile", 1), ("EpisodeLog", 1), ("Note", 1)]
        assert list(store.journals().items()) == [("e", 2), ("f", 1)]
        store.drop_journals(["e"])
        assert store.delete(Note, "n")
        assert store.contents() == {"AgentProfile": 1, "EpisodeLog": 1}
        assert store.journals() == {"f": 1}

    def test_a_store_says_how_durable_it_is(self, store: Store) -> None:
        assert store.describe()["durability"]

    def test_a_check_finds_no_damage_in_what_was_stored_in_every_way(self, store: Store) -> None:
        store.put_many(person(text, tag=text, moral_values=(text, "")) for text in ALIKE if text)
        store.put_many([played_episode("e"), OldNote(pk="old", value=1), Note(pk="new", values=(1, 1.0, None, "x"))])
        store.put(person("a", tag="again"))
        store.delete(AgentProfile, "Ann")
        store.append_journal([entry("e"), entry("unstored")])
        assert [found.text for found in store.check([AgentProfile, EpisodeLog, Note]) if found.damage] == []
        assert store.find(Note, {"extra": None, "value": 1}) == [Note(pk="old", value=1)]
        assert [found.text for found in store.check([AgentProfile, EpisodeLog, Note]) if found.damage] == []

    def test_a_check_names_a_record_that_no_longer_fits_its_class(self, store: Store) -> None:
        class Narrow(Record):
            value: int

            @classmethod
            def kind(cls) -> str:
                return Note.kind()

        store.put(Note(pk="the pk", value="text"))
        (found,) = (found for found in store.check([Narrow]) if found.damage)
        assert "Note 'the pk'" in found.text
        assert "value" in found.text

    def test_a_check_tells_of_records_whose_class_it_was_not_given(self, store: Store) -> None:
        store.put_many([person("p"), Note(pk="n"), Note(pk="m")])
        texts = [found.text for found in store.check([AgentProfile])]
        assert "2 records are of the class Note, which nothing that is installed knows, and not read" in texts

    # Leases

    def test_a_lease_has_one_owner(self, store: Store) -> None:
        assert store.acquire_lease("run", "me", 60.0) is True
        assert store.acquire_lease("run", "you", 60.0) is False
        assert store.acquire_lease("other", "you", 60.0) is True

    def test_its_owner_extends_a_lease(self, store: Store) -> None:
        assert store.acquire_lease("run", "me", 0.2)
        assert store.acquire_lease("run", "me", 60.0)
        time.sleep(0.3)
        assert not store.acquire_lease("run", "you", 60.0)

    def test_a_lease_given_back_is_free(self, store: Store) -> None:
        assert store.acquire_lease("run", "me", 60.0)
        assert store.release_lease("run", "you") is False
        assert not store.acquire_lease("run", "you", 60.0)
        assert store.release_lease("run", "me") is True
        assert store.release_lease("run", "me") is False
        assert store.acquire_lease("run", "you", 60.0)

    def test_an_expired_lease_is_free_and_no_longer_held(self, store: Store) -> None:
        assert store.acquire_lease("run", "me", 0.1)
        assert store.acquire_lease("other", "me", 0.1)
        time.sleep(0.2)
        assert store.acquire_lease("run", "you", 60.0)
        assert not store.acquire_lease("run", "me", 60.0)
        assert store.release_lease("run", "me") is False
        assert store.release_lease("other", "me") is False

    @pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
    def test_a_lease_of_no_time_is_refused(self, store: Store, seconds: float) -> None:
        with pytest.raises(StorageError, match="'run'"):
            store.acquire_lease("run", "me", seconds)

    def test_of_eight_threads_one_takes_a_lease(self, store: Store) -> None:
        taken = everywhere(lambda number: store.acquire_lease("run", f"owner {number}", 60.0))
        assert taken.count(True) == 1
        assert store.release_lease("run", f"owner {taken.index(True)}")

    # Threads

    def test_eight_threads_write_and_read_at_once(self, store: Store) -> None:
        def work(thread: int) -> int:
            for number in range(25):
                store.put(person(f"{thread} {number:02}", tag=f"thread {thread}"))
                assert store.get(AgentProfile, f"{thread} {number:02}").tag == f"thread {thread}"
                assert store.count(AgentProfile, {"tag": f"thread {thread}"}) == number + 1
            return len(list(store.iterate(AgentProfile, {"tag": f"thread {thread}"})))

        assert everywhere(work) == [25] * 8
        assert pks(store.find(AgentProfile)) == [f"{thread} {number:02}" for thread in range(8) for number in range(25)]

    def test_other_threads_see_all_of_a_batch_or_nothing(self, store: Store) -> None:
        def work(number: int) -> bool:
            if number == 0:
                for batch in range(10):
                    store.put_many(person(f"{batch} {place}", tag="t") for place in range(20))
                return True
            return all(store.count(AgentProfile, {"tag": "t"}) % 20 == 0 for _ in range(20))

        assert everywhere(work) == [True] * 8

    # Opening and closing

    def test_a_store_opened_again_has_what_was_kept(self, storage: Storage) -> None:
        with storage.open() as store:
            store.put_many([person("p", tag="t"), played_episode("e")])
            store.append_journal([entry()])
            store.acquire_lease("run", "me", 60.0)
        with storage.open() as store:
            if not self.persistent:
                assert store.count(AgentProfile) == 0
                assert store.read_journal("e") == []
                assert store.acquire_lease("run", "you", 60.0)
                return
            assert store.find(AgentProfile, {"tag": "t"}) == [person("p", tag="t")]
            assert store.get(EpisodeLog, "e") == played_episode("e")
            assert store.read_journal("e") == [entry()]
            assert not store.acquire_lease("run", "you", 60.0)

    def test_two_open_stores_are_one_where_records_persist(self, storage: Storage) -> None:
        with storage.open() as one, storage.open() as other:
            one.put(person("p", tag="t"))
            assert other.count(AgentProfile, {"tag": "t"}) == (1 if self.persistent else 0)
            other.put(person("q", tag="t"))
            assert one.count(AgentProfile, {"tag": "t"}) == (2 if self.persistent else 1)
            assert one.acquire_lease("run", "me", 60.0)
            assert other.acquire_lease("run", "you", 60.0) is not self.persistent

    def test_closing_twice_is_harmless(self, storage: Storage) -> None:
        store = storage.open()
        store.close()
        store.close()

    @pytest.mark.parametrize(
        "use",
        [
            lambda store: store.put(person("p")),
            lambda store: store.put_many([person("p")]),
            lambda store: store.get(AgentProfile, "p"),
            lambda store: store.delete(AgentProfile, "p"),
            lambda store: store.find(AgentProfile),
            lambda store: store.count(AgentProfile),
            lambda store: list(store.iterate(AgentProfile)),
            lambda store: store.pks(AgentProfile),
            lambda store: store.append_journal([entry()]),
            lambda store: store.read_journal("e"),
            lambda store: list(store.check([])),
            lambda store: store.describe(),
            lambda store: store.contents(),
            lambda store: store.journals(),
            lambda store: store.drop_journals(["e"]),
            lambda store: store.acquire_lease("run", "me", 1.0),
            lambda store: store.release_lease("run", "me"),
        ],
        ids=[
            "put",
            "put_many",
            "get",
            "delete",
            "find",
            "count",
            "iterate",
            "pks",
            "append_journal",
            "read_journal",
            "check",
            "describe",
            "contents",
            "journals",
            "drop_journals",
            "acquire_lease",
            "release_lease",
        ],
    )
    def test_a_closed_store_refuses_work(self, storage: Storage, use: Callable[[Store], object]) -> None:
        with storage.open() as store:
            store.put(person("p"))
        with pytest.raises(StorageError, match="closed") as caught:
            use(store)
        assert not isinstance(caught.value, NotFoundError)

    def test_closing_ends_an_iteration_with_an_error(self, storage: Storage) -> None:
        with storage.open() as store:
            store.put_many(person(f"p{number:04}") for number in range(1000))
            records = store.iterate(AgentProfile)
            assert next(records).pk == "p0000"
        with pytest.raises(StorageError, match="closed"):
            list(records)
