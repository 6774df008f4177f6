"""A file's URL names it and nothing else."""

import os
from pathlib import Path

import pytest

from sotopia_core.errors import StorageError
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import person


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///sotopia.db", "sotopia.db"),
        ("sqlite:///folder/sotopia.db", "folder/sotopia.db"),
        ("sqlite:////data/sotopia.db", "/data/sotopia.db"),
        ("SQLite:///sotopia.db", "sotopia.db"),
        ("sqlite:///my files/a%20b%3Fc.db", "my files/a b?c.db"),
        ("sqlite:///caf\u00e9#1.db", "caf\u00e9#1.db"),
        ("sqlite:///100%.db", "100%.db"),
    ],
)
def test_a_url_names_a_relative_or_an_absolute_path(url: str, path: str) -> None:
    storage = SQLite.from_url(url)
    assert storage == SQLite(path=Path(path))
    assert SQLite.from_url(storage.url) == storage


def test_the_url_of_a_file_is_written_with_escapes() -> None:
    assert SQLite().url == "sqlite:///sotopia.db"
    assert SQLite(path=Path("/data/a b?c%41.db")).url == "sqlite:////data/a%20b%3Fc%2541.db"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://sotopia.db", "'sqlite://sotopia.db' names no file; write sqlite:///relative/path or sqlite:////abs"),
        ("sqlite:///", "'sqlite:///' names no file; write"),
        ("sqlite:sotopia.db", "names no file"),
        ("sqlite+x:///sotopia.db", "names no file"),
        ("redis:///sotopia.db", "names no file"),
        ("sqlite:///:memory:", "'sqlite:///:memory:' is no file; a store in memory is memory://"),
        ("sqlite:///a.db?busy_timeout=3", "has options after the '?', and there are none; in a file's name it is %3F"),
    ],
)
def test_a_url_that_names_no_file_is_refused(url: str, message: str) -> None:
    with pytest.raises(StorageError) as caught:
        SQLite.from_url(url)
    assert message in str(caught.value)


def test_a_relative_path_starts_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SQLite(path=Path("here.db")).open() as store:
        monkeypatch.chdir(os.sep)
        store.put(person("p"))
    assert (tmp_path / "here.db").is_file()


@pytest.mark.parametrize("name", ["a b?c#d%41.db", "file:x.db", ":memory:", "caf\u00e9 \U0001f600.db", "'; --.db"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    with SQLite(path=tmp_path / name).open() as store:
        store.put(person("p"))
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with SQLite.from_url(SQLite(path=tmp_path / name).url).open() as store:
        assert store.get(type(person("p")), "p") == person("p")


def test_file_names_of_the_working_directory_are_not_special(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SQLite(path=Path(":memory:")).open().close()
    assert (tmp_path / ":memory:").is_file()
