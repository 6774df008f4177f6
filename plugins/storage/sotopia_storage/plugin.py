"""What this kit offers to the registry."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl


@hookimpl
def sotopia_storage() -> list[str]:
    """Offer the store in one file, the store on a server and the store in memory."""
    return [
        "sotopia_storage.sqlite:SQLite",
        "sotopia_storage.redis.storage:Redis",
        "sotopia_storage.memory:Memory",
    ]
