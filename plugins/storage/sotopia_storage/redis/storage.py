"""The storage component for a Redis server: which server, and under which names."""

from __future__ import annotations

import os
import re
from typing import Annotated, ClassVar, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from sotopia_core.errors import MissingExtraError, StorageError, one_line
from sotopia_core.interfaces import OPERATIONAL, Storage
from sotopia_core.stores import Store

DEFAULT_PORT: Final = 6379
NAMESPACE: Final = "sotopia"
MISSING: Final = "Redis needs redis-om, which is not installed: pip install 'sotopia-core[redis]'"


class Redis(Storage):
    """Records on a Redis server with RedisJSON and RediSearch (Redis 8, Redis Stack), for any number of machines.

    What is durable is up to the server: with ``appendonly yes`` and ``appendfsync always`` everything that was stored.
    What the original Sotopia stored on the server is found as well.
    """

    server: Annotated[str, OPERATIONAL] = Field(
        default=f"redis://localhost:{DEFAULT_PORT}",
        description="redis://host:port, or rediss:// for TLS, and no password",
    )
    password_env: Annotated[str | None, OPERATIONAL] = Field(
        default=None, description="The environment variable that holds the password"
    )
    namespace: Annotated[str, OPERATIONAL] = Field(
        default=NAMESPACE, pattern=r"^[A-Za-z0-9_.-]+$", description="What all keys begin with"
    )
    timeout: Annotated[float, OPERATIONAL] = Field(
        default=30.0, gt=0, le=3600, description="Seconds to wait for an answer"
    )
    connect_timeout: Annotated[float, OPERATIONAL] = Field(
        default=5.0, gt=0, le=3600, description="Seconds to wait for a connection"
    )
    _password: SecretStr | None = PrivateAttr(default=None)

    schemes: ClassVar[tuple[str, ...]] = ("redis", "rediss")

    @field_validator("server")
    @classmethod
    def _a_server(cls, server: str) -> str:
        parts = urlsplit(server)
        if parts.scheme not in cls.schemes or not parts.hostname:
            raise ValueError("a URL such as redis://host:6379 was expected")
        if parts.password is not None:
            raise ValueError("the URL may hold no password; name the variable that does in password_env")
        _port(server)
        if parts.path not in ("", "/", "/0"):
            raise ValueError("only database 0 of a server can be searched; leave the number out")
        if parts.query or parts.fragment:
            raise ValueError("the URL may hold no options; they are fields of their own")
        user = f"{parts.username}@" if parts.username else ""
        return f"{parts.scheme}://{user}{_host(server)}:{_port(server)}"

    @classmethod
    def from_url(cls, url: str) -> Redis:
        """Read ``redis://[user:password@]host[:port][?namespace=NAME]``; ``rediss://`` for TLS."""
        try:
            parts = urlsplit(url)
            scheme = parts.scheme
        except ValueError:
            raise StorageError("this is no URL of a Redis server; write redis://host:6379") from None
        shown = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        if scheme not in cls.schemes:
            raise StorageError(f"{shown!r} names no Redis server; write redis://host:6379")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        namespace = options.pop("namespace", NAMESPACE)
        if options:
            raise StorageError(f"{shown!r} has the option {next(iter(options))!r}; there is only namespace")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", namespace):
            raise StorageError(f"{shown!r}: a namespace is made of letters, digits, '_', '.' and '-'")
        user = f"{parts.username}@" if parts.username else ""
        try:
            server = cls._a_server(f"{scheme}://{user}{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}")
        except ValueError as error:
            raise StorageError(f"{shown!r}: {error}") from None
        storage = cls(server=server, namespace=namespace)
        if parts.password is not None:
            storage._password = SecretStr(unquote(parts.password))
        return storage

    @property
    def url(self) -> str:
        """The URL that names this store, without a password."""
        return self.server if self.namespace == NAMESPACE else f"{self.server}?namespace={quote(self.namespace)}"

    def open(self) -> Store:
        """Connect to the server and try it out; ``StorageError`` says in one line why that cannot be.

        Raises ``MissingExtraError`` where redis-om is not installed.
        """
        try:
            from sotopia_storage.redis.store import RedisStore
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"{MISSING} ({one_line(error)})") from None
        except ValueError as error:  # redis-om reads REDIS_OM_URL when it is imported, whatever it is needed for
            raise StorageError(f"redis-om cannot be loaded, see REDIS_OM_URL: {one_line(error)}") from None
        return RedisStore(
            self.server,
            name=self.url,
            password=self._find_password(),
            namespace=self.namespace,
            timeout=self.timeout,
            connect_timeout=self.connect_timeout,
        )

    def _find_password(self) -> str | None:
        if self._password is not None:
            return self._password.get_secret_value()
        if self.password_env is None:
            return None
        password = os.environ.get(self.password_env)
        if password is None:
            raise StorageError(f"the store {self.url!r} wants a password: set {self.password_env}")
        return password


def _host(server: str) -> str:
    host = urlsplit(server).hostname or ""
    return f"[{host}]" if ":" in host else host


def _port(server: str) -> int:
    try:
        return urlsplit(server).port or DEFAULT_PORT
    except ValueError:
        raise ValueError("the port is no number from 0 to 65535") from None
