"""The scenarios of the pack: what a goal tells its agent is what the evaluator computes with."""

import json
from decimal import Decimal

from sotopia_bargaining.agent import LIMIT
from sotopia_bargaining.plugin import sotopia_packs
from sotopia_bargaining.terms import terms_of

from sotopia_core import EnvironmentProfile


def scenarios() -> list[EnvironmentProfile]:
    """Return the pack's scenarios."""
    (pack,) = sotopia_packs()
    (path,) = [path for path in pack.files if path.name == "scenarios.jsonl"]
    return [EnvironmentProfile.model_validate(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def test_each_goal_states_the_limit_that_the_outcome_is_computed_with() -> None:
    for scenario in scenarios():
        terms = terms_of(scenario.game_metadata or {}, len(scenario.agent_goals))
        for seat, role, limit in ((terms.seller, "sell", terms.lowest), (terms.buyer, "buy", terms.highest)):
            found = LIMIT.search(scenario.agent_goals[seat])
            assert found is not None, scenario.codename
            assert (found["role"], Decimal(found["limit"])) == (role, limit), scenario.codename


def test_each_scenario_tells_the_rules_and_nobodys_limit() -> None:
    for scenario in scenarios():
        for line in ("offer: PRICE", "accept: PRICE", "no deal"):
            assert f'"{line}"' in scenario.scenario
        assert not any(character.isdigit() for character in scenario.scenario)
