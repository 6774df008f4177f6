"""Long texts are found exactly and sorted by their beginnings, though an index holds only a short form of them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sotopia_core.interfaces import Storage
from sotopia_core.profiles import AgentProfile
from sotopia_core.stores import Order, Store
from sotopia_storage.memory import Memory
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import person, pks

KEPT = 128
"""How many characters of a long text the index holds."""


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    storage: Storage = SQLite(path=tmp_path / "store.db") if request.param == "file" else Memory()
    with storage.open() as store:
        yield store


def test_a_text_that_looks_like_the_short_form_of_another_is_another(store: Store) -> None:
    long = "x" * 5000
    short_form = long[:KEPT] + hashlib.sha256(long.encode()).hexdigest()
    form_of_the_form = short_form[:KEPT] + hashlib.sha256(short_form.encode()).hexdigest()
    texts = {"long": long, "form": short_form, "form of the form": form_of_the_form, "beginning": long[:KEPT]}
    store.put_many(person(pk, tag=text) for pk, text in texts.items())
    for pk, text in texts.items():
        assert pks(store.find(AgentProfile, {"tag": text})) == [pk]


def test_long_texts_sort_by_their_beginnings(store: Store) -> None:
    beginnings = ["a" * 20, "a" * KEPT, "a" * KEPT + "b", "a" * (KEPT - 1) + "b" + "a" * 500, "b", "\U0001f600" * 300]
    store.put_many(person(f"p{number}", tag=text) for number, text in enumerate(beginnings))
    assert pks(store.find(AgentProfile, order=Order("tag"))) == ["p0", "p1", "p2", "p3", "p4", "p5"]


def test_long_texts_that_begin_alike_stand_together_in_an_order_that_never_changes(store: Store) -> None:
    store.put_many(person(f"p{number}", tag="m" * KEPT + f" {number}") for number in range(9))
    store.put_many([person("before", tag="l"), person("after", tag="n")])
    found = pks(store.find(AgentProfile, order=Order("tag")))
    assert (found[0], found[-1]) == ("before", "after")
    assert found == pks(store.find(AgentProfile, order=Order("tag", descending=True)))[::-1]
    digests = {f"p{n}": hashlib.sha256(("m" * KEPT + f" {n}").encode()).hexdigest() for n in range(9)}
    assert found[1:-1] == sorted(digests, key=lambda pk: digests[pk])
