"""What Redis holds of a record: a redis-om model for each class of records, made from the class and kept in step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

from pydantic import create_model
from pydantic_core import to_json
from redis_om import EmbeddedJsonModel, Field, JsonModel  # type: ignore[import-untyped]

from sotopia_core.records import Record, Written
from sotopia_storage.documents import write_record
from sotopia_storage.fields import searchable, values_of
from sotopia_storage.redis.terms import hexadecimal, term
from sotopia_storage.staging import shape_of

FOUND: Final = "found"
_TROUBLESOME: Final = re.compile("[%\0]")


@cache
def model_of(namespace: str, kind: type[Record]) -> type[JsonModel]:
    """Return the model of a class's records.

    ``document`` is the record as JSON, exactly; ``order`` is its primary key in the form that sorts; ``shape`` tells by
    which fields the class was found when it was stored; ``found`` holds by which values it is found, as terms.
    """
    name = kind.kind()
    fields: dict[str, Any] = {field: (list[str], Field(index=True, case_sensitive=True)) for field in fields_of(kind)}
    found = create_model(f"{name}Found", __base__=EmbeddedJsonModel, __module__=__name__, **fields)
    meta = type("Meta", (), {"global_key_prefix": namespace, "model_key_prefix": name})
    body = {
        "__module__": __name__,
        "__qualname__": name,
        "__annotations__": {"order": str, "shape": str, "document": str, FOUND: found},
        "shape": Field(index=True),
        "Meta": meta,
    }
    model: type[JsonModel] = type(JsonModel)(name, (JsonModel,), body, index=True)
    return model


def fields_of(kind: type[Record]) -> list[str]:
    """Return the fields that records of a class are found by through the index: all but the primary key."""
    return [field for field in searchable(kind) if field != "pk"]


def attribute(field: str) -> str:
    """Return the name that the index has for a field."""
    return f"{FOUND}_{field}"


def index_of(namespace: str, kind: type[Record]) -> str:
    """Return the name of the index of a class's records."""
    name: str = model_of(namespace, kind)._meta.index_name
    return name


def schema_of(namespace: str, kind: type[Record]) -> list[str]:
    """Return the schema of that index, as the words of a command."""
    return str(model_of(namespace, kind).redisearch_schema()).split()


def added_fields(kind: type[Record], known: set[str]) -> Iterator[str]:
    """Yield the words that add to an index the fields of a class that it does not know yet."""
    for field in fields_of(kind):
        if attribute(field) not in known:
            yield from (f"$.{FOUND}.{field}[*]", "AS", attribute(field), "TAG", "SEPARATOR", "|", "CASESENSITIVE")


def key_of(namespace: str, kind: type[Record], pk: str) -> str:
    """Return the key of a record. The modules of Redis end keys at NUL, so that one is written as ``%00``."""
    key: str = model_of(namespace, kind).make_primary_key(_TROUBLESOME.sub(lambda one: f"%{ord(one[0]):02X}", pk))
    return key


def pk_in(key: str, prefix: str) -> str:
    """Return the primary key in the key of a record."""
    return unquote(key.removeprefix(prefix), errors="strict")


def write(written: Written) -> bytes:
    """Return what Redis is to hold of a record, as JSON; ``StorageError`` where JSON cannot hold all of it.

    The document is kept as it is given, also where it was written by another version of the class.
    """
    record = written.record
    document = write_record(record) if written.document is None else written.document
    found = {field: [term(value) for value in values] for field, values in values_of(record).items() if field != "pk"}
    return to_json(
        {
            "order": hexadecimal(record.pk),
            "shape": shape_of(type(record)).digest,
            "document": document.decode(),
            FOUND: found,
        }
    )


def condition(looked_for: Mapping[str, Any]) -> str:
    """Return a query for the records that hold all these values."""
    return " ".join(f"@{attribute(field)}:{{{term(value)}}}" for field, value in looked_for.items()) or "*"
