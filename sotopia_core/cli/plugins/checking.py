"""``sotopia plugins check``: the conformance suites over a plugin, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

from sotopia_core.cli.layout import GAP, paragraph, text_width
from sotopia_core.cli.output import say, say_json
from sotopia_core.errors import ConfigError, MissingExtraError, PluginError

EXIT_WELL: Final = 0
EXIT_ILL: Final = 1

SECONDS: Final = 900.0
"""How long all suites together may take."""

PROGRAM: Final = "from sotopia_testing.checking import main; main()"
"""Started rather than called: the kernel imports no kit, and what is checked may end its process."""


def say_conformance(target: str, options: Sequence[str], *, as_json: bool) -> int:
    """Print what came of the suites; returns the exit status."""
    if find_spec("pytest") is None or find_spec("pytest_asyncio") is None:
        raise MissingExtraError("it needs pytest, not installed here; run: pip install 'sotopia-core[testing]'")
    reports = _checked(target, options)
    failed = sum(bool(report["failures"]) for report in reports)
    unchecked = sum(bool(report["unchecked"]) for report in reports)
    if as_json:
        say_json({"conforms": not failed and not unchecked, "reports": reports})
    else:
        for report in reports:
            _say_report(report)
        say(_verdict(len(reports), failed, unchecked))
    return EXIT_ILL if failed or unchecked else EXIT_WELL


def _checked(target: str, options: Sequence[str]) -> list[dict[str, Any]]:
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, and a program of our own
            [sys.executable, "-c", PROGRAM, target, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PluginError(target, "being checked", f"the suites did not end within {SECONDS:g} s") from None
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise PluginError(target, "being checked", f"it ended the process with {done.returncode}: {last}") from None
    if "error" in told:
        raise ConfigError(told["error"])
    reports: list[dict[str, Any]] = told["reports"]
    return reports


def _say_report(report: Mapping[str, Any]) -> None:
    kind = str(report["kind"]).replace("_", " ")
    if report["unchecked"]:
        say(paragraph(f"{report['name']} ({kind}): not checked: {report['unchecked']}", rest=GAP, width=text_width()))
        return
    parts = [f"{report['passed']} passed"]
    words = {"failures": "failed", "skipped": "skipped"}
    parts += [f"{len(report[what])} {word}" for what, word in words.items() if report[what]]
    say(f"{report['name']} ({kind}): {', '.join(parts)}")
    for test, cause in report["failures"]:
        say(paragraph(f"{test}: {cause}", first=GAP, rest=GAP * 2, width=text_width()))


def _verdict(count: int, failed: int, unchecked: int) -> str:
    if count == 0:
        return "it offers nothing"
    parts = [f"{failed} of {count} failed"] if failed else []
    parts += [f"{unchecked} of {count} not checked"] if unchecked else []
    return "; ".join(parts) or "it conforms"
