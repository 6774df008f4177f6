"""The JSON Schema of run files: what is valid passes, typos do not, and every option is described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import jsonschema
import pytest
import tomli
from pydantic import BaseModel, Field

from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Agent, TerminalEvaluator
from sotopia_core.messages import AgentAction, Observation
from sotopia_core.registry import Registry
from sotopia_core.schema import run_file_schema

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))  # those below belong to plugins with components of their own
STARTER = ROOT / "sotopia_core" / "cli" / "run_file.toml"

D = TypeVar("D", bound=BaseModel)


class Mood(BaseModel):
    """How an agent feels."""

    word: str


class Parrot(Agent):
    """Repeats what it hears.

    Nothing else.
    """

    mood: Mood | None = Field(default=None, description="How it feels")
    volume: int = Field(default=3, ge=0, le=11, description="How loud it is")

    async def aact(self, observation: Observation) -> AgentAction:
        raise NotImplementedError


class Judge(TerminalEvaluator, Generic[D]):
    """Judges."""

    async def evaluate(self, transcript: Any, context: Any) -> Any:
        raise NotImplementedError


class Courtesy(BaseModel):
    """One dimension."""

    tact: Annotated[int, Field(ge=0, le=10)]


class Birds:
    @hookimpl
    def sotopia_agents(self) -> list[Any]:
        return [Parrot, "somewhere.absent:Mime"]

    @hookimpl
    def sotopia_terminal_evaluators(self) -> list[Any]:
        return [Judge, "somewhere.absent:Oracle"]

    @hookimpl
    def sotopia_dimensions(self) -> list[Any]:
        return [Courtesy]


@pytest.fixture(scope="module")
def installed() -> jsonschema.Draft202012Validator:
    return validator(Registry.installed())


@pytest.fixture(scope="module")
def birds() -> jsonschema.Draft202012Validator:
    registry = Registry()
    registry.register(Birds(), "birds", "sotopia-birds")
    return validator(registry)


def validator(registry: Registry) -> jsonschema.Draft202012Validator:
    schema = run_file_schema(registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def read(text: str) -> dict[str, Any]:
    return tomli.loads(text)


def test_the_starter_run_file_is_valid(installed):
    installed.validate(read(STARTER.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid(installed, path):
    document = read(path.read_text(encoding="utf-8"))
    if "agents" not in document:
        pytest.skip(f"{path.name} is no whole run file")
    installed.validate(document)


WHOLE = """
[run]
name = "all"
mode = "omniscient"
[models.judge]
use = "LiteLLM"
model = "openai/gpt-4o"
[[agents]]
use = "sotopia-core:LLMAgent"
model = "offline"
temperature = 1
[[agents]]
use = "sotopia_agents:HumanAgent"
[ordering]
use = "Simultaneous"
[pool]
packs = ["starter"]
[sampler]
use = "UniformSampler"
[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = 4
[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[Courtesy]"
model = "judge"
[dimensions.Courtesy]
extends = "SotopiaDimensions"
tact = { range = [0, 10], rubric = "Tact", weight = 2, integer = false }
[storage]
use = "SQLite"
path = "my.db"
[plugins]
disable = ["somebody"]
"""


def test_all_that_a_run_file_can_say_is_valid(installed):
    installed.validate(read(WHOLE))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('name = "all"', 'nmae = "all"'),
        ('mode = "omniscient"', 'mode = "omnicient"'),
        ('use = "LiteLLM"', 'use = "LiteLM"'),
        ('"sotopia-core:LLMAgent"', '"other-core:LLMAgent"'),
        ("temperature = 1", "temprature = 1"),
        ("temperature = 1", "temperature = 3"),
        ("temperature = 1", 'temperature = "warm"'),
        ('use = "Simultaneous"', 'use = "LLMAgent"'),
        ('packs = ["starter"]', 'packs = ["startr"]'),
        ("[sampler]\nuse", "[sampler]\nues"),
        ("max_turn_number = 4", "max_turn_number = 0"),
        ("[[response_evaluators]]", "[response_evaluators]"),
        ("ReachGoalLLMEvaluator[Courtesy]", "ReachGoalLLMEvaluator"),
        ("ReachGoalLLMEvaluator[Courtesy]", "ReachGoalLLMEvaluater[Courtesy]"),
        ("range = [0, 10]", "range = [0]"),
        ("weight = 2", "wieght = 2"),
        ('path = "my.db"', 'file = "my.db"'),
        ("[plugins]", "[plugin]"),
    ],
)
def test_a_typo_is_not(installed, right, wrong):
    assert WHOLE.count(right) == 1
    with pytest.raises(jsonschema.ValidationError):
        installed.validate(read(WHOLE.replace(right, wrong)))


def test_a_run_file_needs_agents(installed):
    with pytest.raises(jsonschema.ValidationError, match="'agents' is a required property"):
        installed.validate({})


def test_the_options_of_a_component_have_types_defaults_and_descriptions(birds):
    parrot = birds.schema["$defs"]["agents.Parrot"]
    assert parrot["description"] == "Repeats what it hears."
    assert parrot["properties"]["volume"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 11,
        "default": 3,
        "description": "How loud it is",
    }
    birds.validate({"agents": [{"use": "Parrot", "mood": {"word": "cross"}}]})
    with pytest.raises(jsonschema.ValidationError):
        birds.validate({"agents": [{"use": "Parrot", "mood": {"wrod": "cross"}}]})


def test_editors_are_proposed_an_evaluator_with_each_known_dimension_set(installed, birds):
    proposed = birds.schema["$defs"]["terminal_evaluators.Judge"]["properties"]["use"]["anyOf"]
    assert [one["const"] for one in proposed if "const" in one] == ["Judge[Courtesy]"]
    proposed = installed.schema["$defs"]["terminal_evaluators.ReachGoalLLMEvaluator"]["properties"]["use"]["anyOf"]
    assert {"const": "ReachGoalLLMEvaluator[SotopiaDimensions]"} in proposed


def test_of_a_component_that_cannot_be_imported_the_name_is_known_and_any_option_taken(birds):
    mime = birds.schema["$defs"]["agents.Mime"]
    assert "No module named 'somewhere'" in mime["description"]
    birds.validate({"agents": [{"use": "Mime", "whatever": 1}]})
    birds.validate({"agents": [{"use": "Mime"}], "terminal_evaluators": [{"use": "Oracle"}, {"use": "Oracle[Own]"}]})
    with pytest.raises(jsonschema.ValidationError):
        birds.validate({"agents": [{"use": "Mine"}]})


def test_where_two_plugins_offer_one_name_only_the_qualified_one_is_valid():
    registry = Registry()
    registry.register(Birds(), "birds", "sotopia-birds")
    registry.register(Birds(), "more", "more.birds")
    twice = validator(registry)
    twice.validate({"agents": [{"use": "sotopia-birds:Parrot"}, {"use": "more.birds:Parrot", "volume": 2}]})
    for wrong in ("Parrot", "moreXbirds:Parrot"):
        with pytest.raises(jsonschema.ValidationError):
            twice.validate({"agents": [{"use": wrong}]})


def test_a_kind_that_nothing_offers_takes_no_table(birds):
    with pytest.raises(jsonschema.ValidationError):
        birds.validate({"agents": [{"use": "Parrot"}], "ordering": {"use": "RoundRobin"}})


def test_null_which_toml_cannot_say_stands_nowhere(installed):
    def nulls(node: Any) -> bool:
        if isinstance(node, dict):
            return node.get("type") == "null" or any(map(nulls, node.values()))
        return node is None or (isinstance(node, list) and any(map(nulls, node)))

    assert not nulls(installed.schema)
