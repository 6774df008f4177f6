"""JSON as language models write it, read without guessing: what is not plainly meant is refused.

Read are: single and typographic quotes, line breaks in strings, Python's ``True``, ``False`` and ``None``, keys without
quotes, trailing commas, comments, and closing braces that are missing at the end. Refused are: a key that is there
twice, a number that the end of the text may have cut off, a number with something after it (``7/10``, ``7 or 8``), a
string or a list that is cut off, and whatever else is no JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

DEEPEST: Final = 50
"""Levels of nesting that are read."""

OBJECT_START: Final = re.compile(r"""\{\s*(?:["'\u201c\u2018}]|[A-Za-z_]\w*\s*:|//|/\*|\#)""")
"""What begins like an object; ``{goal}`` in prose does not."""

_SPACE: Final = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/|\#[^\n]*)*", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_AFTER_A_VALUE: Final = re.compile(r"\s|[,\]}#]|//|/\*")
_ENDS_A_SINGLE_QUOTE: Final = re.compile(r"\s*(?:[,:}\]]|\Z)")
_WORDS: Final = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_CLOSING: Final = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_UNICODE: Final = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")


@dataclass(frozen=True, slots=True)
class Found:
    """One object: what it holds, where it ends, and whether its last closing braces are missing."""

    value: dict[str, Any]
    end: int
    unclosed: bool


def objects_in(text: str) -> Iterator[Found]:
    """Yield the objects that stand in a text, one after the other; ``ValueError`` at one that cannot be read.

    What begins like an object is taken whole or refused: a part of a broken one is never taken for the whole.
    """
    start = OBJECT_START.search(text)
    while start is not None:
        reader = _Reader(text, start.start())
        value = reader.object(1)
        yield Found(value, reader.at, reader.unclosed)
        start = OBJECT_START.search(text, reader.at)


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.unclosed = False

    def object(self, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        found: dict[str, Any] = {}
        self.at += 1
        while True:
            if self._closes("}"):
                return found
            key = self._key()
            if key in found:
                raise ValueError(f"the key {key!r} is there twice")
            self._expect(":")
            found[key] = self._value(depth)
            if not self._separates("}"):
                return found

    def _array(self, depth: int) -> list[Any]:
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        found: list[Any] = []
        self.at += 1
        while True:
            if self._next() == "]":
                self.at += 1
                return found
            found.append(self._value(depth))
            if self._next() == ",":
                self.at += 1
            elif self._next() != "]":
                raise self._broken("expected ',' or ']'")

    def _value(self, depth: int) -> Any:
        character = self._next()
        if character == "{":
            return self.object(depth + 1)
        if character == "[":
            return self._array(depth + 1)
        if character in _CLOSING:
            return self._string()
        if number := _NUMBER.match(self.text, self.at):
            self._end_of_value(number.end())
            return _number(number.group())
        word = _WORD.match(self.text, self.at)
        if word is not None and word.group() in _WORDS:
            self._end_of_value(word.end())
            return _WORDS[word.group()]
        raise self._broken("expected a value")

    def _key(self) -> str:
        if self._next() in _CLOSING:
            return self._string()
        word = _WORD.match(self.text, self.at)
        if word is None:
            raise self._broken("expected a key")
        self.at = word.end()
        return word.group()

    def _string(self) -> str:
        opening = self.text[self.at]
        closing = _CLOSING[opening]
        parts: list[str] = []
        at = self.at + 1
        while at < len(self.text):
            character = self.text[at]
            if character == "\\":
                part, at = self._escaped(at)
                parts.append(part)
            elif character == closing and (closing == '"' or _ENDS_A_SINGLE_QUOTE.match(self.text, at + 1)):
                self.at = at + 1
                return "".join(parts)
            else:
                parts.append(character)
                at += 1
        raise self._broken("a string is cut off")

    def _escaped(self, at: int) -> tuple[str, int]:
        if run := _UNICODE.match(self.text, at):
            whole = str(json.loads(f'"{run.group()}"'))
            return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), run.end()
        after = self.text[at + 1 : at + 2]
        return _ESCAPES.get(after, f"\\{after}"), at + 2

    def _end_of_value(self, end: int) -> None:
        """Go behind a number or a word, which whatever follows must plainly end."""
        if end == len(self.text):
            raise self._broken("a value may be cut off")
        if not _AFTER_A_VALUE.match(self.text, end):
            raise self._broken("expected a plain value")
        self.at = end

    def _closes(self, bracket: str) -> bool:
        following = self._next()
        if following == bracket:
            self.at += 1
            return True
        if not following:
            self.unclosed = True
            return True
        return False

    def _separates(self, bracket: str) -> bool:
        """Go behind a comma, or behind the end of the object; returns whether it was a comma."""
        if self._next() == ",":
            self.at += 1
            return True
        if self._closes(bracket):
            return False
        raise self._broken(f"expected ',' or '{bracket}'")

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise self._broken(f"expected {character!r}")
        self.at += 1

    def _next(self) -> str:
        """Go to the next character that is neither space nor comment, and return it; empty at the end."""
        space = _SPACE.match(self.text, self.at)
        assert space is not None, "the pattern matches nothing, too"
        self.at = space.end()
        return self.text[self.at : self.at + 1]

    def _broken(self, what: str) -> ValueError:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - self.text.rfind("\n", 0, self.at)
        return ValueError(f"its JSON is broken at line {line}, column {column}: {what}")


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
