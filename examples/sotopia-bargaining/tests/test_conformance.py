"""All that the plugin offers, held against the conformance suites."""

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

import pytest
from pydantic import BaseModel
from sotopia_bargaining import plugin as module
from sotopia_bargaining.agent import Bargainer
from sotopia_bargaining.dimensions import BargainDimensions
from sotopia_bargaining.evaluator import BargainEvaluator

from sotopia_core import AgentAction, Combo, Event, Pack, Transcript
from sotopia_testing.agents import AgentContract
from sotopia_testing.casts import transcript, transcripts
from sotopia_testing.dimensions import DimensionsContract
from sotopia_testing.packs import PackContract
from sotopia_testing.plugins import PluginContract
from sotopia_testing.terminal_evaluators import TerminalEvaluatorContract

GAME = {"bargain": {"lowest": 540, "highest": 600}}


class TestPlugin(PluginContract):
    @pytest.fixture
    def plugin(self) -> ModuleType:
        return module


class TestBargainer(AgentContract):
    turns = 14

    @pytest.fixture
    def agent(self) -> Bargainer:
        return Bargainer()

    def cast(self, seats: int = 2, episode: int = 0) -> Combo:
        combo = super().cast(seats, episode)
        sides = ["You sell the loom. Your limit is 540."] + ["You buy the loom. Your limit is 600."] * (seats - 1)
        goals = tuple(f"{side} {goal}" for side, goal in zip(sides, combo.environment.agent_goals, strict=True))
        return combo.model_copy(update={"environment": combo.environment.model_copy(update={"agent_goals": goals})})


class TestBargainerWithoutALimit(AgentContract):
    @pytest.fixture
    def agent(self) -> Bargainer:
        return Bargainer()


class TestBargainEvaluator(TerminalEvaluatorContract):
    @pytest.fixture
    def evaluator(self) -> BargainEvaluator:
        return BargainEvaluator()

    @pytest.fixture
    def scenes(self) -> Sequence[Transcript]:
        return [*transcripts(), bargained("offer: 590", "accept: 590"), bargained("offer: 590", "no deal")]


class TestBargainDimensions(DimensionsContract):
    @pytest.fixture
    def dimensions(self) -> type[BaseModel]:
        return BargainDimensions


class TestBargains(PackContract):
    @pytest.fixture
    def pack(self) -> Pack:
        (pack,) = module.sotopia_packs()
        return pack


def bargained(*said: str) -> Transcript:
    """Return an interaction of two, who say these lines in turn."""
    scene = transcript(2, 0)
    events = tuple(
        Event(turn=turn, sender=scene.names[turn % 2], action=AgentAction(action_type="speak", argument=words))
        for turn, words in enumerate(said)
    )
    return replace(scene, events=events, turn=len(events), game_metadata=GAME)
