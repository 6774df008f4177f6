"""What two runs differ in: first in what they were played with, then in what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sotopia_core.engine.tally import Tally
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.stores import Store

ABSENT: Final = "–"

NO_MATTER: Final = frozenset({"run.name", "run.tag", "run.concurrency", "run.save", "cache.mode"})
"""Keys that cannot change what an episode comes to."""


@dataclass(frozen=True)
class Difference:
    """One thing that two runs do not share: where it stands, and what it is in each; None where it is not there."""

    where: str
    one: str | None
    other: str | None


def differences(one: RunRecord, other: RunRecord) -> list[Difference]:
    """Return what two runs differ in: keys of their run files, then versions, prompts and dimension sets.

    What cannot change an episode, such as a tag, is left out; so are components that only repeat another difference.
    """
    found = list(_between("", _flat(one.config), _flat(other.config)))
    for kind, words in (("versions", ""), ("prompts", "prompt "), ("dimensions", "dimensions ")):
        found += _between(words, getattr(one, kind), getattr(other, kind))
    if not found:
        found += _between("options of ", one.components, other.components)
    return found


def tallied(store: Store, run: RunRecord, dimensions: tuple[str, ...]) -> Tally:
    """Return what all episodes of a run came to, on these dimensions."""
    tally = Tally(dimensions)
    for episode in store.iterate(EpisodeLog, {"run": run.pk}):
        tally.add(episode)
    return tally


def dimensions_of(store: Store, *runs: RunRecord) -> tuple[str, ...]:
    """Return the names of all dimensions that episodes of the runs were judged on."""
    names: dict[str, None] = {}
    for run in runs:
        for episode in store.iterate(EpisodeLog, {"run": run.pk}):
            if episode.evaluations:
                names.update(dict.fromkeys(name for one in episode.evaluations for name in one.dimensions))
                break  # one run has the same judges for all of its episodes
    return tuple(names)


def _between(words: str, one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[Difference]:
    for key in dict.fromkeys([*one, *other]):
        if one.get(key) != other.get(key) and key not in NO_MATTER:
            yield Difference(f"{words}{key}", one.get(key), other.get(key))


def _flat(value: Any, at: str = "") -> dict[str, str]:
    """Return the leaves of JSON values by their path, each written as a run file would."""
    if isinstance(value, dict) and value:
        return {path: leaf for key, item in value.items() for path, leaf in _flat(item, _under(at, key)).items()}
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return {
            path: leaf for key, item in enumerate(value) for path, leaf in _flat(item, _under(at, str(key))).items()
        }
    return {at: _written(value)}


def _under(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _written(value: Any) -> str:

    return json.dumps(value, ensure_ascii=False)
