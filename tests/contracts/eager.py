"""A plugin module that imports its component at once, though it offers it by reference."""

from sotopia_core.hookspecs import hookimpl
from tests.contracts import imported_early

assert imported_early


@hookimpl
def sotopia_agents() -> list[str]:
    return ["tests.contracts.imported_early:Late"]
