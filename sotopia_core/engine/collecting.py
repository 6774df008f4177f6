"""Python's search for unreachable cycles, made rarer while a run plays: it looks at everything that is in play."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 20_000
"""How many more objects there are than at the last search before the young ones are searched; Python's own is 700.

Episodes in play hold tens of thousands of values that are frozen and so in no cycle. Looking at them over and over took
a third of a run's time with hundreds of episodes in play, and more with more.
"""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Search for cycles less often inside the ``with`` block; where the process searches more rarely, leave it so."""
    young, *older = gc.get_threshold()
    if not 0 < young < YOUNG:
        yield
        return
    gc.set_threshold(YOUNG, *older)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)
