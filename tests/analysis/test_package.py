"""What the package offers to notebooks: every name there is, and each in the reference."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import sotopia_analysis
from tests.cli.command import ROOT

NEEDED = ("numpy", "polars", "scipy", "matplotlib")


def test_every_name_is_in_the_reference_under_the_module_that_holds_it():
    page = (ROOT / "docs" / "analysis-api.md").read_text(encoding="utf-8")
    documented = re.findall(r"^::: sotopia_analysis\.(\w+)\.(\w+)$", page, re.MULTILINE)
    held = [(module, name) for module, names in sotopia_analysis._HOMES.items() for name in names]
    assert sorted(documented) == sorted(held)
    assert sotopia_analysis.__all__ == sorted(name for _, name in held)


def test_every_name_is_there():
    for package in NEEDED:
        pytest.importorskip(package, reason="the extra analysis is not installed")
    for name in sotopia_analysis.__all__:
        assert getattr(sotopia_analysis, name).__doc__
    with pytest.raises(AttributeError, match="module 'sotopia_analysis' has no attribute 'describes'"):
        _ = sotopia_analysis.describes


def test_the_command_line_starts_without_what_the_commands_need():
    script = (
        "import sys, typer, sotopia_core.cli.app\n"
        "from sotopia_core.plugins import PluginHost\n"
        "import sotopia_analysis\n"
        "PluginHost.installed().add_commands(sotopia_core.cli.app.app)\n"
        f"print([name for name in {NEEDED} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
