"""The marks that authors put into scenarios and goals to say who may read a passage.

``<extra_info>``, ``<clarification_hint>`` and ``<strategy_hint>`` hold what belongs to the owner of a goal;
``<p viewer="agent_0">`` is for the agent in that seat (0-based), ``<p viewer="environment">`` for the judge alone.
Marks are read in author text only, once, when an episode begins. Whatever is not a well-formed mark is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

Viewer = int | Literal["environment"]
"""A seat, from 0, or the judge."""

JUDGE: Final[Viewer] = "environment"
OWNERS_MARKS: Final = ("extra_info", "clarification_hint", "strategy_hint")

_TOKEN = re.compile(
    rf"""<(?P<close>/)?(?:(?P<owners>{"|".join(OWNERS_MARKS)})|(?P<p>p)(?P<attributes>(?:\s[^<>]*)?))\s*>"""
)
_LIKE_A_MARK = re.compile(r"(</?[a-z_]+[^<>]*>)")
_VIEWER = re.compile(r"""\s*viewer\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')\s*""")
_SEAT = re.compile(r"agent_(\d{1,4})")


@dataclass(slots=True)
class _Passage:
    """A passage between two marks, or the whole text; ``opening`` is the mark as it was written."""

    opening: str = ""
    name: str = ""
    viewer: Viewer | None = None
    content: list[_Passage | str] = field(default_factory=list)


def resolve(text: str, viewer: Viewer, owner: int | None = None) -> str:
    """Return the text as one viewer may read it, without marks.

    ``owner`` is the seat whose goal the text is, None for a scenario. The judge reads everything; the owner's marks
    are open to everyone in a scenario and to the owner alone in a goal.
    """
    if "<" not in text:
        return text
    return "".join(_read(_parse(text)[0], viewer, owner))


def apart(text: str) -> str:
    """Return the text with line breaks around what looks like a mark, so that passages do not run together."""
    return _LIKE_A_MARK.sub(r"\n\1\n", text)


def problems(text: str) -> list[str]:
    """Say what is malformed in a text's marks: a line for each mark that does not pair up, or names no viewer."""
    return _parse(text)[1]


def _read(passage: _Passage, viewer: Viewer, owner: int | None) -> list[str]:
    parts: list[str] = []
    for piece in passage.content:
        if isinstance(piece, str):
            parts.append(piece)
        elif _may_read(piece, viewer, owner):
            parts.extend(_read(piece, viewer, owner))
    return parts


def _may_read(passage: _Passage, viewer: Viewer, owner: int | None) -> bool:
    if viewer == JUDGE:
        return True
    if passage.name == "p":
        return passage.viewer == viewer
    return owner is None or owner == viewer


def _parse(text: str) -> tuple[_Passage, list[str]]:
    """Read the passages and what is wrong with them. A mark that does not pair up stays in the text, as written."""
    stack = [_Passage()]
    wrong: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        stack[-1].content.append(text[end : token.start()])
        end = token.end()
        name = token["owners"] or "p"
        if token["close"]:
            _close(stack, name, token[0], wrong)
        elif name == "p" and (viewer := _viewer(token["attributes"])) is None:
            wrong.append(f'{token[0]}: expected viewer="agent_N" (N from 0) or viewer="environment"')
            stack[-1].content.append(token[0])
        else:
            stack.append(_Passage(token[0], name, viewer if name == "p" else None))
    stack[-1].content.append(text[end:])
    while len(stack) > 1:
        _unpaired(stack, wrong)
    return stack[0], wrong


def _viewer(attributes: str) -> Viewer | None:
    found = _VIEWER.fullmatch(attributes)
    if found is None:
        return None
    named = found["double"] if found["double"] is not None else found["single"]
    if named == JUDGE:
        return JUDGE
    seat = _SEAT.fullmatch(named)
    return int(seat[1]) if seat else None


def _close(stack: list[_Passage], name: str, written: str, wrong: list[str]) -> None:
    if name not in [passage.name for passage in stack]:
        wrong.append(f"{written}: nothing to close")
        stack[-1].content.append(written)
        return
    while stack[-1].name != name:
        _unpaired(stack, wrong)
    passage = stack.pop()
    stack[-1].content.append(passage)


def _unpaired(stack: list[_Passage], wrong: list[str]) -> None:
    passage = stack.pop()
    wrong.append(f"{passage.opening}: never closed")
    stack[-1].content.extend([passage.opening, *passage.content])
