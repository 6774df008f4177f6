"""A model as the judge: every score with its reasoning, under the right name, or the reason why there is none."""

import json
from typing import Any, Generic, TypeVar

import pytest
from pydantic import BaseModel, Field, ValidationError

from sotopia_core.errors import ModelAccessError, ModelError
from sotopia_core.evaluation import DimensionSet, Score, Scored, Unscored, check_judgements
from sotopia_core.interfaces import EvaluationContext, Model, Transcript
from sotopia_core.messages import AgentAction, Background, Event, Participant
from sotopia_core.models import Completion, ModelRequest
from sotopia_core.structured import json_schema_for
from sotopia_evaluators.dimensions import GoalDimension, SotopiaDimensions
from sotopia_evaluators.judge import ReachGoalLLMEvaluator
from sotopia_evaluators.plugin import sotopia_response_evaluators, sotopia_terminal_evaluators
from sotopia_evaluators.prompt import judge_messages
from sotopia_evaluators.rules import RuleBasedTerminatedEvaluator

NAMES = ('Zoë "Z" O\'Hara', "{goal}", "agent_0")
D = TypeVar("D", bound=BaseModel)


class Warmth(BaseModel):
    """One dimension with broken scores."""

    warmth: float = Field(ge=0, le=1, description="How warm? 0: not at all. 1: entirely.")


class Replies(Model):
    """Answers each request with one text, parsed as the kernel asks for it, or with one error."""

    text: str = ""
    error: Exception | None = None
    asked: list[ModelRequest[Any]] = Field(default_factory=list)

    @property
    def label(self) -> str:
        return "replies"

    async def complete(self, request):
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return Completion(text=self.text, model=self.label)


TRANSCRIPT = Transcript(
    background=Background(
        viewer="Environment",
        scenario="A bakery.",
        participants=tuple(Participant(name=name, goal=f"goal {seat}") for seat, name in enumerate(NAMES)),
    ),
    turn=2,
    events=(
        Event(turn=0, sender=NAMES[0], action=AgentAction(action_type="speak", argument="{% x %}")),
        Event(turn=1, sender=NAMES[1], action=AgentAction(action_type="leave")),
    ),
    left=frozenset({NAMES[1]}),
)
SOTOPIA = DimensionSet.from_model(SotopiaDimensions)


def full_answer(dimensions=SOTOPIA, names=NAMES) -> dict[str, Any]:
    """Make an answer in which every score can be told from every other participant's."""
    return {
        name: {
            dimension.name: {"reasoning": f"{name} on {dimension.name}", "score": int(dimension.low) + seat}
            for dimension in dimensions.dimensions
        }
        for seat, name in enumerate(names)
    }


async def judged_by(model: Model, evaluator=ReachGoalLLMEvaluator[SotopiaDimensions], **options):
    return await evaluator(model=model, **options).evaluate(TRANSCRIPT, EvaluationContext())


def text_of(answer) -> str:
    return json.dumps(answer, ensure_ascii=False)


async def test_every_participant_gets_every_score_with_its_reasoning_by_exact_name():
    judgements = await judged_by(Replies(text=text_of(full_answer())))
    assert judgements == {
        name: Scored(
            scores={d.name: Score(value=d.low + seat, reasoning=f"{name} on {d.name}") for d in SOTOPIA.dimensions}
        )
        for seat, name in enumerate(NAMES)
    }
    assert check_judgements(SOTOPIA, NAMES, judgements) == judgements


async def test_the_order_of_the_answer_does_not_matter():
    turned = {name: dict(reversed(scores.items())) for name, scores in reversed(full_answer().items())}
    assert await judged_by(Replies(text=text_of(turned))) == await judged_by(Replies(text=text_of(full_answer())))


