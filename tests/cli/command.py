"""The command line in a process of its own, as a person meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SHARED = ROOT.parent / "shared" / "data"
COMMAND = [sys.executable, "-m", "sotopia_core.cli.app"]


def environment(**extra: str) -> dict[str, str]:
    """The environment of this process without what would steer the command line."""
    cleared = {k: v for k, v in os.environ.items() if k not in ("SOTOPIA_STORAGE", "REDIS_OM_URL", "OPENAI_API_KEY")}
    return {**cleared, **extra}


def sotopia(
    *arguments: object, cwd: Path, timeout: float = 120, env: Mapping[str, str] | None = None, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run ``sotopia`` and return what it printed and its exit status."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=environment(**(env or {})),
        **options,
    )
