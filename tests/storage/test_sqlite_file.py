"""What a SQLite store does with the file it is given: makes it, recognises it, or refuses it in one clear line."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sotopia_core.errors import StorageError
from sotopia_core.profiles import AgentProfile, EnvironmentProfile
from sotopia_core.stores import Order, Store
from sotopia_storage import sqlite_file
from sotopia_storage.sqlite import SQLite
from sotopia_testing.storage import entry, person, pks
from tests.storage.processes import run


def refusal(path: Path) -> str:
    """Try to open a store; return why that was refused, after its name, and see that nothing was left behind."""
    before = contents(path.parent)
    with pytest.raises(StorageError) as caught:
        SQLite(path=path, busy_timeout=0.2).open()
    assert contents(path.parent) == before
    message = str(caught.value)
    start = f"cannot open the store {str(path)!r}: "
    assert message.startswith(start)
    assert "\n" not in message
    return message.removeprefix(start)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return what is in a folder, to see that it stays as it was."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def test_a_new_file_says_whose_it_is(tmp_path: Path) -> None:
    SQLite(path=tmp_path / "store.db").open().close()
    header = (tmp_path / "store.db").read_bytes()[:100]
    assert header[:16] == b"SQLite format 3\0"
    assert header[68:72] == b"Soto"
    assert int.from_bytes(header[60:64], "big") == 2


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    with SQLite(path=tmp_path / "store.db").open() as store:
        store.put(person("p"))
        assert store.count(AgentProfile) == 1


def test_a_closed_store_is_one_file(tmp_path: Path) -> None:
    with SQLite(path=tmp_path / "store.db").open() as store:
        store.put(person("p"))
    assert list(contents(tmp_path)) == ["store.db"]


def test_a_log_left_by_a_store_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    run("SQLite(path=path).open().put(person('old')); os._exit(0)", path)
    assert sorted(contents(tmp_path)) == ["store.db", "store.db-shm", "store.db-wal"]
    path.unlink()
    with SQLite(path=path).open() as store:
        assert store.find(AgentProfile) == []
        store.put(person("new"))
    with SQLite(path=path).open() as store:
        assert pks(store.find(AgentProfile)) == ["new"]


def test_an_abandoned_store_leaves_no_empty_file(tmp_path: Path) -> None:
    store = SQLite(path=tmp_path / "store.db").open()
    store.abandon()
    assert contents(tmp_path) == {}
    store.close()


def test_an_abandoned_store_that_holds_something_stays(tmp_path: Path) -> None:
    storage = SQLite(path=tmp_path / "store.db")
    store = storage.open()
    store.put(person("p"))
    store.abandon()
    with storage.open() as store:
        assert pks(store.find(AgentProfile)) == ["p"]


def test_an_empty_store_that_was_there_before_stays(tmp_path: Path) -> None:
    storage = SQLite(path=tmp_path / "store.db")
    storage.open().close()
    storage.open().abandon()
    assert list(contents(tmp_path)) == ["store.db"]


def test_an_abandoned_store_that_somebody_else_has_open_stays(tmp_path: Path) -> None:
    storage = SQLite(path=tmp_path / "store.db")
    first = storage.open()
    with storage.open() as second:
        first.abandon()
        second.put(person("p"))
    with storage.open() as store:
        assert pks(store.find(AgentProfile)) == ["p"]


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
    with SQLite(path=tmp_path / "link.db").open() as store:
        store.put(person("p"))
    with SQLite(path=tmp_path / "store.db").open() as store:
        assert store.count(AgentProfile) == 1


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert refusal(tmp_path / "folder") == "it is a folder; name a file in it"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert refusal(missing / "store.db") == f"the folder {str(missing)!r} does not exist; make it first"
    assert not missing.exists()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    assert refusal(tmp_path / "file" / "store.db") == f"the folder {str(tmp_path / 'file')!r} is not a folder"


def test_something_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "it is no regular file"


@pytest.mark.parametrize("text", ["hello\n", "x" * 5000, '{"pk": "p"}\n' * 500, "SQLite format 3 it is not\n" * 100])
def test_a_text_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.txt").write_text(text)
    assert refusal(tmp_path / "notes.txt") == "it is no SQLite database; it was left as it is"


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE documents (kind, pk, document)")
    connection.close()
    assert refusal(tmp_path / "other.db") == "it is a SQLite database of another program; it was left as it is"


def test_a_database_with_the_mark_of_another_program_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("PRAGMA application_id = 42")
    connection.close()
    assert refusal(tmp_path / "other.db") == "it is a SQLite database of another program; it was left as it is"


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    SQLite(path=tmp_path / "store.db").open().close()
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    assert refusal(tmp_path / "store.db") == (
        "it was written by a newer version (its layout is 7, this version knows 2); upgrade sotopia-core"
    )


FIRST_LAYOUT = """
DROP TABLE entries;
DROP TABLE fields;
CREATE TABLE entries (
    kind TEXT NOT NULL, pk NOT NULL, field TEXT NOT NULL, item INTEGER NOT NULL, value,
    PRIMARY KEY (kind, pk, field, item)) WITHOUT ROWID;
