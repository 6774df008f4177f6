"""Records off CSV files: a table with the names of fields above its columns."""

from __future__ import annotations

import ast
import codecs
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Final, TextIO, Union, get_args, get_origin

from sotopia_core.annotations import AnnotationForEpisode
from sotopia_core.database.annotation_tables import annotation_fields, is_annotation_table
from sotopia_core.database.json_decoding import Flaw, decode
from sotopia_core.database.json_values import unread
from sotopia_core.database.names import EXPORTED_NAMES, known_names, recognise, required
from sotopia_core.errors import RecordError
from sotopia_core.records import Record
from sotopia_core.wording import shown

SUFFIX: Final = ".csv"

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_CELL: Final = min(sys.maxsize, 2**31 - 1)


def read_table(path: Path, kind: type[Record] | None = None) -> Iterator[tuple[int, dict[str, object] | Flaw]]:
    """Yield the fields in each row of a table of records, with the line on which the row begins, counted from 1.

    The first row names the fields; the kind is told from them where none is given. A cell of a field that holds text is
    that text; a cell of any other field holds JSON, or a list as Python writes it. An empty cell leaves the field out,
    unless it must be there and holds text. A column without a name, such as an index, is passed over. A row with more
    or fewer cells than columns is a flaw. Columns such as ``goal_1`` make it a table of human annotations
    (``annotation_tables``).

    At what is no UTF-8 or no CSV, and at columns that fit no kind of record, reading ends with a flaw. Raises
    ``RecordError`` for a file that cannot be opened, is empty or is UTF-16.
    """
    csv.field_size_limit(_CELL)
    try:
        with path.open("rb") as start:
            if start.read(2) in _UTF_16:
                raise RecordError(f"{path}: is UTF-16, as its byte order mark says; save it as UTF-8")
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _read(path, file, kind)
    except OSError as error:
        raise RecordError(unread(path, error)) from error


class _BrokenError(Exception):
    """The table goes no further than this line."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(reason)


def _read(path: Path, file: TextIO, kind: type[Record] | None) -> Iterator[tuple[int, dict[str, object] | Flaw]]:
    rows = _rows(file)
    try:
        line, names = next(rows, (0, None))
        if names is None:
            raise RecordError(f"{path}: is empty; expected a table with the names of fields in its first row")
        found = _recognise(line, names) if kind is None else kind
        annotated = found is AnnotationForEpisode and is_annotation_table(names)
        for line, row in rows:
            cells = _cells(names, row)
            if isinstance(cells, Flaw):
                yield line, cells
            else:
                yield line, annotation_fields(tuple(cells), cells) if annotated else _fields(found, cells)
    except _BrokenError as broken:
        yield broken.line, Flaw(broken.reason)


def _rows(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line it begins on; ``_BrokenError`` where a line makes none."""
    reader = csv.reader(file, strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise _BrokenError(line, f"broken CSV ({error}); mend it there") from None
    except UnicodeDecodeError as error:
        # Text is decoded in blocks, so the row is only near.
        what = f"byte {error.object[error.start]:#04x}, on this line or after it, is not UTF-8"
        raise _BrokenError(line, f"{what}; save the file as UTF-8") from None


def _recognise(line: int, names: Sequence[str]) -> type[Record]:
    for separator, called in _SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            raise _BrokenError(line, f"the columns are separated by {called}; save the table with commas")
    named = [name for name in names if name]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise _BrokenError(line, f"two columns are called {shown(twice)}; keep one of them")
    if is_annotation_table(named):
        return AnnotationForEpisode
    try:
        return recognise(named)
    except RecordError as error:
        raise _BrokenError(line, str(error)) from None


def _cells(names: Sequence[str], row: Sequence[str]) -> dict[str, str] | Flaw:
    if len(row) != len(names):
        return Flaw(f"the row has {len(row)} cells for {len(names)} columns; a text with commas needs quotation marks")
    return {name: cell for name, cell in zip(names, row, strict=True) if name}


def _fields(kind: type[Record], cells: Mapping[str, str]) -> dict[str, object]:
    return {name: _value(kind, name, cell) for name, cell in cells.items() if cell or _is_needed_text(kind, name)}


def _is_needed_text(kind: type[Record], name: str) -> bool:
    field = EXPORTED_NAMES[kind].get(name, name)
    return field in required(kind) and field in _texts(kind)


def _value(kind: type[Record], name: str, cell: str) -> object:
    if name not in known_names(kind) or EXPORTED_NAMES[kind].get(name, name) in _texts(kind):
        return cell
    value = decode(cell)
    if isinstance(value, Flaw):
        return _python_list(cell)
    return value


def _python_list(cell: str) -> object:
    """Read a list as Python writes it, which is how tables that pandas wrote have lists; any other cell is text."""
    if not cell.startswith("["):
        return cell
    try:
        value: object = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return cell
    return value


@cache
def _texts(kind: type[Record]) -> frozenset[str]:
    """Return the fields of a kind that may hold text."""
    return frozenset(name for name, info in kind.model_fields.items() if str in _alternatives(info.annotation))


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
