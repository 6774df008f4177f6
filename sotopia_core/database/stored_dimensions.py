"""Dimension sets that are kept as records, found by name."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ValidationError

from sotopia_core.custom_dimensions import CustomEvaluationDimension, CustomEvaluationDimensionList
from sotopia_core.database.locate import find_storage
from sotopia_core.errors import ConfigError, NotFoundError
from sotopia_core.evaluation import Dimension, DimensionSet
from sotopia_core.interfaces import Storage
from sotopia_core.registry import Registry
from sotopia_core.stores import Store
from sotopia_core.wording import explain


def dimensions_in(registry: Registry, url: str | None) -> Callable[[Storage | None, str], type[BaseModel] | None]:
    """Return what finds a dimension set for a run file: in the store that its run would use, ``url`` first of all."""

    def find(own: Storage | None, name: str) -> type[BaseModel] | None:
        storage = own if url is None and own is not None else find_storage(registry, url)
        if not storage.exists():
            return None
        with storage.open() as store:
            found = find_dimension_set(store, name)
        return None if found is None else found.as_model()

    return find


def find_dimension_set(store: Store, name: str) -> DimensionSet | None:
    """Return the dimension set that a stored list of that name holds, or the one dimension of that name alone.

    None where there is neither. ``ConfigError`` where what is stored makes no dimension set, or two different ones.
    """
    lists = store.find(CustomEvaluationDimensionList, {"name": name})
    if lists:
        found = {one.pk: _of(name, [_member(store, one, pk) for pk in one.dimension_pks], one.pk) for one in lists}
    else:
        single = store.find(CustomEvaluationDimension, {"name": name})
        found = {one.pk: _of(name, [one], one.pk) for one in single}
    digests = {dimensions.digest: pk for pk, dimensions in found.items()}
    if len(digests) > 1:
        which = " and ".join(sorted(digests.values()))
        raise ConfigError(f"the store has different dimensions called {name!r}: {which}; delete one, or rename it")
    return next(iter(found.values()), None)


def _member(store: Store, listed: CustomEvaluationDimensionList, pk: str) -> CustomEvaluationDimension:
    try:
        return store.get(CustomEvaluationDimension, pk)
    except NotFoundError:
        raise ConfigError(f"dimension list {listed.name!r} ({listed.pk}) names {pk}, which is not stored") from None


def _of(name: str, members: list[CustomEvaluationDimension], pk: str) -> DimensionSet:
    try:
        dimensions = tuple(
            Dimension(name=one.name, low=one.range_low, high=one.range_high, rubric=one.description) for one in members
        )
        return DimensionSet(name=name, dimensions=dimensions)
    except ValidationError as error:
        wrong = explain(error, DimensionSet)
        raise ConfigError(f"the stored dimensions {name!r} ({pk}) make no set: {wrong}") from None