async def test_the_judge_is_asked_once_with_the_whole_episode_at_temperature_zero():
    model = Replies(text=text_of(full_answer()))
    await judged_by(model)
    assert [request.messages for request in model.asked] == [judge_messages(TRANSCRIPT, SOTOPIA)]
    assert model.asked[0].temperature == 0.0
    await judged_by(model, temperature=0.7)
    assert model.asked[1].temperature == 0.7


async def test_the_answer_is_asked_for_by_exact_names_reasoning_before_score():
    model = Replies(text=text_of(full_answer()))
    await judged_by(model)
    request = model.asked[0]
    schema = json_schema_for(request.response_type, request.context)
    assert list(schema["properties"]) == schema["required"] == list(NAMES)
    for participant in schema["properties"].values():
        assert list(participant["properties"]) == participant["required"] == list(SOTOPIA.names)
        for dimension in SOTOPIA.dimensions:
            judgement = participant["properties"][dimension.name]
            assert list(judgement["properties"]) == judgement["required"] == ["reasoning", "score"]
            score = judgement["properties"]["score"]
            assert score["type"] == "integer"
            assert f"(at least {dimension.low:g}, at most {dimension.high:g})" in score["description"]
            assert judgement["additionalProperties"] is False
        assert participant["additionalProperties"] is False
    assert schema["additionalProperties"] is False


async def test_the_same_cast_and_dimensions_are_asked_for_by_one_type():
    model = Replies(text=text_of(full_answer()))
    await judged_by(model)
    await judged_by(model)
    first, second = model.asked
    assert first.response_type is second.response_type


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer.pop(NAMES[1]),
        lambda answer: answer.update({"agent_1": answer.pop(NAMES[1])}),
        lambda answer: answer[NAMES[0]].pop("goal"),
        lambda answer: answer[NAMES[0]]["goal"].pop("score"),
        lambda answer: answer[NAMES[0]]["goal"].pop("reasoning"),
        lambda answer: answer[NAMES[0]]["goal"].update(score=11),
        lambda answer: answer[NAMES[0]]["goal"].update(score=-1),
        lambda answer: answer[NAMES[0]]["goal"].update(score=7.5),
        lambda answer: answer[NAMES[0]]["goal"].update(score=None),
        lambda answer: answer[NAMES[0]]["goal"].update(score=True),
        lambda answer: answer[NAMES[0]]["goal"].update(score="high"),
    ],
)
async def test_an_answer_that_misses_a_score_or_gives_one_off_the_scale_scores_nobody_and_is_kept(spoil):
    answer = full_answer()
    spoil(answer)
    text = text_of(answer)
    judgements = await judged_by(Replies(text=text))
    assert list(judgements) == list(NAMES)
    for judgement in judgements.values():
        assert isinstance(judgement, Unscored)
        assert judgement.raw == text
        assert judgement.reason.startswith("replies: the reply is no EpisodeJudgement: ")
        assert "\n" not in judgement.reason


async def test_what_a_judge_adds_to_a_complete_answer_is_ignored():
    answer = full_answer()
    answer["comment"] = "All in all a pleasant evening."
    answer[NAMES[0]]["charm"] = {"reasoning": "Charming.", "score": 3}
    assert await judged_by(Replies(text=text_of(answer))) == await judged_by(Replies(text=text_of(full_answer())))


async def test_a_model_without_a_usable_reply_leaves_everybody_unscored_with_the_cause():
    judgements = await judged_by(Replies(error=ModelError("the server\nsaid 500", raw=None)))
    assert judgements == {name: Unscored(reason="the server said 500") for name in NAMES}


async def test_a_judge_that_answers_in_prose_is_asked_again_and_then_leaves_everybody_unscored():
    model = Replies(text="Fine, all of them.", re_asks=1)
    reason = "replies: the reply is no EpisodeJudgement: it holds no JSON objects, where one was expected"
    assert await judged_by(model) == {name: Unscored(reason=reason, raw="Fine, all of them.") for name in NAMES}
    assert [len(request.messages) for request in model.asked] == [2, 4]


