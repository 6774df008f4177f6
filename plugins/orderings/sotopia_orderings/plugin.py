"""What this kit offers to the registry."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl


@hookimpl
def sotopia_orderings() -> list[str]:
    """Offer the three built-in orderings."""
    return [
        "sotopia_orderings.round_robin:RoundRobin",
        "sotopia_orderings.random_order:Random",
        "sotopia_orderings.simultaneous:Simultaneous",
    ]