CREATE INDEX found ON entries (kind, field, value, pk);
INSERT INTO entries SELECT * FROM spelled;
DROP TABLE spelled;
PRAGMA user_version = 1;
"""
SPELLED = """
CREATE TABLE spelled AS SELECT f.kind, e.pk, f.name AS field, e.item, e.value
FROM entries AS e JOIN fields AS f ON f.id = e.field;
"""


def lay_out_as_at_first(path: Path) -> None:
    """Give a store the first layout, in which an index entry spelled out its kind and field."""
    connection = sqlite3.connect(path)
    connection.executescript(SPELLED + FIRST_LAYOUT)
    connection.close()


def test_a_store_of_the_first_layout_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    people = [person(f"p{number}", tag=str(number % 3), moral_values=("a", "b"), age=number) for number in range(9)]
    environment = EnvironmentProfile(pk="p1", codename="tag", scenario="1", agent_goals=("", ""))
    with SQLite(path=path).open() as store:
        store.put_many([*people, environment])
        store.append_journal([entry()])
    lay_out_as_at_first(path)
    for _ in range(2):
        with SQLite(path=path).open() as store:
            assert store.describe()["layout"] == "2"
            assert list(store.check([AgentProfile, EnvironmentProfile])) == []
            assert store.find(AgentProfile) == people
            assert store.pks(AgentProfile, {"tag": "1", "moral_values": "b"}) == ["p1", "p4", "p7"]
            eldest_first = store.find(AgentProfile, {"tag": "2"}, order=Order("age", descending=True))
            assert pks(eldest_first) == ["p8", "p5", "p2"]
            assert store.find(EnvironmentProfile, {"codename": "tag"}) == [environment]
            assert store.read_journal("e") == [entry()]
    with SQLite(path=path).open() as store:
        store.put(person("p1", tag="new"))
        assert store.delete(AgentProfile, "p4")
        assert store.pks(AgentProfile, {"tag": "1"}) == ["p7"]
        assert store.pks(EnvironmentProfile, {"codename": "tag"}) == ["p1"]
        assert list(store.check([AgentProfile, EnvironmentProfile])) == []


def test_a_store_that_cannot_be_brought_up_to_date_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SQLite(path=path).open() as store:
        store.put_many(person(f"p{number}", tag=str(number)) for number in range(500))
    lay_out_as_at_first(path)
    program = """
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 4,) * 2)
try:
    SQLite(path=path).open()
except SotopiaError as error:
    say(error)
"""
    (line,) = run(program, path)
    assert line.startswith(f"cannot open the store {str(path)!r}: the disk ")
    with SQLite(path=path).open() as store:
        assert store.pks(AgentProfile, {"tag": "7"}) == ["p7"]
        assert list(store.check([AgentProfile])) == []


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    with SQLite(path=tmp_path / "store.db").open() as store:
        store.put_many(person(f"p{number}", public_info="x" * 3000) for number in range(50))
    data = (tmp_path / "store.db").read_bytes()
    (tmp_path / "store.db").write_bytes(data[:100] + b"\xff" * 3000 + data[3100:])
    assert refusal(tmp_path / "store.db").startswith("the file is damaged (")


@pytest.mark.parametrize(
    ("name", "reason"), [("x" * 300, "File name too long"), ("a\0b", "no file's name holds a NUL character")]
)
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    assert refusal(tmp_path / name) == reason


OPENING_AS_NOBODY = """
if os.getuid() == 0:  # root may write anywhere, so somebody else has to try
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    with SQLite(path=path).open() as store:
        say(store.count(AgentProfile))
except SotopiaError as error:
    say(error)
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everyone can reach, whoever runs the tests; pytest's own is private."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o777)
        yield path


def test_a_folder_that_cannot_be_written_is_refused(public: Path) -> None:
    public.chmod(0o555)
    (line,) = run(OPENING_AS_NOBODY, public / "store.db")
    assert line == (
        f"cannot open the store {str(public / 'store.db')!r}: the folder {str(public)!r} is read-only here, "
        "and SQLite keeps its log in a file beside the store"
    )
    assert contents(public) == {}


def test_a_file_that_cannot_be_written_is_refused(public: Path) -> None:
    SQLite(path=public / "store.db").open().close()
    (public / "store.db").chmod(0o444)
    before = contents(public)
    (line,) = run(OPENING_AS_NOBODY, public / "store.db")
    assert line.endswith("the file cannot be read and written here; see its permissions")
    assert contents(public) == before


def test_a_folder_that_cannot_be_entered_is_refused(public: Path) -> None:
    (public / "locked").mkdir(mode=0o600)
    (line,) = run(OPENING_AS_NOBODY, public / "locked" / "store.db")
    assert line.endswith("Permission denied")


def test_when_a_store_cannot_be_made_whole_nothing_is_left(tmp_path: Path) -> None:
    program = """
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
try:
    SQLite(path=path).open()
except SotopiaError as error:
    say(error)
"""
    (line,) = run(program, tmp_path / "store.db")
    assert line.startswith(f"cannot open the store {str(tmp_path / 'store.db')!r}: the disk ")
    assert contents(tmp_path) == {}