async def test_a_model_that_refuses_access_is_passed_on_so_that_the_run_can_stop():
    with pytest.raises(ModelAccessError, match="no key"):
        await judged_by(Replies(error=ModelAccessError("no key")))


async def test_the_evaluator_works_on_any_model_whose_fields_are_dimensions():
    answer = {name: {"warmth": {"reasoning": "r", "score": 0.25}} for name in NAMES}
    judgements = await judged_by(Replies(text=text_of(answer)), ReachGoalLLMEvaluator[Warmth])
    assert judgements == {name: Scored(scores={"warmth": Score(value=0.25, reasoning="r")}) for name in NAMES}


@pytest.mark.parametrize("score", ["NaN", "Infinity", "1.01"])
async def test_a_broken_score_off_its_scale_scores_nobody(score):
    text = text_of({name: {"warmth": {"reasoning": "r", "score": 0.5}} for name in NAMES}).replace("0.5", score)
    judgements = await judged_by(Replies(text=text), ReachGoalLLMEvaluator[Warmth])
    assert {type(judgement) for judgement in judgements.values()} == {Unscored}


def test_the_dimensions_are_those_of_the_parameter():
    assert ReachGoalLLMEvaluator[SotopiaDimensions](model="judge").dimensions == SOTOPIA
    assert ReachGoalLLMEvaluator[GoalDimension](model="judge").dimensions.names == ("goal",)


def test_the_parameter_is_found_through_subclasses():
    class Strict(ReachGoalLLMEvaluator[GoalDimension]):
        strictness: int = 3

    class Open(ReachGoalLLMEvaluator[D], Generic[D]):
        pass

    assert Strict(model="judge").dimensions.names == ("goal",)
    assert Open[Warmth](model="judge").dimensions.names == ("warmth",)


def test_an_evaluator_without_dimensions_says_how_to_write_it():
    with pytest.raises(ValidationError) as caught:
        ReachGoalLLMEvaluator(model="judge")
    assert "ReachGoalLLMEvaluator lacks its dimensions: write ReachGoalLLMEvaluator[SotopiaDimensions]" in str(
        caught.value
    )


def test_a_parameter_that_holds_no_dimensions_is_refused_when_the_evaluator_is_made():
    class Loose(BaseModel):
        charm: int

    with pytest.raises(ValidationError, match=r"Loose\.charm is no dimension: it has no lower bound"):
        ReachGoalLLMEvaluator[Loose](model="judge")


def test_outside_a_run_a_judge_given_by_name_is_asked_for_as_a_model():
    with pytest.raises(LookupError, match="outside a run no model is called 'judge'"):
        EvaluationContext().model(ReachGoalLLMEvaluator[GoalDimension](model="judge").model)


def test_it_is_named_in_records_by_class_parameter_and_model():
    evaluator = ReachGoalLLMEvaluator[SotopiaDimensions](model="judge")
    assert type(evaluator).__name__ == "ReachGoalLLMEvaluator[SotopiaDimensions]"
    assert evaluator.model_label == "judge"
    assert evaluator.content_options() == {"model": "judge", "temperature": 0.0}


def test_its_prompts_are_recorded_by_the_text_of_their_templates():
    texts = ReachGoalLLMEvaluator[SotopiaDimensions](model="judge").prompts()
    assert set(texts) == {"judge_system", "judge_episode"}
    assert "{{ dimension.rubric }}" in texts["judge_system"]
    assert "{{ scenario }}" in texts["judge_episode"]


def test_the_kit_offers_its_evaluators_by_reference():
    assert sotopia_terminal_evaluators() == [f"{ReachGoalLLMEvaluator.__module__}:{ReachGoalLLMEvaluator.__name__}"]
    rules = RuleBasedTerminatedEvaluator
    assert sotopia_response_evaluators() == [f"{rules.__module__}:{rules.__name__}"]
