"""What arguments of Python calls may be, models' names above all, and how they are shown where they are wrong."""

from __future__ import annotations

from typing import Annotated, Any, Final

from beartype.door import is_bearable
from beartype.vale import Is

from sotopia_core.errors import ConfigError, nearest
from sotopia_core.wording import shown

_RESERVED: Final = ("offline", "human", "redis")


WholeNumber = Annotated[int, Is[lambda number: not isinstance(number, bool)]]
"""A number that counts; ``True`` is none, whatever Python says."""


def check_type(where: str, value: object, hint: Any, expected: str) -> None:
    """Raise ``ConfigError``, with the place, unless an argument is of the type that ``hint`` says."""
    if not is_bearable(value, hint):
        raise ConfigError(f"{where}: expected {expected}, found {found(value)}")


def found(value: object) -> str:
    """Show an argument, on one short line, as Python writes it."""
    if value is None or isinstance(value, bool):
        return repr(value)
    return f"the class {value.__name__}" if isinstance(value, type) else shown(value)


def check_model_name(where: str, name: object) -> None:
    """Raise ``ConfigError``, with the place, unless this can be the name of a model."""
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f'{where}: expected a model such as "openai/gpt-4o" or "offline", found {found(name)}')
    if is_bare(name) and (close := nearest(name, _RESERVED)):
        raise ConfigError(f"{where}: no model is called {name!r}{close}")


def is_bare(name: str) -> bool:
    """Whether this is a LiteLLM id without a provider, such as ``gpt-4o``; in run files it would name a table."""
    return "/" not in name and name not in _RESERVED
