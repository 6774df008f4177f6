"""JSON values off a file, one at a time, each with the line it begins on and with what is wrong in it."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from sotopia_core.errors import RecordError, nearest
from sotopia_core.wording import shown

DEEPEST: Final = 100
"""How many objects and lists may stand in one another; stores cannot write values much deeper than this."""
DIGITS: Final = 4300
"""How many digits a whole number may have; Python reads no more."""

_SPACE = re.compile(r"[ \t\n\r]*")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands in the place of a JSON value that cannot be used; ``reason`` says why and what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A JSON value, or a flaw in the place of one, and the line on which it begins, counted from 1."""

    line: int
    value: object


def read_values(path: Path) -> Iterator[Found]:
    """Yield the values in a file of JSON, JSONL, or any JSON values one after another.

    A file with one value a line is read line by line, in constant memory; a line that is no JSON is one flaw, and the
    lines after it are read. A file whose values span lines is read whole; at what is no JSON there, reading ends with
    a flaw. So it is with what is no UTF-8. An object in which a key stands twice, NaN, Infinity and numbers beyond all
    bounds are flaws in the place of the value. Blank lines and a UTF-8 byte order mark are skipped.

    Raises ``RecordError`` for a file that cannot be opened, is empty or is UTF-16.
    """
    try:
        with path.open("rb") as file:
            yield from _values(path, file)
    except OSError as error:
        raise RecordError(_unread(path, error)) from error


def decode(text: str) -> object:
    """Decode a text that should hold one JSON value; a flaw where it does not."""
    try:
        found = list(_decoded(text, 1))
    except _BrokenError as broken:
        return Flaw(f"text that holds no JSON: {broken.reason}")
    return found[0].value if len(found) == 1 else Flaw(f"text that holds {len(found)} JSON values instead of one")


def siblings(path: Path) -> list[str]:
    """Return the names in the folder that a path lies in; none where that cannot be looked at."""
    try:
        return sorted(there.name for there in path.parent.iterdir())
    except OSError:
        return []


def first_flaw(value: object, path: tuple[str | int, ...] = ()) -> tuple[tuple[str | int, ...], Flaw] | None:
    """Return the first thing within a decoded value that cannot be kept, and the path to it; None if all is well.

    Besides flaws these are text with lone surrogates, which is no Unicode, and nesting deeper than ``DEEPEST``.
    """
    if isinstance(value, Flaw):
        return path, value
    if isinstance(value, str):
        reason = _no_unicode(value)
        return (path, Flaw(reason)) if reason else None
    if not isinstance(value, dict | list):
        return None
    if len(path) >= DEEPEST:
        return path[:1], Flaw(f"objects and lists stand more than {DEEPEST} deep in one another; flatten them")
    if isinstance(value, list):
        return next((flaw for index, item in enumerate(value) if (flaw := first_flaw(item, (*path, index)))), None)
    for key, item in value.items():
        reason = _no_unicode(key)
        if reason:
            return path, Flaw(f"in the key {shown(key)}: {reason}")
        flaw = first_flaw(item, (*path, key))
        if flaw:
            return flaw
    return None


class _BrokenError(Exception):
    """Text stops being JSON on this line."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not blank, its number from 1, and the number of bytes before it."""

    number: int
    offset: int
    raw: bytes

    def values(self) -> list[Found]:
        """Decode the line; ``_BrokenError`` where it is not JSON from end to end."""
        return list(_decoded(_text(self.raw.rstrip(b"\r\n"), self), self.number))


def _values(path: Path, file: BinaryIO) -> Iterator[Found]:
    lines = _lines(path, file)
    first = next(lines, None)
    if first is None:
        raise RecordError(f"{path}: is empty; expected records as JSON or JSONL")
    try:
        values = first.values()
    except _BrokenError as broken:
        yield from _from_broken_line(path, first, file.read(), broken)
        return
    yield from values
    yield from _line_by_line(lines)


