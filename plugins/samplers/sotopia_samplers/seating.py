"""What samplers share: which scenarios they may draw, and how a combo is made, or why it cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from sotopia_core.errors import InputError
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, Pool
from sotopia_core.records import Record

R = TypeVar("R", bound=Record)


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


def scenarios_for(pool: Pool, seats: int | None) -> list[EnvironmentProfile]:
    """Return the scenarios that seat so many, or any number that can interact, by pk; ``InputError`` where none do."""
    if not pool.environments:
        raise InputError(f"{pool.source} has no scenarios")
    environments = by_pk(pool.environments)
    if seats is None:
        fitting = [environment for environment in environments if len(environment.agent_goals) >= Combo.MINIMUM]
        wanted = f"{Combo.MINIMUM} goals or more"
    else:
        fitting = [environment for environment in environments if len(environment.agent_goals) == seats]
        wanted = f"{seats} goals"
    if not fitting:
        there = numbers(len(environment.agent_goals) for environment in environments)
        raise InputError(f"no scenario in {pool.source} has {wanted}; they have {there}")
    return fitting


def by_pk(records: Sequence[R]) -> list[R]:
    """Return the records in the order of their pks, each once, so that no draw depends on how they were read."""
    unique = {record.pk: record for record in records}
    return [unique[pk] for pk in sorted(unique)]


def numbers(found: Iterable[int]) -> str:
    """List the numbers that occur, each once: ``2, 3 or 6``."""
    *others, last = sorted(set(found))
    return f"{', '.join(map(str, others))} or {last}" if others else str(last)
