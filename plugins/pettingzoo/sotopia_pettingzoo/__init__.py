"""Sotopia's environment as PettingZoo knows environments: ``from sotopia_pettingzoo import SotopiaParallelEnv``."""

from __future__ import annotations

from sotopia_core.errors import MissingExtraError

try:
    from sotopia_pettingzoo.adapter import SotopiaParallelEnv
    from sotopia_pettingzoo.spaces import AnyText
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f"sotopia_pettingzoo needs {error.name}; run: pip install 'sotopia-core[pettingzoo]'"
    ) from error

__all__ = ["AnyText", "SotopiaParallelEnv"]
