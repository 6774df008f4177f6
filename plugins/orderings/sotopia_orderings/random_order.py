"""One agent a turn, by lot."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random as Generator

from sotopia_core.interfaces import Ordering, Transcript


class Random(Ordering):
    """Draw one of those who remain, each as likely as any other, whoever acted before."""

    def in_turn(self, transcript: Transcript, random: Generator) -> Sequence[str]:
        """Return one who remains, drawn from ``random`` alone; nobody where nobody remains."""
        remaining = transcript.remaining
        return [random.choice(remaining)] if remaining else []
