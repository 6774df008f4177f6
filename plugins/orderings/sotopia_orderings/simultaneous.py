"""Everybody in every turn."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sotopia_core.interfaces import Ordering, Transcript


class Simultaneous(Ordering):
    """Let all who remain act at once: none of them sees what the others do before the next turn."""

    def in_turn(self, transcript: Transcript, random: Random) -> Sequence[str]:
        """Return all who remain, in the order of the seats."""
        return transcript.remaining
