"""What this kit offers to the registry."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl


@hookimpl
def sotopia_samplers() -> list[str]:
    """Offer the two samplers that draw new combos and the one that plays stored ones."""
    return [
        "sotopia_samplers.uniform:UniformSampler",
        "sotopia_samplers.constrained:ConstraintBasedSampler",
        "sotopia_samplers.stored:CombosSampler",
    ]
