"""The third-party example passes its own tests and mypy --strict, as a distribution of its own would."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.docs.pages import ROOT

EXAMPLE = ROOT / "examples" / "sotopia-bargaining"


def run(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE), "MYPYPATH": str(EXAMPLE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_pass():
    assert "skipped" not in run("pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed here")
def test_it_is_typed_strictly(tmp_path):
    run("mypy", "--cache-dir", str(tmp_path))


def test_it_imports_the_kernel_and_no_kit():
    for path in (EXAMPLE / "sotopia_bargaining").glob("*.py"):
        imports = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(("from ", "import "))
        ]
        ours = {line.split()[1].partition(".")[0] for line in imports if line.split()[1].startswith("sotopia_")}
        assert ours <= {"sotopia_core", "sotopia_bargaining"}, path.name
