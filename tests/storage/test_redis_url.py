"""Which Redis server a URL or a run file's table names, and that no password is shown or kept."""

import pytest
from pydantic import ValidationError

from sotopia_core.errors import StorageError
from sotopia_storage.redis.storage import Redis


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost", "redis://localhost:6379"),
        ("redis://", "redis://localhost:6379"),
        ("redis://example.org:7000/", "redis://example.org:7000"),
        ("redis://example.org:7000/0", "redis://example.org:7000"),
        ("rediss://example.org", "rediss://example.org:6379"),
        ("redis://[::1]:7000", "redis://[::1]:7000"),
        ("redis://ann@example.org", "redis://ann@example.org:6379"),
        ("redis://ann:word@example.org", "redis://ann@example.org:6379"),
        ("redis://:pass%40word@example.org", "redis://example.org:6379"),
        ("redis://example.org?namespace=lab-2", "redis://example.org:6379?namespace=lab-2"),
    ],
)
def test_a_url_names_a_server_and_is_shown_without_its_password(url: str, shown: str) -> None:
    storage = Redis.from_url(url)
    assert storage.url == shown
    for text in (repr(storage), str(storage.model_dump()), storage.model_dump_json()):
        assert "word" not in text.replace("password_env", "")


def test_the_password_in_a_url_is_used() -> None:
    assert Redis.from_url("redis://:pass%40word@example.org")._find_password() == "pass@word"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://:word@localhost/3", "'redis://localhost': only database 0 of a server can be searched"),
        ("redis://:word@localhost:port", "'redis://localhost:port': the port is no number from 0 to 65535"),
        ("redis://:word@localhost?db=1", "'redis://localhost' has the option 'db'; there is only namespace"),
        ("redis://:word@localhost?namespace=a:b", "'redis://localhost': a namespace is made of letters, digits"),
        ("sqlite:///x", "names no Redis server; write redis://host:6379"),
        ("redis://:word@[::1", "this is no URL of a Redis server; write redis://host:6379"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_its_password(url: str, message: str) -> None:
    with pytest.raises(StorageError) as caught:
        Redis.from_url(url)
    assert message in str(caught.value)
    assert "word" not in str(caught.value)


def test_a_table_may_hold_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="name the variable that does in password_env"):
        Redis(server="redis://:word@localhost")
    storage = Redis(server="redis://localhost", password_env="LAB_REDIS")
    monkeypatch.delenv("LAB_REDIS", raising=False)
    with pytest.raises(StorageError, match="'redis://localhost:6379' wants a password: set LAB_REDIS"):
        storage.open()
    monkeypatch.setenv("LAB_REDIS", "word")
    assert storage._find_password() == "word"