def _from_broken_line(path: Path, first: _Line, rest: bytes, broken: _BrokenError) -> Iterator[Found]:
    """Read a file whose first line is no whole value: one whose values span lines, or JSONL that begins badly."""
    try:
        text = _text(first.raw + rest, first)
        found = _decoded(text, first.number)
        start = next(found)
    except _BrokenError as also_broken:
        if _goes_on_as_jsonl(first, rest):
            yield Found(broken.line, Flaw(broken.reason))
            yield from _line_by_line(_numbered(BytesIO(rest), first.number, first.offset + len(first.raw)))
        else:
            yield Found(also_broken.line, Flaw(also_broken.reason))
        return
    yield start
    try:
        yield from found
    except _BrokenError as later:
        yield Found(later.line, Flaw(later.reason))


def _goes_on_as_jsonl(first: _Line, rest: bytes) -> bool:
    second = next(_numbered(BytesIO(rest), first.number, 0), None)
    if second is None or first.raw.lstrip().startswith(b"[") or first.raw.strip() == b"{":
        return False
    try:
        return all(isinstance(found.value, dict) for found in second.values())
    except _BrokenError:
        return False


def _line_by_line(lines: Iterable[_Line]) -> Iterator[Found]:
    for line in lines:
        try:
            yield from line.values()
        except _BrokenError as broken:
            yield Found(broken.line, Flaw(broken.reason))


def _lines(path: Path, file: BinaryIO) -> Iterator[_Line]:
    start = file.readline()
    if start.startswith(_UTF_16):
        raise RecordError(f"{path}: is UTF-16, as its byte order mark says; save it as UTF-8")
    body = start.removeprefix(codecs.BOM_UTF8)
    return _numbered(chain([body], file), 0, len(start) - len(body))


def _numbered(lines: Iterable[bytes], number: int, offset: int) -> Iterator[_Line]:
    """Yield the lines that are not blank; ``number`` lines and ``offset`` bytes come before them."""
    for raw in lines:
        number += 1
        if raw.strip():
            yield _Line(number, offset, raw)
        offset += len(raw)


def _text(raw: bytes, start: _Line) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = start.number + raw.count(b"\n", 0, error.start)
        where = f"byte {raw[error.start]:#04x} at offset {start.offset + error.start} of the file"
        raise _BrokenError(line, f"{where} is not UTF-8; save the file as UTF-8") from None


def _decoded(text: str, line: int) -> Iterator[Found]:
    """Yield the values in a text whose first line has this number; ``_BrokenError`` at what is no JSON."""
    counted = 0
    at = _after_space(text, 0)
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        try:
            value, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise _BrokenError(line + text.count("\n", counted, error.pos), _broken(text, error)) from None
        except RecursionError:
            raise _BrokenError(line, f"objects and lists stand more than {DEEPEST} deep in one another") from None
        yield Found(line, value)
        at = _after_space(text, end)


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _broken(text: str, error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Unterminated string") or _after_space(text, error.pos) == len(text):
        return "the JSON ends before it is complete, as if cut off; restore the rest of it"
    message = error.msg.rstrip(": ")
    return f"broken JSON at column {error.colno} ({message[:1].lower()}{message[1:]}); mend it there"


def _unread(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError():
            if not path.parent.is_dir():
                return f"{path}: there is no folder {str(path.parent)!r}"
            return f"{path}: there is no such file{nearest(path.name, siblings(path))}"
        case IsADirectoryError():
            return f"{path}: is a folder; name the files in it, such as {str(path / '*.jsonl')!r}"
        case _:
            return f"{path}: cannot be read ({error.strerror})"


def _no_unicode(text: str) -> str:
    """Say what keeps a text from being Unicode; an empty string where nothing does."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        escape = f"\\u{ord(text[error.start]):04x}"
        return f"the escape {escape} is half a character, which no text can hold; write both halves or neither"
    return ""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | Flaw:
    there = dict(pairs)
    if len(there) == len(pairs):
        return there
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            return Flaw(f"the key {shown(name)} stands twice in one object; keep one of them")
        names.add(name)
    return there


def _no_number(name: str) -> Flaw:
    return Flaw(f"{name} is no number in JSON; write null, or leave the key out")


def _fraction(text: str) -> float | Flaw:
    number = float(text)
    return Flaw(f"the number {shown(text)} is too large") if number in (float("inf"), float("-inf")) else number


def _whole_number(text: str) -> int | Flaw:
    return int(text) if len(text) <= DIGITS else Flaw(f"a number has {len(text)} digits, more than {DIGITS}")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_fraction, parse_int=_whole_number, parse_constant=_no_number
)
