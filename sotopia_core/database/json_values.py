"""JSON values off a file, one at a time, each with the line it begins on and with what is wrong in it."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sotopia_core.database.json_decoding import BrokenError, Flaw, decode_all
from sotopia_core.database.json_window import LONGEST, no_utf_8, read_spanning
from sotopia_core.errors import RecordError, nearest

_MARKS: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",  # begins as that of UTF-16 does
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_HEAD: Final = 4096
_SIGNS: Final = 4
"""Bytes at the beginning of a file among which is a NUL if it is UTF-16 or UTF-32."""
_BEGINNING: Final = 1024
_BUFFER: Final = 2**18


@dataclass(frozen=True, slots=True)
class Found:
    """A JSON value, or a flaw in the place of one, and the line on which it begins, counted from 1.

    ``entry`` is its position in a list that it stands in, from 1; the line is then that of the list. ``first`` says
    whether it, or its list, is the first thing in the file; ``suspect`` whether ``first_flaw`` may find something.
    """

    line: int
    value: object
    entry: int | None = None
    first: bool = False
    suspect: bool = True


Shortcut = Callable[[bytes], object | None]
"""Makes something of a line at once, instead of its JSON value; None where it cannot."""


def no_shortcut(line: bytes) -> None:
    """Make nothing of a line."""


def read_values(path: Path, shortcut: Shortcut = no_shortcut) -> Iterator[Found]:
    """Yield the values in a file of JSON, JSONL, or any JSON values one after another; of lists, what stands in them.

    A file with one value a line is read line by line; a line that is no JSON is one flaw, and the lines after it are
    read. In a file whose values span lines, or that begins with a list, reading ends with a flaw at what is no JSON. So
    it is with what is no UTF-8. An object in which a key stands twice, NaN, Infinity and numbers beyond all bounds are
    flaws in the place of the value. Blank lines and a UTF-8 byte order mark are skipped. Memory does not depend on the
    size of the file, but on that of a value; a line or a value of more than ``LONGEST`` is a flaw.

    ``shortcut`` is tried on each line before it is decoded; what it makes of the line is yielded as the value.

    Raises ``RecordError`` for a file that cannot be opened, is empty or is UTF-16.
    """
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            yield from _values(path, file, shortcut)
    except OSError as error:
        raise RecordError(unread(path, error)) from error


def siblings(path: Path) -> list[str]:
    """Return the names in the folder that a path lies in; none where that cannot be looked at."""
    try:
        return sorted(there.name for there in path.parent.iterdir())
    except OSError:
        return []


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
        """Decode the line; ``BrokenError`` where it is not JSON from end to end."""
        if self.size > LONGEST:
            raise BrokenError(self.number, f"the line has {self.size:,} bytes, more than {LONGEST:,}")
        try:
            text = self.raw.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            raise BrokenError(self.number, no_utf_8(error.object[error.start], self.offset + error.start)) from None
        return [Found(line, decoded.value, suspect=decoded.suspect) for line, decoded in decode_all(text, self.number)]


def _values(path: Path, file: BinaryIO, shortcut: Shortcut) -> Iterator[Found]:
    head = file.read(_HEAD)
    for sign, encoding in _MARKS.items():
        if head.startswith(sign):
            raise RecordError(f"{path}: is {encoding}, as its byte order mark says; save it as UTF-8")
    if b"\0" in head[:_SIGNS]:
        raise RecordError(f"{path}: has NUL characters at its beginning, as UTF-16 has; save it as UTF-8")
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    if head[mark:].lstrip().startswith(b"["):
        yield from _spanning(file, 1, mark)
        return
    file.seek(mark)
    lines = _numbered(_bounded(file), 0, mark)
    first = next(lines, None)
    if first is None:
        raise RecordError(f"{path}: is empty; expected records as JSON or JSONL")
    try:
        values = _read_line(first, shortcut)
    except BrokenError as broken:
        yield from _from_broken_line(file, first, broken, shortcut)
        return
    yield from values
    yield from _line_by_line(lines, shortcut)


def _spanning(file: BinaryIO, line: int, offset: int) -> Iterator[Found]:
    file.seek(offset)
    try:
        for one in read_spanning(file, line, offset):
            yield Found(one.line, one.decoded.value, one.entry, one.first, one.decoded.suspect)
    except BrokenError as broken:
        yield Found(broken.line, Flaw(broken.reason))


def _from_broken_line(file: BinaryIO, first: _Line, broken: BrokenError, shortcut: Shortcut) -> Iterator[Found]:
    """Read a file whose first line is no whole value: one whose values span lines, or JSONL that begins badly."""
    spanning = _spanning(file, first.number, first.offset)
    start = next(spanning)
    if isinstance(start.value, Flaw) and _goes_on_as_jsonl(file, first):
        after = first.offset + first.size
        file.seek(after)
        yield Found(broken.line, Flaw(broken.reason))
        yield from _line_by_line(_numbered(_bounded(file), first.number, after), shortcut)
    else:
        yield start
        yield from spanning


def _goes_on_as_jsonl(file: BinaryIO, first: _Line) -> bool:
    if first.raw.strip() == b"{":
        return False
    after = first.offset + first.size
    file.seek(after)
    second = next(_numbered(_bounded(file), first.number, after), None)
    if second is None:
        return False
    try:
        return all(isinstance(found.value, dict) for found in second.values())
    except BrokenError:
        return False


def _line_by_line(lines: Iterable[_Line], shortcut: Shortcut) -> Iterator[Found]:
    for line in lines:
        try:
            yield from _read_line(line, shortcut)
        except BrokenError as broken:
            yield Found(broken.line, Flaw(broken.reason))


def _read_line(line: _Line, shortcut: Shortcut) -> list[Found]:
    made = shortcut(line.raw) if line.size <= LONGEST else None
    return line.values() if made is None else [Found(line.number, made, suspect=False)]


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
        if not raw.isspace():
            yield _Line(number, offset, raw, size)
        offset += size
