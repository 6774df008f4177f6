"""Why one attempt to reach a model failed: in words without keys, and whether another attempt may do better."""

from __future__ import annotations

import email.utils
import os
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sotopia_core.errors import ModelError

WORTH_ANOTHER_TRY: Final = frozenset({408, 409, 425, 429})
"""Statuses of requests that may succeed later; all of 500 and above are others."""

REFUSED_FOR_GOOD: Final = frozenset({401, 402, 403, 404})
"""Statuses after which no request of the run can succeed."""

SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
SECRET_SHAPE: Final = re.compile(r"\b(?:sk|pk|gsk|xai|hf|AIza)[-_]?[\w*-]{12,}|(?<=Bearer )\S+")
SHORTEST_SECRET: Final = 6
LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """One attempt that failed.

    ``transient`` says that another attempt may do better, ``of_server`` that it is the server that is in trouble, so
    that all requests to it had better wait; ``retry_after`` is the seconds that the server asks to wait,
    ``status`` the HTTP status that it answered with.
    """

    error: ModelError
    transient: bool = False
    of_server: bool = False
    retry_after: float | None = None
    status: int | None = None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, by its headers ``retry-after-ms`` or ``retry-after``."""
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    given = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(given))
    with suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    return None


def without_secrets(text: str, key_variables: Iterable[str] = ()) -> str:
    """Return a server's words as one line of bounded length in which no key stands.

    Left out are the values of the variables that are named, those of all whose names look like a key's, and whatever
    has the shape of one.
    """
    named = set(key_variables)
    secrets = {
        value
        for name, value in os.environ.items()
        if len(value) >= SHORTEST_SECRET and (name in named or SECRET_NAME.search(name))
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = " ".join(SECRET_SHAPE.sub("***", text).split())
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
