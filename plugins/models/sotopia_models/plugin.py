"""What the models kit offers."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl


@hookimpl
def sotopia_models() -> list[str]:
    """Offer the models that ship with Sotopia."""
    return [
        "sotopia_models.litellm:LiteLLM [litellm]",
        "sotopia_models.openai_compatible:OpenAICompatible [http]",
        "sotopia_models.offline:Offline",
    ]
