"""Python's search for unreachable cycles, made rarer while a run plays: it looks at everything that is in play."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 20_000
YOUNG_AN_EPISODE: Final = 200
"""How many more objects there are than at the last search before the young ones are searched, and how many for each
episode in play. Python's own is 700.

Episodes in play hold hundreds of values each, which are frozen and so in no cycle. Looking at them over and over took a
third of a run's time.
"""


@contextmanager
def rare_collections(in_play: int) -> Iterator[None]:
    """Search for cycles less often inside the ``with`` block, while so many episodes are in play at a time.

    Where the process searches more rarely, it is left so.
    """
    young, *older = gc.get_threshold()
    rare = YOUNG + YOUNG_AN_EPISODE * in_play
    if not 0 < young < rare:
        yield
        return
    gc.set_threshold(rare, *older)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)
