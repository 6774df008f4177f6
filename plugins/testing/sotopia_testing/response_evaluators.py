"""What every response evaluator must do, as tests that the author of one runs over it."""

# Tests are named by the behaviour they hold an evaluator to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sotopia_core.interfaces import Component, ResponseEvaluator, Transcript, Verdict, model_refs
from sotopia_testing.casts import Silent, context, marks, transcripts, with_options
from sotopia_testing.components import ComponentContract, stopped, with_longest_pause


class ResponseEvaluatorContract(ComponentContract):
    """Tests of what a response evaluator must do: subclass it, and give it an ``evaluator``.

    ::

        class TestBored(ResponseEvaluatorContract):
            @pytest.fixture
            def evaluator(self) -> Bored:
                return Bored()

    An evaluator that looks for something special overrides the fixture ``scenes``, the interactions to judge.
    """

    @pytest.fixture
    def evaluator(self) -> ResponseEvaluator:
        """The evaluator under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'evaluator' that returns the one to test")

    @pytest.fixture
    def component(self, evaluator: ResponseEvaluator) -> Component:
        return evaluator

    @pytest.fixture
    def scenes(self) -> Sequence[Transcript]:
        """The interactions to judge."""
        return transcripts()

    def test_it_gives_verdicts(self, evaluator: ResponseEvaluator, scenes: Sequence[Transcript]) -> None:
        for verdict in self._verdicts(evaluator, scenes):
            assert type(verdict) is Verdict, f"it gave {verdict!r}, which is no Verdict"
            assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict

    def test_the_same_seed_repeats_the_same_verdict(
        self, evaluator: ResponseEvaluator, scenes: Sequence[Transcript]
    ) -> None:
        once, again = (self._verdicts(with_options(evaluator), scenes) for _ in range(2))
        assert once == again, "it judges otherwise the second time"

    def test_episodes_share_nothing(self, evaluator: ResponseEvaluator, scenes: Sequence[Transcript]) -> None:
        async def at_once() -> list[Verdict]:
            return await asyncio.gather(*(self._judged(evaluator, scene) for scene in reversed(scenes)))

        alone = [asyncio.run(self._judged(with_options(evaluator), scene)) for scene in scenes]
        assert asyncio.run(at_once())[::-1] == alone, "it judges otherwise beside other episodes"

    def test_its_comments_give_no_goal_or_secret_away(
        self, evaluator: ResponseEvaluator, scenes: Sequence[Transcript]
    ) -> None:
        words = {word for episode in range(8) for seat in range(4) for word in marks(episode, seat)}
        for verdict in self._verdicts(evaluator, scenes):
            assert not [word for word in words if word in verdict.comments], "its comments are shown to everybody"

    def test_it_lets_others_go_on(self, evaluator: ResponseEvaluator, scenes: Sequence[Transcript]) -> None:
        async def watched() -> float:
            return max([(await with_longest_pause(lambda s=one: self._judged(evaluator, s)))[1] for one in scenes])  # type: ignore[misc]

        pause = asyncio.run(watched())
        assert pause < self.seconds_of_standstill, f"nothing else could go on for {pause:.1f} s; await, do not wait"

    def test_it_stops_when_it_is_cancelled(self, evaluator: ResponseEvaluator, scenes: Sequence[Transcript]) -> None:
        asked = with_options(evaluator, **{option: Silent() for option in model_refs(evaluator)})

        async def cancelled() -> bool:
            return await stopped(self._judged(asked, scenes[-1]), after=0.05, within=self.seconds_to_stop)

        assert asyncio.run(cancelled()), "it goes on after it was cancelled"

    def _verdicts(self, evaluator: ResponseEvaluator, scenes: Sequence[Transcript]) -> list[Verdict]:
        return [asyncio.run(self._judged(evaluator, scene)) for scene in scenes]

    async def _judged(self, evaluator: ResponseEvaluator, scene: Transcript) -> Verdict:
        return await evaluator.evaluate(scene, context(scene, self.find_model, seed=4))
