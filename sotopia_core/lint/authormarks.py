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
_SPEAKING = ("info", "hint", "viewer")


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
            for tag in dict.fromkeys(found[0] for found in _TAG.finditer(text) if _looks_like_a_mark(found)):
                meant = _meant(tag)
                hint = f"did you mean {meant}?" if meant else f"marks are <p viewer=…>, <{'>, <'.join(OWNERS_MARKS)}>"
                yield entry, f"{where}: {tag} is no mark, so the passage is for everybody who reads the text; {hint}"


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
    name = tag["name"].casefold()
    return any(word in name or word in tag["rest"].casefold() for word in _SPEAKING) or _meant(tag[0]) is not None


def _meant(written: str) -> str | None:
    """Return the mark that a tag is nearest to, written out; None where it is near none."""
    tag = _TAG.fullmatch(written)
    assert tag is not None
    slash = "/" if written[1:].lstrip().startswith("/") else ""
    name = tag["name"].casefold().replace("-", "_")
    if name == "p" or "viewer" in tag["rest"].casefold():
        return "</p>" if slash else '<p viewer="agent_0">'
    near = get_close_matches(name, OWNERS_MARKS, n=1, cutoff=0.75)
    return f"<{slash}{near[0]}>" if near else None
