"""Text made safe to show on a terminal."""

from __future__ import annotations

import re

UNSAFE = re.compile(
    "["
    "\x00-\x09\x0b-\x1f\x7f-\x9f"  # control characters, but not the line feed
    "\u2028\u2029"  # line breaks that only some terminals know
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates: they reorder what is around them
    "\ud800-\udfff"  # surrogates, which no terminal can be sent
    "]"
)


def visible_text(text: str, indent: str = "") -> str:
    r"""Return the text with everything that could steer a terminal written out, such as ``\x1b`` or ``\u202e``.

    Line feeds stay line breaks, followed by ``indent``, so that no line of the text can begin where another message
    would. All else stays as it is.
    """
    return UNSAFE.sub(lambda found: ascii(found.group())[1:-1], text).replace("\n", "\n" + indent)
