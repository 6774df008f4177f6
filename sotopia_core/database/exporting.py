"""Records on their way to files: JSON and JSONL that can be read back without loss, and CSV for reading."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

from sotopia_core.digests import new_pk
from sotopia_core.errors import RecordError, one_line
from sotopia_core.records import Record

_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
"""Writes as pydantic does, so that what it reads is seen at a glance to be what was written."""


def write_jsonl(records: Iterable[Record], path: Path) -> int:
    """Write records to a file, one a line, and return how many; nothing is lost, and any kinds may be mixed.

    The file is written beside its place and put there when it is complete, in place of any other. Records are taken
    one at a time. Raises ``RecordError`` for a record that JSON cannot hold exactly, and for a file that cannot be
    written.
    """
    with _complete_or_absent(path) as file:
        count = 0
        for record in records:
            file.write(f"{_as_json(record)}\n")
            count += 1
    return count


def write_json(records: Iterable[Record], path: Path) -> int:
    """Write records to a file as one JSON list, a record a line; otherwise as :func:`write_jsonl`."""
    with _complete_or_absent(path) as file:
        count = 0
        for record in records:
            file.write(f"{',' if count else '['}\n{_as_json(record)}")
            count += 1
        file.write("\n]\n" if count else "[]\n")
    return count


def write_csv(records: Iterable[Record], path: Path, kind: type[Record] | None = None) -> int:
    """Write records of one kind to a file as a table, a column a field, and return how many.

    Text stands in its cell exactly as it is, also where a spreadsheet would take it for a formula; whatever is no text
    stands there as JSON, and null as an empty cell. ``kind`` gives the columns; without it the first record does, and
    no record means an empty file. Otherwise as :func:`write_jsonl`. Raises ``RecordError`` also for a record of another
    kind than the first.
    """
    there = iter(records)
    first = next(there, None)
    kind = kind or (None if first is None else type(first))
    with _complete_or_absent(path) as file:
        if kind is None:
            return 0
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(kind.model_fields)
        count = 0
        for record in chain(() if first is None else (first,), there):
            if type(record) is not kind:
                kinds = f"{kind.kind()} and {record.kind()}"
                raise RecordError(f"{path}: a table holds records of one kind, not {kinds}; write JSONL for both")
            writer.writerow(map(_cell, json.loads(_as_json(record)).values()))
            count += 1
    return count


Writer = Callable[[Iterable[Record], Path], int]
"""Writes records to a file and returns how many."""

SUFFIXES: Final = (".json", ".jsonl", ".csv")
"""What a file ends in says how it is written."""


def find_writer(path: Path, kind: type[Record]) -> Writer:
    """Return what writes records of a kind to a file, by what its name ends in; ``RecordError`` where nothing does."""
    match path.suffix.lower():
        case ".json":
            return write_json
        case ".jsonl":
            return write_jsonl
        case ".csv":
            return partial(write_csv, kind=kind)
        case _:
            raise RecordError(f"{path}: its name says not how to write it; let it end in {', '.join(SUFFIXES)}")


def _as_json(record: Record) -> str:
    """Return a record as one line of JSON; ``RecordError`` where JSON cannot hold all of it exactly."""
    try:
        # In its JSON mode pydantic writes nan and infinity as null, which makes something missing out of a number.
        text = _COMPACT.encode(record.model_dump())
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise RecordError(f"{record.kind()} {record.pk!r} cannot be written: {one_line(error)}") from None
    return text


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@contextmanager
def _complete_or_absent(path: Path) -> Iterator[TextIO]:
    """Open a file beside ``path`` that takes its place when all is written, and goes away when something fails."""
    if path.is_dir():
        raise RecordError(f"{path}: is a folder; name a file in it")
    beside = path.with_name(f".{path.name[:100]}.{new_pk()}.part")
    try:
        with beside.open("x", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise RecordError(f"{path}: {_unwritten(path, error)}") from None
    finally:
        beside.unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {str(path.parent)!r}; make it first"
    return f"cannot be written ({error.strerror})"
