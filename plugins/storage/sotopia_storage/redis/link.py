"""The connection to a Redis server: how it is made and tried out, and what its errors mean."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sotopia_core.errors import StorageError, one_line

MODULES: Final = {"RedisJSON": ("JSON.TYPE", "sotopia:"), "RediSearch": ("FT._LIST",)}
"""The modules that are needed, and for each a command that does nothing and is known where the module is there."""

SCANNED: Final = 5000
"""Keys that the server looks at in one step."""

RUN_ONE: Final = "run Redis 8 or Redis Stack, such as docker run -p 6379:6379 redis:8"


Word = str | bytes | int


class Server:
    """A server that has answered, and has all modules. Safe to use from several threads.

    ``name`` is the URL as messages show it. No answer is waited for longer than ``timeout`` seconds, no connection
    longer than ``connect_timeout``. ``connections`` counts those made: over a new one may be a server that was started
    anew. Making one raises ``StorageError``, which says in one line why that cannot be;
    otherwise what goes wrong is raised as redis-py has it, for :meth:`explain`.
    """

    def __init__(self, url: str, *, name: str, password: str | None, timeout: float, connect_timeout: float) -> None:
        self.name = name
        self.timeout = timeout
        self.connections = 0
        self._closed = False
        options: dict[str, Any] = {
            "protocol": 2,
            "decode_responses": True,
            "socket_timeout": timeout,
            "socket_connect_timeout": connect_timeout,
            # A command whose reply was lost may have been carried out: whoever sent it knows whether to repeat it.
            "retry": Retry(NoBackoff(), 0),
            "redis_connect_func": self._greet,
        }
        if password is not None:
            options["password"] = password
        self._client: redis.Redis[str] = redis.Redis.from_url(url, **options)
        self._execute: Callable[..., Any] = self._client.execute_command
        try:
            self._probe()
        except (redis.RedisError, OSError) as error:
            self.close()
            raise StorageError(f"cannot open the store {name!r}: {self.explain(error)}") from error
        except BaseException:
            self.close()
            raise

    def _greet(self, connection: Any) -> None:
        connection.on_connect()
        self.connections += 1

    def _probe(self) -> None:
        missing = [module for module, words in MODULES.items() if not self._knows(*words)]
        if missing:
            version = self.facts("server").get("redis_version", "of an unknown version")
            what = f"a plain Redis {version}" if len(missing) == len(MODULES) else f"a Redis {version}"
            raise StorageError(
                f"cannot open the store {self.name!r}: {what} without {' and '.join(missing)}; {RUN_ONE}"
            )

    def _knows(self, *words: Word) -> bool:
        try:
            self.ask(*words)
        except redis.ResponseError as error:
            if "unknown command" not in str(error):
                raise
            return False
        return True

    def ask(self, *words: Word) -> Any:
        """Send one command and return the answer."""
        if self._closed:  # redis-py would connect anew
            raise redis.ConnectionError("it was closed")
        return self._execute(*words)

    def ask_all(self, commands: Iterable[Sequence[Word]], *, at_once: bool) -> list[Any]:
        """Send commands together and return their answers; ``at_once``: in one transaction."""
        with self._client.pipeline(transaction=at_once) as pipeline:
            add: Callable[..., Any] = pipeline.execute_command
            for command in commands:
                add(*command)
            answers: list[Any] = pipeline.execute()
            return answers

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Word]) -> Any:
        """Run a script in one step on the server and return its answer."""
        return self.ask("EVAL", script, len(keys), *keys, *arguments)

    def scan(self, pattern: str, kind: str = "ReJSON-RL") -> Iterator[str]:
        """Yield the keys of all JSON documents, or of another kind, that fit a pattern, some perhaps twice."""
        cursor = "0"
        while True:
            cursor, keys = self.ask("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED, "TYPE", kind)
            yield from keys
            if str(cursor) == "0":
                return

    def facts(self, section: str) -> dict[str, str]:
        """Return a section of what the server says of itself."""
        told = self.ask("INFO", section)
        return {name: str(value) for name, value in told.items()}

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        self._client.close()

    def explain(self, error: Exception) -> str:
        """Say in a few words what went wrong, and what to do about it where that is known."""
        return explain(error, self.timeout)


def explain(error: Exception, timeout: float) -> str:
    """Say in a few words what went wrong, and what to do about it where that is known."""
    said = " ".join(str(error).split())
    match error:
        case redis.AuthenticationError():
            return _explain_refusal(said)
        case redis.TimeoutError() | TimeoutError():
            return f"the server did not answer within {timeout:g} s; it hangs, or it is overloaded"
        case redis.BusyLoadingError():
            return "the server is still reading its data from disk; wait a moment and try again"
        case redis.ReadOnlyError():
            return "the server is a replica, which cannot be written; name the one that it copies"
        case redis.InvalidResponse():
            return "what answers there is no Redis server"
        case redis.ConnectionError():
            return _explain_connection(error, said)
        case redis.ResponseError():
            return _explain_refusal(said)
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return one_line(error)


def _explain_refusal(said: str) -> str:
    if "WRONGPASS" in said or "invalid username-password" in said or "invalid password" in said.lower():
        return "the server does not take this user and password"
    if "NOAUTH" in said or "Authentication required" in said:
        return "the server wants a password: redis://:PASSWORD@HOST:PORT, or password_env in a run file"
    if "without any password configured" in said:
        return "a password was given, and the server has none; leave it out"
    if "NOPERM" in said or "no permissions" in said:
        return f"the user may not do this on the server ({said})"
    if "OOM" in said or "when used memory > 'maxmemory'" in said:
        return "the server is out of the memory that it may use; raise its maxmemory"
    if "LIMIT exceeds maximum" in said:
        return f"the server limits how much a search may find ({said}); set its MAXAGGREGATERESULTS to -1"
    if "MISCONF" in said:
        return "the server cannot write to its disk, and so takes nothing more; see its log"
    if said.startswith("unknown command"):
        return f"the server lacks a module ({said}); {RUN_ONE}"
    return f"the server refused: {said}"


def _explain_connection(error: BaseException, said: str) -> str:
    reasons = _reasons(error)
    if any(isinstance(one, ssl.SSLError) for one in reasons):
        return f"no encrypted connection comes about (redis:// is without TLS, rediss:// with it): {said}"
    if any(isinstance(one, socket.gaierror) for one in reasons):
        return "no host of that name is known"
    if any(isinstance(one, ConnectionRefusedError) for one in reasons):
        return f"no server answers there; start it, or {RUN_ONE}"
    return f"the connection broke ({said}); see whether the server still runs"


def _reasons(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
