"""How somebody's words stand in a prompt, so that no words can pass for anything but themselves.

An event is a line that says who did what, and then the words, in one of two forms:

- Words without a line break stand on the event's own line: ``Turn 3: Ada said: "words"``. They run from the quotation
  mark after the colon to the one that ends the line. Quotation marks within need no escape, since only the last
  character of the line closes, and the words cannot end the line.
- Words with a line break stand below the event's line, which ends in the colon, between two lines of backticks that are
  longer than any run of backticks in the words. The words cannot close the block.

So each event can be told apart, and its words read back exactly, whatever they are: quotation marks, fences, lines that
look like events, template syntax. A line break is whatever ``str.splitlines`` takes for one, which is more than most
readers do. What was done, to whom and in which turn must come before the words and never from them; the names are
those of the cast, which its author chose and no agent can.
"""

from __future__ import annotations

import re


def quoted(words: str) -> str:
    """Return the words as they follow the colon: ``' "words"'``, or a fenced block that begins on a new line."""
    if words.splitlines() in ([], [words]):
        return f' "{words}"'
    longest = max((len(run) for run in re.findall("`+", words)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n{fence}\n{words}\n{fence}"
