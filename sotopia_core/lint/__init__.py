"""What is probably wrong with profiles and scenarios: rules, each a small function over all that is linted."""

from sotopia_core.lint.finding import Finding, Rule, Severity
from sotopia_core.lint.reading import read_files, read_store
from sotopia_core.lint.rules import RULES, lint
from sotopia_core.lint.subjects import Subjects

__all__ = ["RULES", "Finding", "Rule", "Severity", "Subjects", "lint", "read_files", "read_store"]
