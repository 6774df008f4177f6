"""Run the tests under every other supported Python that this machine has, each in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
PROBE = "import sys, venv; print('%d.%d' % sys.version_info[:2])"


def find(version: str) -> str | None:
    """Return a working interpreter of that version: on the path, or where pyenv and uv keep theirs."""
    home = Path.home()
    kept = [home / ".pyenv" / "versions", home / ".local" / "share" / "uv" / "python"]
    candidates = [shutil.which(f"python{version}")]
    candidates += [str(path) for place in kept for path in sorted(place.glob(f"*{version}*/bin/python{version}"))]
    return next((candidate for candidate in candidates if candidate and works(candidate, version)), None)


def works(interpreter: str, version: str) -> bool:
    """Return whether an interpreter starts, is of that version, and can make virtual environments."""
    try:
        done = subprocess.run([interpreter, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def run_tests(interpreter: str, version: str) -> int:
    """Install the project without the extras that take long, and run the tests; those that need an extra skip."""
    place = Path(f".venv-{version}")
    python = str(place / "bin" / "python")
    made = place / ".made"
    if not made.exists() or made.stat().st_mtime < Path("pyproject.toml").stat().st_mtime:
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([interpreter, "-m", "venv", str(place)], check=True)
        subprocess.run([*pip, "pip>=25.1"], check=True)
        subprocess.run([*pip, "--editable", ".[testing,redis]", "--group", "test"], check=True)
        made.touch()
    pytest = [python, "-m", "pytest", "--numprocesses", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if name != "SOTOPIA_CI"}  # extras are absent here
    return subprocess.run(pytest, check=False, env=environment).returncode


def main() -> int:
    """Test under each interpreter found; return the first failure's status."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    worst = 0
    for version in SUPPORTED:
        if version == here:
            continue
        interpreter = find(version)
        if interpreter is None:
            print(f"Python {version}: not found here, not tested", flush=True)
            continue
        print(f"Python {version}: {interpreter}", flush=True)
        worst = worst or run_tests(interpreter, version)
    return worst


if __name__ == "__main__":
    sys.exit(main())
