"""JSON values off a file, one at a time, each with the line it begins on and with what is wrong in it."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
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
LONGEST: Final = 256 * 2**20
"""How many bytes one line may have, and one file that is not JSONL."""

_SPACE = re.compile(r"[ \t\n\r]*")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BEGINNING = 1024
_BUFFER = 2**18
_CONTAINERS = (dict, list)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands in the place of a JSON value that cannot be used; ``reason`` says why and what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A JSON value, or a flaw in the place of one, and the line on which it begins, counted from 1.

    ``suspect`` says whether ``first_flaw`` may find something in it; it never does where this is false.
    """

    line: int
    value: object
    suspect: bool = True


Shortcut = Callable[[bytes], object | None]
"""Makes something of a line at once, instead of its JSON value; None where it cannot."""


def no_shortcut(line: bytes) -> None:
    """Make nothing of a line."""


def read_values(path: Path, shortcut: Shortcut = no_shortcut) -> Iterator[Found]:
    """Yield the values in a file of JSON, JSONL, or any JSON values one after another.

    A file with one value a line is read line by line, in constant memory; a line that is no JSON is one flaw, and the
    lines after it are read. A file whose values span lines is read whole; at what is no JSON there, reading ends with
    a flaw. So it is with what is no UTF-8. An object in which a key stands twice, NaN, Infinity and numbers beyond all
    bounds are flaws in the place of the value. Blank lines and a UTF-8 byte order mark are skipped. A line of more
    than ``LONGEST`` bytes is a flaw, and so is the end of a file that is read whole and is larger.

    ``shortcut`` is tried on each line before it is decoded; what it makes of the line is yielded as the value.

    Raises ``RecordError`` for a file that cannot be opened, is empty or is UTF-16.
    """
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            yield from _values(path, file, shortcut)
    except OSError as error:
        raise RecordError(unread(path, error)) from error


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
    """A line that is not blank, its number from 1, and the number of bytes before it.

    Of a line that is too long, ``raw`` is only the beginning; ``size`` is that of all of it.
    """

    number: int
    offset: int
    raw: bytes
    size: int

    def values(self) -> list[Found]:
        """Decode the line; ``_BrokenError`` where it is not JSON from end to end."""
        if self.size > LONGEST:
            raise _BrokenError(self.number, f"the line has {self.size:,} bytes, more than {LONGEST:,}")
        return list(_decoded(_text(self.raw.rstrip(b"\r\n"), self), self.number))


def _values(path: Path, file: BinaryIO, shortcut: Shortcut) -> Iterator[Found]:
    lines = _lines(path, file)
    first = next(lines, None)
    if first is None:
        raise RecordError(f"{path}: is empty; expected records as JSON or JSONL")
    try:
        values = _read_line(first, shortcut)
    except _BrokenError as broken:
        yield from _from_broken_line(file, first, broken, shortcut)
        return
    yield from values
    yield from _line_by_line(lines, shortcut)


def _from_broken_line(file: BinaryIO, first: _Line, broken: _BrokenError, shortcut: Shortcut) -> Iterator[Found]:
    """Read a file whose first line is no whole value: one whose values span lines, or JSONL that begins badly."""
    rest = file.read(LONGEST + 1)
    after = first.offset + first.size
    try:
        found = _decoded(_whole_text(first, rest), first.number)
        start = next(found)
    except _BrokenError as also_broken:
        if _goes_on_as_jsonl(first, rest):
            yield Found(broken.line, Flaw(broken.reason))
            file.seek(after)
            yield from _line_by_line(_numbered(_bounded(file), first.number, after), shortcut)
        else:
            yield Found(also_broken.line, Flaw(also_broken.reason))
        return
    yield start
    try:
        yield from found
    except _BrokenError as later:
        yield Found(later.line, Flaw(later.reason))


def _whole_text(first: _Line, rest: bytes) -> str:
    if first.size + len(rest) > LONGEST:
        what = f"more than {LONGEST:,} bytes of JSON that is not one record a line"
        raise _BrokenError(first.number, f"{what}; write the records as JSONL")
    return _text(first.raw + rest, first)


def _goes_on_as_jsonl(first: _Line, rest: bytes) -> bool:
    second = next((raw for raw in BytesIO(rest) if raw.strip()), None)
    if second is None or first.raw.lstrip().startswith(b"[") or first.raw.strip() == b"{":
        return False
    try:
        return all(isinstance(found.value, dict) for found in _decoded(_text(second, first), first.number))
    except _BrokenError:
        return False


