"""Who an agent that is asked to act can still address."""

from __future__ import annotations

from sotopia_core.interfaces import Seat
from sotopia_core.messages import Observation


def others_present(seat: Seat, observation: Observation) -> tuple[str, ...]:
    """Return the names of the others who have not left, in the order of their seats."""
    # Who is asked has not left, so an empty list is one that nobody filled in.
    remaining = observation.remaining or seat.background.names
    return tuple(name for name in remaining if name != seat.name)
