"""Words that carry content, and whether a text gives a secret away."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

LONGEST = 2000
"""How many characters of one utterance are read; the rest of a longer one is heard but not understood."""

_WORD = re.compile(r"[a-z0-9]{4,40}")
_COMMON_WORDS = (
    "about after again also because been before being could does doing done each even ever every from gets going have "
    "having here into just keep know like made make many might more most much must never once only other others over "
    "said same says should since some such take than that their them then there these they thing think this those "
    "through time until very want wants well were what when where which while will with without would your yours"
)
_COMMON = frozenset(_COMMON_WORDS.split())


def content_words(text: str) -> tuple[str, ...]:
    """Return the words of a text that carry content, in order: four letters or more, lower case, no common ones."""
    return tuple(word for word in _WORD.findall(text[:LONGEST].lower()) if word not in _COMMON)


@lru_cache(maxsize=1024)
def _tells(secret: str) -> frozenset[tuple[str, ...]]:
    words = content_words(secret)
    return frozenset(pairwise(words)) if len(words) > 1 else frozenset((word,) for word in words)


def tells(secret: str) -> int:
    """Return how many tells a secret has: pairs of neighbouring content words, or its only one."""
    return len(_tells(secret))


def given_away(secret: str, texts: Iterable[str]) -> int:
    """Return how many of a secret's tells stand in any of the texts: 0 where nothing of it was said."""
    known = _tells(secret)
    found: set[tuple[str, ...]] = set()
    if known:
        for text in texts:
            words = content_words(text)
            found.update(pairwise(words))
            found.update((word,) for word in words)
    return len(known & found)
