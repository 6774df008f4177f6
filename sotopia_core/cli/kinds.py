"""The kinds of records that the command line imports and exports, by their names there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sotopia_core.errors import InputError, nearest

KIND_NAMES: Final = (
    "agents, environments, combos, relationships, episodes, runs, environment-lists, annotations, annotators, "
    "sessions, dimensions or dimension-lists"
)
"""All of them, for help texts, which are written before anything heavy is imported."""

if TYPE_CHECKING:
    from sotopia_core.records import Record


def find_kind(name: str, option: str = "") -> type[Record]:
    """Return the kind of records that a name means; ``InputError``, which begins with ``option``, where it means none."""
    from sotopia_core.database.names import KINDS

    if name not in KINDS:
        there = f"; there are {', '.join(KINDS)}"
        raise InputError(f"{option}no kind of record is called {name!r}{nearest(name, KINDS) or there}")
    return KINDS[name]
