"""Sentences as sequences of words, and where the words of one stand in another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Final

from sotopia_core.marks import Viewer, apart, resolve

LONGEST: Final = 300
"""Words that a sentence has at most; a longer one is taken for several."""
WHOLE: Final = 3
"""Telling words that a sentence needs at least to be recognised as a whole; shorter ones say too little."""
PART: Final = 4
"""Telling words that a part of a sentence needs at least to be recognised; it must also be half of the sentence."""

THIRD_PERSON: Final = frozenset({"they", "them", "their", "theirs", "he", "him", "his", "she", "her", "hers"})
_UNTELLING: Final = THIRD_PERSON | {"you", "your", "yours", "a", "an", "the", "this", "that", "these", "those"}
_WORD = re.compile(r"\w+(?:[.,'’]\w+)*")
_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_LEAD = re.compile(r"\s*(?:extra information|(?:\w+ )?hint)\s*:", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    """The words of a sentence, without regard to case."""

    words: tuple[str, ...]

    @cached_property
    def telling(self) -> tuple[tuple[int, str], ...]:
        """The words that are neither articles nor personal pronouns, which change with who speaks, by position."""
        return tuple((at, word) for at, word in enumerate(self.words) if word not in _UNTELLING)

    @cached_property
    def triples(self) -> frozenset[tuple[str, ...]]:
        """All runs of three telling words."""
        return frozenset(self.runs(3))

    def runs(self, length: int) -> Iterator[tuple[str, ...]]:
        """Yield all runs of that many telling words, from left to right."""
        words = [word for _, word in self.telling]
        return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))


@dataclass(frozen=True)
class Echo:
    """Words of one sentence that stand in another: ``size`` telling words, from ``here`` and from ``there``."""

    sentence: Sentence
    other: Sentence
    here: int
    there: int
    size: int

    @property
    def whole(self) -> bool:
        """Whether it is all that the sentence says."""
        return self.size == len(self.sentence.telling)

    @property
    def changes_person(self) -> bool:
        """Whether the other sentence speaks of a third person where this one does not."""
        return _in_third_person(self.other, self.there, self.size) > _in_third_person(
            self.sentence, self.here, self.size
        )

    def __str__(self) -> str:
        """Return the words as the other sentence has them."""
        first, last = self.other.telling[self.there][0], self.other.telling[self.there + self.size - 1][0]
        return " ".join(self.other.words[first : last + 1])


def sentences(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of a text, each once.

    The words that commonly introduce a passage, such as ``Extra information:``, are left out.
    """
    found: dict[Sentence, None] = {}
    for piece in _END.split(text):
        words = tuple(_WORD.findall(_LEAD.sub("", piece, count=1).casefold().replace("’", "'")))
        for start in range(0, len(words), LONGEST):
            found[Sentence(words[start : start + LONGEST])] = None
    return tuple(found)


def sentences_for(viewer: Viewer, text: str, owner: int | None = None) -> tuple[Sentence, ...]:
    """Return the sentences of a text with author marks as one viewer reads it; a marked passage stands for itself.

    ``viewer`` and ``owner`` are as in ``marks.resolve``.
    """
    return sentences(resolve(apart(text), viewer, owner))


def echo(sentence: Sentence, other: Sentence) -> Echo | None:
    """Find a sentence, or half of it and more, within another; None where what they share is less, or too little.

    The least that counts is :data:`WHOLE` telling words for all of a sentence, :data:`PART` for a part of it.
    """
    if sentence.triples.isdisjoint(other.triples):
        return None
    telling = len(sentence.telling)
    for size in (telling, max(PART, (telling + 1) // 2)):
        if WHOLE <= size <= telling and (found := _common_run(sentence, other, size)):
            here, there = found
            return Echo(sentence, other, here, there, _extent(sentence, other, here, there))
    return None


def _common_run(sentence: Sentence, other: Sentence, size: int) -> tuple[int, int] | None:
    there: dict[tuple[str, ...], int] = {}
    for at, run in enumerate(other.runs(size)):
        there.setdefault(run, at)
    return next(((at, there[run]) for at, run in enumerate(sentence.runs(size)) if run in there), None)


def _extent(sentence: Sentence, other: Sentence, here: int, there: int) -> int:
    """Return how many telling words the two have in common from these on."""
    pairs = zip(sentence.telling[here:], other.telling[there:], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0][1] == pair[1][1], pairs))


def _in_third_person(sentence: Sentence, start: int, size: int) -> bool:
    first, last = sentence.telling[start][0], sentence.telling[start + size - 1][0]
    return not THIRD_PERSON.isdisjoint(sentence.words[max(0, first - 2) : last + 1])
