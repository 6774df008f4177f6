"""What Python code may say is to be played: combos, stored ones, or scenarios with their casts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from sotopia_core.database.current import existing_store
from sotopia_core.errors import ConfigError, InputError, NotFoundError
from sotopia_core.profiles import AgentProfile, Combo, EnvAgentComboStorage, EnvironmentProfile
from sotopia_core.records import Record
from sotopia_core.server.arguments import found
from sotopia_core.wording import explain

R = TypeVar("R", bound=Record)

ComboLike = Combo | EnvAgentComboStorage | tuple[EnvironmentProfile, Sequence[AgentProfile]]
"""What to play: a combo; a stored combo, whose profiles are looked up in the store in use; or a scenario with its cast,
``(scenario, [character, ...])``, one character for each goal."""


def combo_of(given: Any, where: str) -> Combo:
    """Make a combo of whatever says what to play; ``InputError`` says, with the place, why that cannot be."""
    match given:
        case Combo():
            return given
        case EnvAgentComboStorage():
            return _looked_up(given, where)
        case (EnvironmentProfile() as environment, [*agents]) if all(isinstance(one, AgentProfile) for one in agents):
            return _seated(environment, agents, where)
    expected = "a Combo, an EnvAgentComboStorage or a pair (EnvironmentProfile, [AgentProfile, ...])"
    raise ConfigError(f"{where}: expected {expected}, found {found(given)}")


def _looked_up(stored: EnvAgentComboStorage, where: str) -> Combo:
    store = existing_store()
    if store is None:
        raise InputError(f"{where}: combo {stored.pk} names its profiles by pk, and there is no store to find them in")

    def find(kind: type[R], what: str, pk: str) -> R:
        try:
            return store.get(kind, pk)
        except NotFoundError:
            raise InputError(f"{where}: combo {stored.pk} names the {what} {pk}, which is not in the store") from None

    environment = find(EnvironmentProfile, "scenario", stored.env_id)
    agents = [find(AgentProfile, "character", pk) for pk in stored.agent_ids]
    return _seated(environment, agents, where, stored.pk)


def _seated(
    environment: EnvironmentProfile, agents: Iterable[AgentProfile], where: str, pk: str | None = None
) -> Combo:
    try:
        return Combo(environment=environment, agents=tuple(agents), pk=pk)
    except ValidationError as error:
        raise InputError(f"{where}: {explain(error, Combo)}") from None
