"""Where the broker is: its URL, what may be shown of it, and a connection to it."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from typing import Final
from urllib.parse import SplitResult, urlsplit

from sotopia_agents.seats.broker import Broker, BrokerError
from sotopia_core.errors import MissingExtraError

VARIABLES: Final = ("SOTOPIA_BROKER", "REDIS_OM_URL")
DEFAULT_URL: Final = "redis://localhost:6379"
REDIS_SCHEMES: Final = ("redis", "rediss", "unix")
IN_PROCESS: Final = "memory"


def broker_url(given: str | None = None) -> str:
    """Return the URL of the broker that is meant: the one given, else that of the environment, else a local Redis."""
    for url in (given, *map(os.environ.get, VARIABLES)):
        if url:
            return url
    return DEFAULT_URL


def check_url(url: str) -> None:
    """Raise ``BrokerError`` where a URL can name no broker, ``MissingExtraError`` where redis-py is not installed."""
    parts = _split(url)
    if parts.scheme not in (*REDIS_SCHEMES, IN_PROCESS):
        raise BrokerError(
            f"{without_password(url)!r} is no address of a broker; "
            "expected redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH or memory://NAME"
        )
    if parts.scheme in REDIS_SCHEMES and find_spec("redis") is None:
        raise MissingExtraError(
            f"a broker at {without_password(url)} needs redis, not installed here; "
            "run: pip install 'sotopia-core[redis]'"
        )


def has_password(url: str) -> bool:
    """Whether a URL holds a password, in whichever place."""
    parts = _split(url)
    return bool(parts.password) or "password=" in parts.query


def without_password(url: str) -> str:
    """Return a URL, or what was meant as one, as it may be shown: where it held a password, ``***`` stands."""
    before, at, host = re.sub(r"(?i)(password=)[^&]*", r"\1***", url).rpartition("@")
    scheme, slashes, user = before.rpartition("//")
    name, colon, _ = user.partition(":")
    return f"{scheme}{slashes}{name}{':***' if colon else ''}{at}{host}"


def connect(url: str) -> Broker:
    """Return a connection, which is opened with its first use; raises as :func:`check_url` does."""
    check_url(url)
    if urlsplit(url).scheme == IN_PROCESS:
        from sotopia_agents.seats.in_process import InProcessBroker

        return InProcessBroker(urlsplit(url).netloc)
    from sotopia_agents.seats.redis_streams import RedisBroker

    return RedisBroker(url)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BrokerError(f"{without_password(url)!r} is no URL: {error}") from None
    return parts
