"""What this kit offers to the registry."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sotopia_core.hookspecs import hookimpl
from sotopia_core.packs import Pack


@hookimpl
def sotopia_packs() -> list[Pack]:
    """Offer the starter pack."""
    folder = Path(str(files("sotopia_packs"))) / "starter"
    return [
        Pack(
            name="starter",
            description="Characters and scenarios to begin with: bargains, favours, secrets, rehearsals and repairs",
            files=tuple(sorted(folder.glob("*.jsonl"))),
        )
    ]
