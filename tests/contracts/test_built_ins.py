"""Every built-in component keeps the contract of its kind, by the suites that plugin authors use."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from sotopia_agents import human
from sotopia_agents.human import HumanAgent
from sotopia_agents.llm import LLMAgent
from sotopia_agents.scripted import ScriptedAgent
from sotopia_core.plugins import CORE
from sotopia_core.profiles import EnvAgentComboStorage, Pool, RelationshipProfile, RelationshipType
from sotopia_core.registry import Registry
from sotopia_evaluators.dimensions import GoalDimension, SotopiaDimensions
from sotopia_evaluators.judge import ReachGoalLLMEvaluator
from sotopia_evaluators.rules import RuleBasedTerminatedEvaluator
from sotopia_models.litellm import LiteLLM
from sotopia_models.offline import Offline
from sotopia_models.openai_compatible import OpenAICompatible
from sotopia_orderings.random_order import Random
from sotopia_orderings.round_robin import RoundRobin
from sotopia_orderings.simultaneous import Simultaneous
from sotopia_packs.plugin import sotopia_packs
from sotopia_samplers.constrained import ConstraintBasedSampler
from sotopia_samplers.stored import CombosSampler
from sotopia_samplers.uniform import UniformSampler
from sotopia_testing import casts
from sotopia_testing.agents import AgentContract
from sotopia_testing.chat_server import ChatServer
from sotopia_testing.dimensions import DimensionsContract
from sotopia_testing.models import ModelContract
from sotopia_testing.orderings import OrderingContract
from sotopia_testing.packs import PackContract
from sotopia_testing.plugins import PluginContract
from sotopia_testing.response_evaluators import ResponseEvaluatorContract
from sotopia_testing.samplers import SamplerContract
from sotopia_testing.scripted_model import ScriptedModel
from sotopia_testing.terminal_evaluators import TerminalEvaluatorContract

TESTS = Path(__file__).parents[1]
BUILT_IN = [plugin for plugin in Registry.installed().plugins if plugin.distribution == CORE]


class TestLLMAgent(AgentContract):
    @pytest.fixture
    def agent(self):
        return LLMAgent(model="offline", memory=4)


class TestScriptedAgent(AgentContract):
    @pytest.fixture
    def agent(self):
        return ScriptedAgent(actions=("Hello!", {"action_type": "action", "argument": "waves"}), then="repeat")


class TestHumanAgent(AgentContract):
    repeatable = False

    @pytest.fixture
    def agent(self, monkeypatch):
        async def typed():
            return "1"

        monkeypatch.setattr(human.TERMINAL, "line", typed)
        return HumanAgent()


@pytest.mark.parametrize("built_in", [RoundRobin, Random, Simultaneous])
class TestOrderings(OrderingContract):
    @pytest.fixture
    def ordering(self, built_in):
        return built_in()


class TestUniformSampler(SamplerContract):
    @pytest.fixture
    def sampler(self):
        return UniformSampler(size=7)


class TestUniformSamplerWithoutReplacement(SamplerContract):
    @pytest.fixture
    def sampler(self):
        return UniformSampler(size=3, replacement=False)


@pytest.mark.parametrize("replacement", [True, False])
class TestConstraintBasedSampler(SamplerContract):
    @pytest.fixture
    def sampler(self, replacement):
        return ConstraintBasedSampler(size=7, replacement=replacement)

    @pytest.fixture
    def pool(self) -> Pool:
        pool = casts.pool()
        friends = [
            RelationshipProfile(
                pk=f"r-{one.pk}-{other.pk}",
                agent_1_id=one.pk,
                agent_2_id=other.pk,
                relationship=RelationshipType.friend,
            )
            for one, other in combinations(pool.agents, 2)
        ]
        return pool.model_copy(update={"relationships": tuple(friends)})


class TestCombosSampler(SamplerContract):
    @pytest.fixture
    def sampler(self):
        return CombosSampler(shuffle=True, swap=True)

    @pytest.fixture
    def pool(self) -> Pool:
        pool = casts.pool()
        combos = [
            EnvAgentComboStorage(
                pk=f"c{number}",
                env_id=one.pk,
                agent_ids=tuple(agent.pk for agent in pool.agents[number : number + len(one.agent_goals)]),
            )
            for number, one in enumerate(pool.environments)
        ]
        return pool.model_copy(update={"combos": tuple(combos)})


class TestRuleBasedTerminatedEvaluator(ResponseEvaluatorContract):
    @pytest.fixture
    def evaluator(self):
        return RuleBasedTerminatedEvaluator(max_turn_number=5)


@pytest.mark.parametrize("dimensions", [SotopiaDimensions, GoalDimension])
class TestReachGoalLLMEvaluator(TerminalEvaluatorContract):
    @pytest.fixture
    def evaluator(self, dimensions):
        return ReachGoalLLMEvaluator[dimensions](model="offline")


class TestSotopiaDimensions(DimensionsContract):
    @pytest.fixture
    def dimensions(self) -> type[BaseModel]:
        return SotopiaDimensions


class TestGoalDimension(DimensionsContract):
    @pytest.fixture
    def dimensions(self) -> type[BaseModel]:
        return GoalDimension


class TestStarterPack(PackContract):
    @pytest.fixture
    def pack(self):
        return sotopia_packs()[0]


class TestOffline(ModelContract):
    repeatable = True

    @pytest.fixture
    def model(self):
        return Offline()


class TestScriptedModel(ModelContract):
    repeatable = True

    @pytest.fixture
    def model(self):
        return ScriptedModel(replies=lambda request: f"Seed {request.seed}.")

    def test_its_options_come_back_from_a_run_file(self):
        """A script is made in a test, and no run file names it."""

    def test_the_same_options_make_an_equal_component(self):
        """It counts what it was asked."""

    def test_an_unknown_option_is_refused_by_name(self):
        """Its replies are required, and no data."""

    def test_a_wrong_option_is_refused_by_name(self):
        """Its replies are required, and no data."""


@pytest.fixture(scope="module")
def server():
    with ChatServer() as server:
        yield server


class TestOpenAICompatible(ModelContract):
    secret = "sk-not-to-be-seen"

    @pytest.fixture
    def model(self, server, monkeypatch):
        monkeypatch.setenv("CONTRACT_KEY", self.secret)
        return OpenAICompatible(model="stub", base_url=server.url, api_key_env="CONTRACT_KEY")


@pytest.mark.skipif(find_spec("litellm") is None, reason="the extra litellm is missing")
class TestLiteLLM(ModelContract):
    secret = "sk-not-to-be-seen"

    @pytest.fixture
    async def model(self, server, monkeypatch):
        monkeypatch.setenv("CONTRACT_KEY", self.secret)
        model = LiteLLM(model="openai/stub", api_base=server.url, api_key_env="CONTRACT_KEY")
        yield model
        await model.aclose()


@pytest.mark.parametrize("module", [plugin.module for plugin in BUILT_IN])
class TestPlugins(PluginContract):
    @pytest.fixture
    def plugin(self, module) -> ModuleType:
        return importlib.import_module(module)


def test_no_built_in_is_left_out():
    texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")]
    suites = "".join(text for text in texts if "Contract)" in text)
    offered = [offer for offer in Registry.installed().offers if offer.plugin.distribution == CORE]
    tested = {offer.name for offer in offered if re.search(rf"(?:return |\[|, |\(){offer.name}\b", suites)}
    assert {offer.name for offer in offered} - tested == set()
