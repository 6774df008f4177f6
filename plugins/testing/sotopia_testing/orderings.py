"""What every ordering must do, as tests that the author of an ordering runs over it."""

# Tests are named by the behaviour they hold an ordering to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from sotopia_core.interfaces import Component, Ordering, Transcript
from sotopia_core.messages import AgentAction
from sotopia_testing.casts import cast, environment, transcripts
from sotopia_testing.components import ComponentContract, otherwise_random


class OrderingContract(ComponentContract):
    """Tests of what an ordering must do: subclass it, and give it an ``ordering``.

    ::

        class TestLoudest(OrderingContract):
            @pytest.fixture
            def ordering(self) -> Loudest:
                return Loudest()
    """

    @pytest.fixture
    def ordering(self) -> Ordering:
        """The ordering under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'ordering' that returns the one to test")

    @pytest.fixture
    def component(self, ordering: Ordering) -> Component:
        return ordering

    @pytest.fixture
    def scenes(self) -> Sequence[Transcript]:
        """Interactions in which somebody is asked to go on."""
        return [one for one in transcripts() if one.remaining]

    def test_it_names_some_who_remain_each_once(self, ordering: Ordering, scenes: Sequence[Transcript]) -> None:
        for scene in scenes:
            for seed in range(5):
                chosen = list(ordering.in_turn(scene, Random(seed)))
                assert chosen, f"nobody acts at turn {scene.turn}"
                assert set(chosen) <= set(scene.remaining), f"{chosen} are not all among {scene.remaining}"
                assert len(set(chosen)) == len(chosen), f"{chosen} names somebody twice"

    def test_the_same_generator_repeats_the_same_choice(self, ordering: Ordering, scenes: Sequence[Transcript]) -> None:
        for scene in scenes:
            for seed in range(5):
                once, again = (list(ordering.in_turn(scene, Random(seed))) for _ in range(2))
                assert once == again, "it chooses otherwise the second time"

    def test_it_draws_from_the_generator_it_is_given(self, ordering: Ordering, scenes: Sequence[Transcript]) -> None:
        for scene in scenes:
            choices = {chance: list(ordering.in_turn(scene, Random(1))) for chance in otherwise_random()}
            assert len(set(map(tuple, choices.values()))) == 1, "it draws from the global generator"

    def test_episodes_share_nothing(self, ordering: Ordering, scenes: Sequence[Transcript]) -> None:
        alone = [list(ordering.in_turn(scene, Random(2))) for scene in scenes]
        turned = [list(ordering.in_turn(scene, Random(2))) for scene in reversed(scenes)]
        assert turned == alone[::-1], "it chooses otherwise when it has seen other episodes"

    def test_it_carries_an_episode_to_its_end(self, ordering: Ordering) -> None:
        async def played() -> int:
            env = environment(cast(4, episode=1), 12, self.find_model, ordering=ordering)
            env.reset()
            while not env.done:
                leaving = env.turn in (2, 5)
                kind: AgentAction = AgentAction(action_type="leave") if leaving else AgentAction(action_type="none")
                acting = env.in_turn
                await env.astep(
                    {name: kind if name == acting[0] else AgentAction(action_type="none") for name in acting}
                )
            return env.turn

        assert asyncio.run(played()) > 0
