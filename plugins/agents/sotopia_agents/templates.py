"""Prompt templates: the kit's own and custom ones, read, checked, compiled once a process, and rendered.

Templates are Jinja with its own defaults about white space, except that an undefined variable is an error. They run in
Jinja's sandbox, since a template is data that may come with somebody else's run file. Text reaches a template only as
the value of a variable, and so is never read as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from traceback import extract_tb

from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.nodes import Name
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sotopia_core.errors import one_line

JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
# A prompt depends on what its agent knows, and never on chance.
del JINJA.globals["lipsum"], JINJA.filters["random"]


@cache
def packaged(name: str) -> str:
    """Return the text of the kit's own template of that name."""
    return files("sotopia_agents").joinpath("prompts", f"{name}.jinja").read_text(encoding="utf-8")


def read(path: Path) -> str:
    """Return the text of a custom template; ``ValueError`` names the file and says why it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot read {path}: it is not UTF-8 text") from error


def check(source: str, where: str, sample: Mapping[str, object]) -> None:
    """Raise ``ValueError`` unless the template is valid and renders with the sample, which holds every variable.

    The message names ``where`` and the line.
    """
    try:
        tree = JINJA.parse(source)
        unknown = find_undeclared_variables(tree) - set(sample) - set(JINJA.globals)
        compiled(source)
    except TemplateSyntaxError as error:
        message = " ".join((error.message or "invalid syntax").split())
        raise ValueError(f"{where}, line {error.lineno}: {message}") from error
    for name in tree.find_all(Name):
        if name.name in unknown:
            known = ", ".join(sorted(sample))
            raise ValueError(f"{where}, line {name.lineno}: no variable is called {name.name!r}; there are {known}")
    render(source, where, sample)


def render(source: str, where: str, variables: Mapping[str, object]) -> str:
    """Render a template; ``ValueError`` names ``where`` and the line that cannot be rendered with these variables."""
    try:
        return compiled(source).render(variables)
    except Exception as error:  # a template can fail in as many ways as a program
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == "<template>"]
        line = f", line {lines[-1]}" if lines else ""
        raise ValueError(f"{where}{line}: {one_line(error)}") from error


@cache
def macro(template: str, name: str) -> Callable[..., str]:
    """Return a macro of one of the kit's own templates; these need no sandbox, in which each name costs a check."""
    # No escaping: the text goes to a model, which reads it as it stands, and not to a browser.
    plain = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701
    found: Callable[..., str] = getattr(plain.from_string(packaged(template)).module, name)
    return found


@lru_cache(maxsize=64)
def compiled(source: str) -> Template:
    """Return the compiled template, the same for the same text."""
    return _compiled(JINJA, source)


def _compiled(environment: Environment, source: str) -> Template:
    # With globals of its own a template need not merge the environment's at each rendering.
    return environment.template_class.from_code(environment, environment.compile(source), dict(environment.globals))
