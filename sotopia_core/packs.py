"""What a plugin brings as a pack: files of characters and scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pack:
    """Characters and scenarios that a plugin brings: a name, a sentence, and files of records."""

    name: str
    description: str
    files: tuple[Path, ...] = ()
