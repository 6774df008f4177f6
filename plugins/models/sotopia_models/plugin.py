"""What the models kit offers."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Model


@hookimpl
def sotopia_models() -> list[str | type[Model]]:
    """Offer the models that ship with Sotopia."""
    return ["sotopia_models.litellm:LiteLLM [litellm]", "sotopia_models.offline:Offline"]
