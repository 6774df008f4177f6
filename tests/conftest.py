"""What all tests share: runtime type checks over every first-party package, and no silent skips where all must run."""

import os
import signal
from collections.abc import Generator

import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_packages

beartype_packages(
    (
        "sotopia_core",
        "sotopia_agents",
        "sotopia_analysis",
        "sotopia_evaluators",
        "sotopia_models",
        "sotopia_orderings",
        "sotopia_packs",
        "sotopia_pettingzoo",
        "sotopia_samplers",
        "sotopia_storage",
        "sotopia_testing",
    ),
    conf=BeartypeConf(claw_is_pep526=False),
)

pytest_plugins = ["tests.redis_servers"]

# A shell starts what it runs in the background with Ctrl-C ignored, which the programs under test would inherit.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MAY_BE_SKIPPED = ("shared", "root may write anywhere")
"""What a skip may give as its reason where SOTOPIA_CI is set; any other skip is a failure there."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip that should not be into a failure."""
    report = yield
    if report.skipped and os.environ.get("SOTOPIA_CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(allowed in reason for allowed in MAY_BE_SKIPPED):
            report.outcome = "failed"
            report.longrepr = f"skipped where every test must run: {reason}"
    return report
