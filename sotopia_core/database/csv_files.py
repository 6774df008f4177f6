"""Records off CSV files: a table with the names of fields above its columns."""

from __future__ import annotations

import ast
import codecs
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TextIO, get_args

from sotopia_core.database.json_values import Flaw, decode, unread
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
    or fewer cells than columns is a flaw.

    Raises ``RecordError`` for a file that cannot be opened, has no rows, is no UTF-8 or no CSV, and for columns that
    fit no kind of record.
    """
    csv.field_size_limit(_CELL)
    try:
        with path.open("rb") as start:
            if start.read(2) in _UTF_16:
                raise RecordError(f"{path}: is UTF-16, as its byte order mark says; save it as UTF-8")
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, file, kind)
    except OSError as error:
        raise RecordError(unread(path, error)) from error


def _rows(path: Path, file: TextIO, kind: type[Record] | None) -> Iterator[tuple[int, dict[str, object] | Flaw]]:
    reader = csv.reader(file, strict=True)
    line = 1
    names: list[str] | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise RecordError(f"{path}, line {line}: broken CSV ({error}); mend it there") from None
        except UnicodeDecodeError as error:
            where = f"byte {error.object[error.start]:#04x}, after line {reader.line_num}, is not UTF-8"
            raise RecordError(f"{path}: {where}; save the file as UTF-8") from None
        if row is None:
            break
        if names is None and row:
            names = row
            kind = _check_header(path, names, kind)
        elif names is not None and kind is not None and row:
            yield line, _fields(kind, names, row)
        line = reader.line_num + 1
    if names is None:
        raise RecordError(f"{path}: is empty; expected a table with the names of fields in its first row")


def _check_header(path: Path, names: Sequence[str], kind: type[Record] | None) -> type[Record]:
    for separator, called in _SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            raise RecordError(f"{path}, line 1: the columns are separated by {called}; save it with commas")
    named = [name for name in names if name]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise RecordError(f"{path}, line 1: two columns are called {shown(twice)}; keep one of them")
    try:
        return recognise(named) if kind is None else kind
    except RecordError as error:
        raise RecordError(f"{path}, line 1: {error}") from None


def _fields(kind: type[Record], names: Sequence[str], row: Sequence[str]) -> dict[str, object] | Flaw:
    if len(row) != len(names):
        return Flaw(f"the row has {len(row)} cells for {len(names)} columns; a text with commas needs quotation marks")
    cells = {name: cell for name, cell in zip(names, row, strict=True) if name}
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
    fields: Mapping[str, Any] = {name: info.annotation for name, info in kind.model_fields.items()}
    return frozenset(name for name, annotation in fields.items() if annotation is str or str in get_args(annotation))
