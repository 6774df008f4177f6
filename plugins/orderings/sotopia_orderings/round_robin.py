"""One agent a turn, in the order of the seats."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sotopia_core.interfaces import Ordering, Transcript


class RoundRobin(Ordering):
    """Go through the seats in order, the first seat first, skipping those who left."""

    def in_turn(self, transcript: Transcript, random: Random) -> Sequence[str]:
        """Return the next who remains after the seat that acted last; nobody where nobody remains."""
        names = transcript.names
        start = names.index(transcript.events[-1].sender) + 1 if transcript.events else 0
        following = (*names[start:], *names[:start])
        return [name for name in following if name not in transcript.left][:1]
