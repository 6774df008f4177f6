"""What this kit offers to the registry."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl


@hookimpl
def sotopia_samplers() -> list[str]:
    """Offer the sampler that draws new combos and the one that plays stored ones."""
    return [
        "sotopia_samplers.uniform:UniformSampler",
        "sotopia_samplers.stored:CombosSampler",
    ]
