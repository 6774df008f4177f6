"""Rules for the marks that say who reads a passage of a scenario or a goal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from sotopia_core.lint.finding import Complaint
from sotopia_core.lint.subjects import Subjects
from sotopia_core.marks import OWNERS_MARKS, problems
from sotopia_core.profiles import EnvironmentProfile

_TAG = re.compile(r"<\s*/?\s*(?P<name>[^\W\d][\w-]*)(?P<rest>[^<>]*)>")
_MARK = re.compile(rf"<(?:/?(?:{'|'.join(OWNERS_MARKS)})\s*|/p\s*|p(?:\s[^<>]*)?)>")
_FOR_A_SEAT = re.compile(r"""<p\s+viewer\s*=\s*(["'])agent_(?P<seat>\d{1,4})\1\s*>""")
_SPEAKS_OF_MARKS = re.compile(r"(?:\w+[_-])?(?:info|hint)s?", re.IGNORECASE)
_NAMES_A_VIEWER = re.compile(r"\bviewer\s*=", re.IGNORECASE)


def malformed_mark(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of marks that do not pair up, or that name no viewer: they are read as text, by everybody."""
    for entry in subjects.of(EnvironmentProfile):
        for where, text in _texts(entry.record):
            for problem in problems(text):
                yield entry, f"{where}: {problem}; until it is mended, it is shown as text"


def unknown_mark(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of tags that look like marks and are none."""
    for entry in subjects.of(EnvironmentProfile):
        for where, text in _texts(entry.record):
            suspects = {found[0]: _meant(found) for found in _TAG.finditer(text) if _looks_like_a_mark(found)}
            for tag, meant in suspects.items():
                hint = f"did you mean {meant}?" if meant else f"marks are <p viewer=…>, <{'>, <'.join(OWNERS_MARKS)}>"
                yield entry, f"{where}: {tag} is no mark, and is shown as text; {hint}"


def unknown_seat(subjects: Subjects) -> Iterator[Complaint]:
    """Complain of passages for seats that the scenario does not have: nobody but the judge reads them."""
    for entry in subjects.of(EnvironmentProfile):
        seats = len(entry.record.agent_goals)
        for where, text in _texts(entry.record):
            for found in _FOR_A_SEAT.finditer(text):
                if int(found["seat"]) >= seats:
                    last = f"the seats are agent_0 to agent_{seats - 1}" if seats else "the scenario has no seats"
                    yield entry, f"{where}: {found[0]} is for a seat that is not there; {last}"


def _texts(scenario: EnvironmentProfile) -> Iterator[tuple[str, str]]:
    yield "scenario", scenario.scenario
    for seat, goal in enumerate(scenario.agent_goals):
        yield f"goal of seat {seat}", goal


def _looks_like_a_mark(tag: re.Match[str]) -> bool:
    if _MARK.fullmatch(tag[0]):
        return False
    return _SPEAKS_OF_MARKS.fullmatch(tag["name"]) is not None or _meant(tag) is not None


def _meant(tag: re.Match[str]) -> str | None:
    """Return the mark that a tag is nearest to, written out; None where it is near none."""
    closing = "/" in tag[0].partition(tag["name"])[0]
    name = tag["name"].casefold().replace("-", "_")
    if _NAMES_A_VIEWER.search(tag["rest"]) or (name == "p" and tag["rest"].strip() in ("", "/")):
        return "</p>" if closing else '<p viewer="agent_0">'
    near = get_close_matches(name, OWNERS_MARKS, n=1, cutoff=0.75)
    return f"<{'/' if closing else ''}{near[0]}>" if near else None
