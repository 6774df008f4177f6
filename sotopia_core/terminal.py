"""Text for a terminal: everything legible, nothing obeyed. Control characters are shown, not sent."""

from __future__ import annotations

import re
from typing import Final

# C0 but tab and line feed, DEL, C1, line and paragraph separators, and what turns the direction of writing around.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]"
)


def visible(text: str) -> str:
    r"""Return the text with control characters written out, as in ``\x1b`` and ``\u202e``; lines stay lines."""
    return _CONTROLS.sub(_written, text)


def visible_line(text: str) -> str:
    r"""Return the text on one line: as :func:`visible`, with line feeds and tabs written out too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_json(text: str) -> str:
    r"""Return JSON text of the same value, with control characters escaped as JSON does it, as in ``\u202e``."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
