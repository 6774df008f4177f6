"""What it takes to go on with a stored run: its run file wired again, its combos, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from sotopia_core.config import LoadedConfig
from sotopia_core.database.stored_dimensions import find_dimension_set
from sotopia_core.engine.run import ingredients
from sotopia_core.episodes import DrawnCombos, RunRecord
from sotopia_core.errors import InputError, NotFoundError, nearest
from sotopia_core.interfaces import Storage
from sotopia_core.profiles import Combo
from sotopia_core.registry import Registry
from sotopia_core.stores import Store
from sotopia_core.wiring import StoredDimensions, Wiring, wire

CHANGES_SHOWN: Final = 3

_WORDS: Final[Mapping[str, str]] = {
    "versions": "",
    "prompts": "the prompt ",
    "dimensions": "the dimension set ",
    "components": "the options of ",
}


@dataclass(frozen=True)
class StoredRun:
    """A run that is in the store, ready to be gone on with."""

    record: RunRecord
    wiring: Wiring
    combos: tuple[Combo, ...]

    @property
    def changes(self) -> tuple[str, ...]:
        """What is not as it was when the run was last played, each in a few words."""
        return tuple(_changes(self.record, self.wiring))

    def check_unchanged(self, flag: str) -> None:
        """Raise ``InputError``, naming the ``flag`` that continues, where something changed since."""
        changes = self.changes
        if changes:
            more = f" (and {len(changes) - CHANGES_SHOWN} more)" if len(changes) > CHANGES_SHOWN else ""
            what = "; ".join(changes[:CHANGES_SHOWN])
            raise InputError(
                f"since the run {self.record.pk} was played, {what}{more}; {flag} continues with what is there now"
            )


def find_run(store: Store, name: str) -> RunRecord:
    """Return the run with this pk, or the only one of this name; ``NotFoundError`` or ``InputError`` says why not."""
    try:
        return store.get(RunRecord, name)
    except NotFoundError:
        named = store.find(RunRecord, {"name": name})
    if len(named) == 1:
        return named[0]
    if named:
        raise InputError(f"{len(named)} runs are called {name!r}; use a pk: {', '.join(run.pk for run in named)}")
    known = [one for run in store.iterate(RunRecord) for one in (run.pk, run.name)]
    raise NotFoundError(f"no run has the pk or the name {name!r}{nearest(name, known)}; sotopia runs list shows all")


def drawn_combos(store: Store, run: RunRecord) -> tuple[Combo, ...]:
    """Return what a run drew; ``InputError`` where the store does not say."""
    try:
        return tuple(store.get(DrawnCombos, run.pk).combos())
    except NotFoundError:
        raise InputError(
            f"what the run {run.pk} drew is not in the store, as of runs that were imported; play its run file again"
        ) from None


def restore_run(store: Store, record: RunRecord, registry: Registry) -> StoredRun:
    """Wire a run's stored run file; ``InputError`` where it cannot be gone on with.

    ``registry`` has the plugins: usually those installed but for those that the run file disables, as
    :func:`installed_for` gives them.
    """
    combos = drawn_combos(store, record)
    loaded = LoadedConfig.restored(record.config, record.origins)
    return StoredRun(record, wire(loaded, registry, stored_dimensions_of(store)), combos)


def stored_dimensions_of(store: Store) -> StoredDimensions:
    """Return what finds a dimension set that is kept as records, in an open store."""

    def find(storage: Storage | None, name: str) -> type[BaseModel] | None:
        found = find_dimension_set(store, name)
        return None if found is None else found.as_model()

    return find


def installed_for(record: RunRecord) -> Registry:
    """Return the installed plugins, without those that a run's file disables."""
    return Registry.discover(LoadedConfig.restored(record.config, record.origins).config.plugins.disable)


def _changes(record: RunRecord, wiring: Wiring) -> Iterable[str]:
    now = ingredients(wiring)
    changed: set[str] = set()
    for kind, words in _WORDS.items():
        before: dict[str, str] = getattr(record, kind)
        for name in dict.fromkeys([*before, *now[kind]]):
            was, is_ = before.get(name), now[kind].get(name)
            if was == is_:
                continue
            # A component's digest covers its prompts and dimensions: each change is told once, where it is plainest.
            if kind == "components" and changed & {"prompts", "dimensions"}:
                continue
            changed.add(kind)
            if kind == "versions":
                yield f"{name} {was or 'was not there'} became {is_}" if is_ else f"{name} {was} is gone"
            elif was is None or is_ is None:
                yield f"{words}{name} {'is new' if was is None else 'is gone'}"
            else:
                yield f"{words}{name} changed"
