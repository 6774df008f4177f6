"""Decoding of JSON: values with a flaw in the place of whatever cannot be kept, and where text stops being JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sotopia_core.wording import shown

DEEPEST: Final = 100
"""How many objects and lists may stand in one another; stores cannot write values much deeper than this."""
DIGITS: Final = 4300
"""How many digits a whole number may have; Python reads no more."""

CUT_OFF: Final = "the JSON ends before it is complete, as if cut off; restore the rest of it"

_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD]")


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands in the place of a JSON value that cannot be used; ``reason`` says why and what to do."""

    reason: str


class BrokenError(Exception):
    """Text stops being JSON on this line."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A value, where in its text it ends, and whether ``first_flaw`` may find something in it."""

    value: object
    end: int
    suspect: bool


class Decoder:
    """Decodes JSON values out of text, one after another."""

    def __init__(self) -> None:
        self._met_flaw = False
        self._json = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._fraction,
            parse_int=self._whole_number,
            parse_constant=self._no_number,
        )

    def decode(self, text: str, at: int) -> Decoded:
        """Decode the value that begins at this place; ``JSONDecodeError`` or ``RecursionError`` where there is none."""
        self._met_flaw = False
        value, end = self._json.raw_decode(text, at)
        surrogate = _SURROGATE.search(text, at, end)
        return Decoded(value, end, suspect=self._met_flaw or surrogate is not None or _is_deep(value))

    def _flaw(self, reason: str) -> Flaw:
        self._met_flaw = True
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


def decode_all(text: str, line: int = 1) -> Iterator[tuple[int, Decoded]]:
    """Yield the values in a text, each with its line, where the first line has this number.

    ``BrokenError`` at what is no JSON.
    """
    decoder = Decoder()
    counted = 0
    at = after_space(text, 0)
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        try:
            decoded = decoder.decode(text, at)
        except json.JSONDecodeError as error:
            cut_off = is_cut_off(text, error)
            reason = CUT_OFF if cut_off else describe(error.msg, error.colno)
            raise BrokenError(line + text.count("\n", counted, error.pos), reason) from None
        except RecursionError:
            raise BrokenError(line, too_deep()) from None
        yield line, decoded
        at = after_space(text, decoded.end)


def decode(text: str) -> object:
    """Decode a text that should hold one JSON value; a flaw where it does not."""
    try:
        found = list(decode_all(text))
    except BrokenError as broken:
        return Flaw(f"text that holds no JSON: {broken.reason}")
    return found[0][1].value if len(found) == 1 else Flaw(f"text that holds {len(found)} JSON values instead of one")


def after_space(text: str, at: int) -> int:
    """Return the place of what follows the space that begins here."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def is_cut_off(text: str, error: json.JSONDecodeError) -> bool:
    """Whether a text stops being JSON only where it ends."""
    return error.msg.startswith("Unterminated string") or after_space(text, error.pos) == len(text)


def describe(message: str, column: int) -> str:
    """Say that JSON is broken at a column, counted from 1, for a reason of the decoder's."""
    message = message.rstrip(": ")
    return f"broken JSON at column {column} ({message[:1].lower()}{message[1:]}); mend it there"


def too_deep() -> str:
    """Say that a text cannot be decoded since it goes too deep."""
    return f"objects and lists stand more than {DEEPEST} deep in one another"


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
        return path[:1], Flaw(f"{too_deep()}; flatten them")
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


def _is_deep(value: object) -> bool:
    """Whether objects and lists stand more than ``DEEPEST`` deep in one another."""
    items: Iterable[object] = (value,)
    for _ in range(DEEPEST + 1):
        lists: list[Iterable[object]] = []
        for item in items:
            if type(item) is list:
                lists.append(item)
            elif type(item) is dict:
                lists.append(item.values())
        if not lists:
            return False
        items = chain.from_iterable(lists)
    return True


def _no_unicode(text: str) -> str:
    """Say what keeps a text from being Unicode; an empty string where nothing does."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        escape = f"\\u{ord(text[error.start]):04x}"
        return f"the escape {escape} is half a character, which no text can hold; write both halves or neither"
    return ""