def _line_by_line(lines: Iterable[_Line], shortcut: Shortcut) -> Iterator[Found]:
    for line in lines:
        try:
            yield from _read_line(line, shortcut)
        except _BrokenError as broken:
            yield Found(broken.line, Flaw(broken.reason))


def _read_line(line: _Line, shortcut: Shortcut) -> list[Found]:
    made = shortcut(line.raw) if line.size <= LONGEST else None
    return line.values() if made is None else [Found(line.number, made, suspect=False)]


def _lines(path: Path, file: BinaryIO) -> Iterator[_Line]:
    lines = _bounded(file)
    start, size = next(lines, (b"", 0))
    if start.startswith(_UTF_16):
        raise RecordError(f"{path}: is UTF-16, as its byte order mark says; save it as UTF-8")
    body = start.removeprefix(codecs.BOM_UTF8)
    mark = len(start) - len(body)
    return _numbered(chain([(body, size - mark)], lines), 0, mark)


def _bounded(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield each line with its size; of one that is too long only the beginning is there."""
    while raw := file.readline(LONGEST + 1):
        size = len(raw)
        more = raw
        while size > LONGEST and not more.endswith(b"\n") and (more := file.readline(LONGEST)):
            size += len(more)
        yield (raw, size) if size <= LONGEST else (raw[:_BEGINNING], size)


def _numbered(lines: Iterable[tuple[bytes, int]], number: int, offset: int) -> Iterator[_Line]:
    """Yield the lines that are not blank; ``number`` lines and ``offset`` bytes come before them."""
    for raw, size in lines:
        number += 1
        if raw.strip():
            yield _Line(number, offset, raw, size)
        offset += size


def _text(raw: bytes, start: _Line) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = start.number + raw.count(b"\n", 0, error.start)
        where = f"byte {raw[error.start]:#04x} at offset {start.offset + error.start} of the file"
        raise _BrokenError(line, f"{where} is not UTF-8; save the file as UTF-8") from None


def _decoded(text: str, line: int) -> Iterator[Found]:
    """Yield the values in a text whose first line has this number; ``_BrokenError`` at what is no JSON."""
    decoder = _Decoder()
    surrogates = "\\ud" in text or "\\uD" in text
    counted = 0
    at = _after_space(text, 0)
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        try:
            value, end = decoder.json.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise _BrokenError(line + text.count("\n", counted, error.pos), _broken(text, error)) from None
        except RecursionError:
            raise _BrokenError(line, f"objects and lists stand more than {DEEPEST} deep in one another") from None
        yield Found(line, value, suspect=decoder.met_flaw or surrogates or _is_deep(value))
        at = _after_space(text, end)


def _is_deep(value: object) -> bool:
    """Whether objects and lists stand more than ``DEEPEST`` deep in one another."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if item.__class__ in _CONTAINERS
        ]
        if not level:
            return False
    return True


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _broken(text: str, error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Unterminated string") or _after_space(text, error.pos) == len(text):
        return "the JSON ends before it is complete, as if cut off; restore the rest of it"
    message = error.msg.rstrip(": ")
    return f"broken JSON at column {error.colno} ({message[:1].lower()}{message[1:]}); mend it there"


def unread(path: Path, error: OSError) -> str:
    """Say why a file cannot be read, and name it."""
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


class _Decoder:
    """Decodes JSON, with a flaw in the place of whatever cannot be kept; ``met_flaw`` says whether there was any."""

    def __init__(self) -> None:
        self.met_flaw = False
        self.json = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._fraction,
            parse_int=self._whole_number,
            parse_constant=self._no_number,
        )

    def _flaw(self, reason: str) -> Flaw:
        self.met_flaw = True
        return Flaw(reason)

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object] | Flaw:
        there = dict(pairs)
        if len(there) == len(pairs):
            return there
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                return self._flaw(f"the key {shown(name)} stands twice in one object; keep one of them")
            names.add(name)
        return there

    def _no_number(self, name: str) -> Flaw:
        return self._flaw(f"{name} is no number in JSON; write null, or leave the key out")

    def _fraction(self, text: str) -> float | Flaw:
        number = float(text)
        return self._flaw(f"the number {shown(text)} is too large") if math.isinf(number) else number

    def _whole_number(self, text: str) -> int | Flaw:
        if len(text) > DIGITS:
            return self._flaw(f"a number has {len(text)} digits, more than {DIGITS}")
        return int(text)
