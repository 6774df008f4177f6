"""The installed samplers under their documented import path: ``from sotopia_core.samplers import UniformSampler``."""

from __future__ import annotations

from typing import Any

from sotopia_core.errors import UnknownComponentError
from sotopia_core.interfaces import Sampler
from sotopia_core.registry import Registry


def __getattr__(name: str) -> Any:
    # Any, since a type checker would hold a sampler's own options against those of ``Sampler``, which has none.
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return Registry.installed().component("samplers", name, Sampler)
    except UnknownComponentError as error:
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    return Registry.installed().names("samplers")
