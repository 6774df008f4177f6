"""What was found, and in how much, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sotopia_core.lint.finding import Finding
from sotopia_core.lint.subjects import Subjects

_NOUNS: Final = {
    "AgentProfile": ("character", "characters"),
    "EnvironmentProfile": ("scenario", "scenarios"),
    "RelationshipProfile": ("relationship", "relationships"),
    "EnvAgentComboStorage": ("combo", "combos"),
    "EnvironmentList": ("list of scenarios", "lists of scenarios"),
}


def summary(findings: Sequence[Finding], subjects: Subjects) -> str:
    """Return one line: ``1 error, 2 warnings in 40 characters, 90 scenarios``."""
    severities = Counter(finding.severity for finding in findings)
    found = [_count(number, severity, f"{severity}s") for severity, number in sorted(severities.items())]
    kinds = Counter(entry.record.kind() for entry in subjects.entries)
    there = [_count(kinds[kind], *nouns) for kind, nouns in _NOUNS.items() if kinds[kind]]
    return f"{', '.join(found) or 'nothing found'} in {', '.join(there) or 'no records'}"


def document(findings: Sequence[Finding], subjects: Subjects) -> dict[str, Any]:
    """Return findings and counts as JSON values.

    A finding in a file has ``file``, and ``line``, ``record`` (from 1) or ``key`` as far as they tell it apart there.
    """
    severities = Counter(finding.severity for finding in findings)
    kinds = Counter(entry.record.kind() for entry in subjects.entries)
    return {
        "errors": severities["error"],
        "warnings": severities["warning"],
        "records": dict(kinds),
        "findings": [_document(finding) for finding in findings],
    }


def _document(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "severity": finding.severity,
        "rule": finding.rule,
        "message": finding.message,
        "file": None if place is None else str(place.path),
        "line": None if place is None else place.line,
        "record": None if place is None else place.entry,
        "key": None if place is None else place.key,
        "kind": finding.kind,
        "pk": finding.pk,
        "name": finding.name,
    }


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