def check(path: Path) -> None:
    """See that a store is whole, by SQLite's account and by its own."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with SQLite(path=path).open() as store:
        for record in store.find(AgentProfile):
            assert record in store.find(AgentProfile, {"public_info": record.public_info})
            assert store.count(AgentProfile, {"pk": record.pk, "tag": record.tag}) == 1
        assert store.count(AgentProfile, {"age": None}) == store.count(AgentProfile)


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stores that are opened now grow to 400 KB and no further."""
    monkeypatch.setattr(sqlite_file, "SETTINGS", (*sqlite_file.SETTINGS, "PRAGMA max_page_count = 50"))


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.put(person("late", public_info="y" * 400_000)),
        lambda store: store.put(person("early 0", tag="new", public_info="y" * 400_000)),
        lambda store: store.put_many(person(f"late {number}", public_info="y" * 9000) for number in range(100)),
        lambda store: store.append_journal([entry(), entry(attempt=1, payload={"text": "y" * 400_000})]),
    ],
    ids=["put", "replace", "put_many", "append_journal"],
)
def test_a_full_disk_takes_nothing_away(tmp_path: Path, write: Callable[[Store], object]) -> None:
    path = tmp_path / "store.db"
    with SQLite(path=path).open() as store:
        store.put_many(person(f"early {number}", tag="old", public_info="x" * 3000) for number in range(20))
        before = store.find(AgentProfile)
        with pytest.raises(StorageError) as caught:
            write(store)
        assert str(caught.value) == f"the store {str(path)!r}: the disk is full; make room and try again"
        assert store.find(AgentProfile) == before
        store.put(person("small"))
        assert store.read_journal("e") == []
    check(path)


def test_a_file_that_may_grow_no_further_loses_nothing(tmp_path: Path) -> None:
    program = """
store = SQLite(path=path).open()
store.put(person("before", public_info="x"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
for number in range(1000):
    try:
        store.put(person(f"p{number}", tag="t", public_info=f"{number} " + "x" * 3000))
    except SotopiaError as error:
        say(f"refused {error}")
        break
    say(f"stored p{number}")
say(f"read {store.count(AgentProfile)}")
say(f"read {store.count(AgentProfile, {'tag': 't'})}")
"""
    *stored, refused, all_of_them, tagged = run(program, tmp_path / "store.db")
    assert len(stored) > 10
    assert refused.startswith(f"refused the store {str(tmp_path / 'store.db')!r}: the disk ")
    assert all_of_them == f"read {len(stored) + 1}"
    assert tagged == f"read {len(stored)}"
    check(tmp_path / "store.db")
    with SQLite(path=tmp_path / "store.db").open() as store:
        kept = {f"stored {pk}" for pk in pks(store.find(AgentProfile, {"tag": "t"}))}
    assert kept == set(stored)


def test_a_store_that_was_removed_while_open_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SQLite(path=path).open() as store:
        store.put(person("p"))
        path.unlink()
        with pytest.raises(StorageError, match=r"was removed or replaced while it was open; open it again"):
            store.put(person("q"))
        SQLite(path=path).open().close()
        with pytest.raises(StorageError, match=r"was removed or replaced while it was open; open it again"):
            store.put(person("q"))


def test_a_document_edited_by_hand_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SQLite(path=path).open() as store:
        store.put_many(person(pk) for pk in ("cut", "extra", "other", "whole"))
    connection = sqlite3.connect(path)
    with connection:
        edit = "UPDATE documents SET document = ? WHERE pk = ?"
        connection.execute(edit, ('{"pk": "cut", "first_na', "cut"))
        connection.execute(edit, ('{"pk": "extra", "first_name": "Ann", "height": 1, "width": 2}', "extra"))
        connection.execute(edit, ('{"pk": "p", "first_name": "Ann"}', "other"))
    connection.close()
    reasons = {
        "cut": r"AgentProfile 'cut' in .*store\.db does not fit its class: Invalid JSON: EOF",
        "extra": r"'extra' in .* does not fit its class: height: Extra inputs are not permitted \(and 1 more\)",
        "other": r"AgentProfile 'other' in .*store\.db calls itself 'p'; it was edited by hand",
    }
    with SQLite(path=path).open() as store:
        for pk, reason in reasons.items():
            with pytest.raises(StorageError, match=reason):
                store.get(AgentProfile, pk)
        with pytest.raises(StorageError, match=reasons["cut"]):
            store.find(AgentProfile)
        assert store.get(AgentProfile, "whole") == person("whole")
        assert store.delete(AgentProfile, "cut")


def test_a_journal_edited_by_hand_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SQLite(path=path).open() as store:
        store.append_journal([entry("cut"), entry("list")])
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE journal SET payload = '{\"te' WHERE episode = 'cut'")
        connection.execute("UPDATE journal SET payload = '[]' WHERE episode = 'list'")
    connection.close()
    with SQLite(path=path).open() as store:
        for episode in ("cut", "list"):
            with pytest.raises(StorageError, match=f"the journal of episode '{episode}' in .* cannot be read: "):
                store.read_journal(episode)
