"""A griffe extension for the reference pages: docstrings, which are written for ``help()``, turned into Markdown."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any, Final

from griffe import Extension, Object

_ROLE: Final = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?\.?([^`]+)`")
_EXAMPLE: Final = re.compile(r"(?P<before>[^\s:])(?P<colon> ?)::\n\n(?P<code>(?:(?: {4}.*)?(?:\n|$))+)")


class Markdown(Extension):
    """Rewrites what Markdown does not know: cross-reference roles, and examples that follow a double colon."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of an object, if it has one."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Return a docstring with roles as code and examples as fenced blocks."""
    return _EXAMPLE.sub(_fenced, _ROLE.sub(r"`\1`", docstring))


def _fenced(example: re.Match[str]) -> str:
    code = dedent(example["code"]).strip("\n")
    colon = "" if example["colon"] else ":"
    return f"{example['before']}{colon}\n\n```python\n{code}\n```\n\n"
