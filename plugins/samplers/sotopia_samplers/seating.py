"""How samplers make a combo, and say why they cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from sotopia_core.errors import InputError
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, Pool


def seat(
    pool: Pool, environment: EnvironmentProfile, agents: Sequence[AgentProfile], stored: str | None = None
) -> Combo:
    """Seat agents in a scenario; ``stored`` is the pk of the combo that says so. ``InputError`` if they do not fit."""
    try:
        return pool.combo(environment, agents, stored)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        text = str(problem["ctx"]["error"]) if "error" in problem.get("ctx", {}) else problem["msg"]
        raise InputError(f"combo {stored} cannot be played: {text}" if stored else text) from error


def numbers(found: Iterable[int]) -> str:
    """List the numbers that occur, each once: ``2, 3 or 6``."""
    *others, last = sorted(set(found))
    return f"{', '.join(map(str, others))} or {last}" if others else str(last)
