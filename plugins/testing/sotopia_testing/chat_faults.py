"""The ways in which the chat server misbehaves on request: of the connection, of the status, and of what is said."""

from __future__ import annotations

import json
from typing import Final, Literal, get_args

Fault = Literal[
    "429",
    "429 with Retry-After",
    "500",
    "503",
    "hang",
    "drip",
    "closed mid-body",
    "broken body",
    "truncated",
    "prose",
    "wrong schema",
    "empty",
    "reordered",
    "huge",
]
"""A rate limit without and with ``Retry-After: 1``; errors of the server; no answer at all; a byte now and then; a
connection closed in the middle; a body that is half its JSON; and replies: cut off, in prose, of another type, empty,
with their keys in reverse order, of a million characters."""

FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)

STATUSES: Final = {"429": 429, "429 with Retry-After": 429, "500": 500, "503": 503}
SIZE_OF_HUGE: Final = 1_000_000


def twisted(text: str, fault: Fault) -> str:
    """Return what is said instead of a text; faults that are none of what is said leave it as it is."""
    match fault:
        case "truncated":
            return text[: 2 * len(text) // 3]
        case "prose":
            return "I would give them a 7 out of 10, and I shall say hello to everybody."
        case "wrong schema":
            return json.dumps({"mood": "fine", "score": 7})
        case "empty":
            return ""
        case "huge":
            return "x" * SIZE_OF_HUGE
        case "reordered":
            return _reordered(text)
        case _:
            return text


def _reordered(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(dict(reversed(value.items()))) if isinstance(value, dict) else text
