"""A griffe extension for the reference pages: docstrings, which are written for ``help()``, turned into Markdown."""

from __future__ import annotations

import ast
import re
from textwrap import dedent
from typing import Any, Final

from griffe import Attribute, Docstring, ExprCall, ExprKeyword, Extension, Object

_ROLE: Final = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?\.?([^`]+)`")
_EXAMPLE: Final = re.compile(r"(?P<before>[^\s:])(?P<space> ?)::\n\n(?P<code>(?:(?: {4}.*)?(?:\n|$))+)")


class Markdown(Extension):
    """Rewrites what Markdown does not know, and lets the descriptions of pydantic's fields document them."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of an object, if it has one."""
        if isinstance(obj, Attribute) and obj.docstring is None and (description := field_description(obj)):
            obj.docstring = Docstring(description, parent=obj)
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def field_description(attribute: Attribute) -> str:
    """Return the description in ``Field(..., description="...")``; an empty text where there is none."""
    if not isinstance(attribute.value, ExprCall) or str(attribute.value.function) != "Field":
        return ""
    given = (argument for argument in attribute.value.arguments if isinstance(argument, ExprKeyword))
    return next((str(ast.literal_eval(str(one.value))) for one in given if one.name == "description"), "")


def as_markdown(docstring: str) -> str:
    """Return a docstring with cross-reference roles as code, and examples after a double colon as fenced blocks."""
    return _EXAMPLE.sub(_fenced, _ROLE.sub(r"`\1`", docstring))


def _fenced(example: re.Match[str]) -> str:
    code = dedent(example["code"]).strip("\n")
    colon = "" if example["space"] else ":"
    return f"{example['before']}{colon}\n\n```python\n{code}\n```\n\n"
