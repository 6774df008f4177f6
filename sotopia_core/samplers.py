"""The installed samplers under their documented import path: ``from sotopia_core.samplers import UniformSampler``."""

from __future__ import annotations

from sotopia_core.errors import UnknownComponentError
from sotopia_core.interfaces import Sampler
from sotopia_core.registry import Registry


def __getattr__(name: str) -> type[Sampler]:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return Registry.installed().component("samplers", name, Sampler)
    except UnknownComponentError as error:
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    return Registry.installed().names("samplers")
