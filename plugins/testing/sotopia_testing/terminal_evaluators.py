"""What every terminal evaluator must do, as tests that the author of one runs over it."""

# Tests are named by the behaviour they hold an evaluator to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import product

import pytest
from pydantic import TypeAdapter

from sotopia_core.errors import ModelError
from sotopia_core.evaluation import DimensionSet, Judgement, Scored, Unscored
from sotopia_core.interfaces import Component, TerminalEvaluator, Transcript, model_refs
from sotopia_testing.casts import Failing, Mumbling, Silent, context, transcripts, with_options
from sotopia_testing.components import ComponentContract, stopped, with_longest_pause

JUDGEMENTS: TypeAdapter[dict[str, Judgement]] = TypeAdapter(dict[str, Judgement])


class TerminalEvaluatorContract(ComponentContract):
    """Tests of what a terminal evaluator must do: subclass it, and give it an ``evaluator``.

    ::

        class TestWhoWon(TerminalEvaluatorContract):
            @pytest.fixture
            def evaluator(self) -> WhoWon:
                return WhoWon()

    An evaluator that scores only some interactions gives ``Unscored`` for the others; its author overrides the fixture
    ``scenes`` with interactions that it does score.
    """

    @pytest.fixture
    def evaluator(self) -> TerminalEvaluator:
        """The evaluator under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'evaluator' that returns the one to test")

    @pytest.fixture
    def component(self, evaluator: TerminalEvaluator) -> Component:
        return evaluator

    @pytest.fixture
    def scenes(self) -> Sequence[Transcript]:
        """The interactions to score."""
        return transcripts()

    def test_its_dimensions_stay_the_same(self, evaluator: TerminalEvaluator) -> None:
        assert type(evaluator.dimensions) is DimensionSet
        assert evaluator.dimensions == with_options(evaluator).dimensions, "its dimensions change"

    def test_everybody_is_scored_or_unscored_by_name(
        self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]
    ) -> None:
        for scene in scenes:
            judgements = self._judgements(evaluator, scene)
            assert set(judgements) == set(scene.names), f"it judged {sorted(judgements)}; the cast is {scene.names}"
            for judgement in judgements.values():
                assert isinstance(judgement, Scored | Unscored), f"{judgement!r} is neither Scored nor Unscored"

    def test_every_dimension_has_a_score_on_its_scale(
        self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]
    ) -> None:
        dimensions = evaluator.dimensions
        for name, judgement in self._all(evaluator, scenes):
            if isinstance(judgement, Scored):
                assert set(judgement.scores) == set(dimensions.names), f"{name} has scores on {set(judgement.scores)}"
                for dimension, score in judgement.scores.items():
                    assert not (problem := dimensions[dimension].problem_with(score.value)), problem

    def test_every_score_comes_with_its_reasoning(
        self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]
    ) -> None:
        for name, judgement in self._all(evaluator, scenes):
            for dimension, score in judgement.scores.items() if isinstance(judgement, Scored) else ():
                assert score.reasoning.strip(), f"{name} has a score on {dimension}, and nobody knows why"

    def test_its_judgements_are_json(self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]) -> None:
        for scene in scenes:
            judgements = dict(self._judgements(evaluator, scene))
            assert JUDGEMENTS.validate_json(JUDGEMENTS.dump_json(judgements)) == judgements

    def test_the_same_seed_repeats_the_same_scores(
        self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]
    ) -> None:
        once, again = (self._all(with_options(evaluator), scenes) for _ in range(2))
        assert once == again, "it scores otherwise the second time"

    def test_episodes_share_nothing(self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]) -> None:
        async def at_once() -> list[Mapping[str, Judgement]]:
            return await asyncio.gather(*(self._judged(evaluator, scene) for scene in reversed(scenes)))

        alone = [self._judgements(with_options(evaluator), scene) for scene in scenes]
        assert asyncio.run(at_once())[::-1] == alone, "it scores otherwise beside other episodes"

    def test_a_model_that_fails_gives_no_score(
        self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]
    ) -> None:
        refs = model_refs(evaluator)
        if not refs:
            return
        for model, scene in product((Failing(), Mumbling()), scenes):
            asked = with_options(evaluator, **dict.fromkeys(refs, model))
            try:
                judgements = self._judgements(asked, scene)
            except ModelError:
                continue
            scored = [name for name, judgement in judgements.items() if isinstance(judgement, Scored)]
            assert not scored, f"its model gave no usable reply, and {scored[0]} was scored nevertheless"

    def test_it_lets_others_go_on(self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]) -> None:
        async def watched() -> float:
            return max([(await with_longest_pause(lambda s=one: self._judged(evaluator, s)))[1] for one in scenes])  # type: ignore[misc]

        pause = asyncio.run(watched())
        assert pause < self.seconds_of_standstill, f"nothing else could go on for {pause:.1f} s; await, do not wait"

    def test_it_stops_when_it_is_cancelled(self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]) -> None:
        asked = with_options(evaluator, **{option: Silent() for option in model_refs(evaluator)})

        async def cancelled() -> bool:
            return await stopped(self._judged(asked, scenes[-1]), after=0.05, within=self.seconds_to_stop)

        assert asyncio.run(cancelled()), "it goes on after it was cancelled"

    def _all(self, evaluator: TerminalEvaluator, scenes: Sequence[Transcript]) -> list[tuple[str, Judgement]]:
        return [item for scene in scenes for item in self._judgements(evaluator, scene).items()]

    def _judgements(self, evaluator: TerminalEvaluator, scene: Transcript) -> Mapping[str, Judgement]:
        return asyncio.run(self._judged(evaluator, scene))

    async def _judged(self, evaluator: TerminalEvaluator, scene: Transcript) -> Mapping[str, Judgement]:
        return await evaluator.evaluate(scene, context(scene, self.find_model, seed=4))
