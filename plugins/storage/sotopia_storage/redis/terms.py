"""Values as a search index can hold them: in hexadecimal, so that equality is exact and order is kept.

RediSearch folds case, splits at separators, drops blanks and ends texts at NUL. None of this touches hexadecimal
digits, and those of UTF-8 sort as code points do.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from sotopia_storage.fields import Scalar

NONE: Final = "0"
_NUMBER: Final = "1"
_TEXT: Final = "2"
_SIGN: Final = 2**63
_ALL: Final = 2**64 - 1
_OFFSET: Final = 2048
"""More than what lies between an integer of 64 bits and the float next to it."""


@lru_cache(maxsize=2048)  # most fields hold one of few values
def term(value: Scalar) -> str:
    """Return what stands in the index for a value: the same for equal values, sorting as ``fields.sort_key`` does."""
    if value is None:
        return NONE
    return _TEXT + hexadecimal(value) if isinstance(value, str) else _NUMBER + _number(value)


def hexadecimal(text: str) -> str:
    """Return the UTF-8 bytes of a text in hexadecimal."""
    return text.encode().hex()


def text_of(hexadecimals: str) -> str:
    """Return the text of which these are the bytes."""
    return bytes.fromhex(hexadecimals).decode()


def _number(value: int | float) -> str:
    near = float(value) + 0.0  # which makes -0.0 and 0.0 the same
    bits: int = struct.unpack(">Q", struct.pack(">d", near))[0]
    ordered = ~bits & _ALL if bits & _SIGN else bits | _SIGN
    rest = value - int(near) if isinstance(value, int) else 0  # what a float cannot hold of a large integer
    return f"{ordered:016x}{rest + _OFFSET:03x}"
