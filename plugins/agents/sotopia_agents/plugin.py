"""The offers of the agents kit."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl


@hookimpl
def sotopia_agents() -> list[str]:
    """Offer the agents of this kit; none is imported before a run names it."""
    return [
        "sotopia_agents.llm:LLMAgent",
        "sotopia_agents.scripted:ScriptedAgent",
        "sotopia_agents.human:HumanAgent",
        "sotopia_agents.seats.agent:RedisAgent",
    ]
