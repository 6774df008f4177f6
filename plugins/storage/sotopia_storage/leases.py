"""What a lease may be, for the stores of this kit."""

from __future__ import annotations

import time

from sotopia_core.errors import StorageError


def lease_times(name: str, seconds: float) -> tuple[float, float]:
    """Return the time now and when a lease taken now expires, in seconds since the epoch, by the wall clock.

    The wall clock is what processes share. ``StorageError`` unless ``seconds`` is more than 0.
    """
    if not seconds > 0:
        raise StorageError(f"the lease {name!r} was asked for {seconds} seconds; it must be more than 0")
    now = time.time()
    return now, now + seconds
