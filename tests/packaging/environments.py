"""Clean virtual environments, into which wheels are installed without a package index."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("PYTHONPATH", "VIRTUAL_ENV", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "SOTOPIA_STORAGE")
BARE = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
# What `make` has downloaded beside the interpreter, so that the tests themselves need no package index.
WHEELHOUSE = Path(sys.prefix) / "wheelhouse"
NEEDS_WHEELHOUSE = pytest.mark.skipif(not WHEELHOUSE.is_dir(), reason=f"{WHEELHOUSE} is missing; make test fills it")
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELHOUSE), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""What makes pip take packages from the wheelhouse alone, also those that a build needs."""


def run(*command, **options):
    """Run a command that must succeed, and return what it printed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(project, folder):
    """Build a project's wheel and return its path."""
    script = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    return folder / run(sys.executable, "-c", script, folder, cwd=project).split()[-1]


def clean_environment(folder, *what):
    """Make a virtual environment, install something in it, and return its interpreter."""
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    pip(python, "install", *what)
    return python


def pip(python, *arguments):
    """Run an environment's pip, which knows the wheelhouse alone."""
    run(python, "-m", "pip", "--isolated", *arguments, "--quiet", *_offline(arguments), env=BARE)


def _offline(arguments):
    return ["--no-index", "--find-links", WHEELHOUSE] if arguments[0] == "install" else []


def plugins_found(python, cwd):
    """Return what an environment's ``sotopia plugins list`` knows."""
    return json.loads(run(python.parent / "sotopia", "plugins", "list", "--json", cwd=cwd, env=BARE))


def site_packages(python):
    """Return where an environment keeps its packages."""
    return Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
