"""The documentation as data: its pages, their code blocks and their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?$")
_COMMENT = re.compile(r"^<!-- (?P<text>.*) -->$")


@dataclass(frozen=True)
class Block:
    """A fenced code block. ``note`` is the HTML comment on the line before it, an instruction to the tests."""

    line: int
    language: str
    title: str
    note: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    opened: tuple[int, re.Match[str]] | None = None
    note, before = "", ""
    inside: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            comment = _COMMENT.match(before)
            opened, note, inside = (number, fence), comment["text"] if comment else "", []
        elif opened is not None and line == "```":
            at, fence = opened
            yield Block(at, fence["language"], fence["title"] or "", note, "\n".join(inside) + "\n")
            opened = None
        elif opened is not None:
            inside.append(line)
        before = line
    assert opened is None, f"{page}: the block at line {opened[0] if opened else 0} is never closed"


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    kept, inside = [], False
    for line in page.read_text(encoding="utf-8").split("\n"):
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def section(page: Path, heading: str) -> str:
    """Return what stands under a heading, sub-sections included."""
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{page.name} has no heading {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as both MkDocs and forges make them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles)
    return {re.sub(r"[-\s]+", "-", title) for title in plain}
