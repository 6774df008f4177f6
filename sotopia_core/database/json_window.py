"""JSON values that span lines, read through a window that moves over the file, so that no list has to fit in memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from sotopia_core.database.json_decoding import (
    CUT_OFF,
    BrokenError,
    Decoded,
    Decoder,
    after_space,
    describe,
    is_cut_off,
    too_deep,
)

CHUNK: Final = 2**20
"""Bytes that are read at a time, at least."""
LONGEST: Final = 256 * 2**20
"""How many characters one value may have, and how many bytes one line."""

_NEAR: Final = 16
"""A token that the window cuts in two is an error at most so far from its end."""


@dataclass(frozen=True, slots=True)
class Spanning:
    """A value, the line on which it begins, and its position in the list that it stands in, from 1, if in any.

    The line of what stands in a list is that of the list. ``first`` says whether nothing came before the value, or
    before its list.
    """

    line: int
    decoded: Decoded
    entry: int | None
    first: bool


def read_spanning(file: BinaryIO, line: int, offset: int) -> Iterator[Spanning]:
    """Yield all values from here to the end of a file; what stands in lists is yielded in their place.

    ``line`` is the number of the next line, ``offset`` how many bytes come before it. ``BrokenError`` at what is no
    JSON, no UTF-8, or too large.
    """
    window = _Window(file, line, offset)
    first = True
    while window.goes_on():
        begins = window.line
        if window.takes("["):
            yield from (Spanning(begins, decoded, entry, first) for entry, decoded in enumerate(_items(window), 1))
        else:
            yield Spanning(begins, window.value(), None, first)
        first = False


def _items(window: _Window) -> Iterator[Decoded]:
    """Yield what stands in the list that has just begun."""
    window.must_go_on()
    if window.takes("]"):
        return
    while True:
        yield window.value()
        window.must_go_on()
        if window.takes("]"):
            return
        if not window.takes(","):
            raise window.broken("Expecting ',' delimiter")
        window.must_go_on()


class _Window:
    """A piece of a file as text, and a place in it; ``line`` is that of the place, counted from 1."""

    def __init__(self, file: BinaryIO, line: int, offset: int) -> None:
        self.line = line
        self._file = file
        self._offset = offset
        self._decoder = Decoder()
        self._utf_8 = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._column = 0
        self._ended = False

    def goes_on(self) -> bool:
        """Move to the next thing that is no space, and return whether there is one."""
        while True:
            self._move(after_space(self._text, self._at))
            if self._at < len(self._text):
                return True
            if self._ended:
                return False
            self._read()

    def must_go_on(self) -> None:
        """Move to the next thing that is no space; ``BrokenError`` where there is none."""
        if not self.goes_on():
            raise BrokenError(self.line, CUT_OFF)

    def takes(self, sign: str) -> bool:
        """Move over a sign if it stands here, and return whether it does."""
        if self._text[self._at] != sign:
            return False
        self._move(self._at + 1)
        return True

    def value(self) -> Decoded:
        """Decode the value that stands here and move over it; ``BrokenError`` where it is none."""
        while True:
            try:
                decoded = self._decoder.decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._ended and (is_cut_off(self._text, error) or error.pos > len(self._text) - _NEAR):
                    self._read()
                    continue
                raise self._broken_at(error) from None
            except RecursionError:
                raise BrokenError(self.line, too_deep()) from None
            if decoded.end > len(self._text) - _NEAR and not self._ended:
                self._read()  # it may be the beginning of a number
                continue
            self._move(decoded.end)
            return decoded

    def broken(self, message: str) -> BrokenError:
        """Return the error that says so of the place."""
        return BrokenError(self.line, describe(message, self._column + 1))

    def _broken_at(self, error: json.JSONDecodeError) -> BrokenError:
        cut_off = is_cut_off(self._text, error)
        self._move(error.pos)
        return BrokenError(self.line, CUT_OFF) if cut_off else self.broken(error.msg)

    def _move(self, to: int) -> None:
        lines = self._text.count("\n", self._at, to)
        self.line += lines
        self._column = to - self._text.rindex("\n", self._at, to) - 1 if lines else self._column + to - self._at
        self._at = to

    def _read(self) -> None:
        """Let the window begin here, and make it longer: by as much as it has, so that no value is read too often."""
        rest = self._text[self._at :]
        if len(rest) > LONGEST:
            raise BrokenError(self.line, f"a value has more than {LONGEST:,} characters; write one record a line")
        raw = self._file.read(max(CHUNK, len(rest)))
        self._ended = not raw
        self._text = rest + self._text_of(raw, rest)
        self._at = 0

    def _text_of(self, raw: bytes, rest: str) -> str:
        kept, _ = self._utf_8.getstate()
        try:
            text = self._utf_8.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            line = self.line + rest.count("\n") + error.object.count(b"\n", 0, error.start)
            offset = self._offset - len(kept) + error.start
            raise BrokenError(line, no_utf_8(error.object[error.start], offset)) from None
        self._offset += len(raw)
        return text


def no_utf_8(byte: int, offset: int) -> str:
    """Say that a byte is not UTF-8."""
    return f"byte {byte:#04x} at offset {offset} of the file is not UTF-8; save the file as UTF-8"
