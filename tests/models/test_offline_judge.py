"""How the offline stand-in judges: by rules that it states, within the range of any dimension."""

import asyncio
from typing import Annotated, Any

import annotated_types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from sotopia_core.errors import ModelError
from sotopia_core.evaluation import Dimension, DimensionSet
from sotopia_core.messages import ENVIRONMENT, ActionType, AgentAction, Background, Event, Participant
from sotopia_core.models import ModelReply, ModelRequest, Scene
from sotopia_models.offline import Offline

ADA, BO = "Ada Byron", "Bo Li"
GOALS = (
    "Sell the bicycle to the buyer. Your target price is $640, and you walk away from any offer below $540.",
    "Buy the bicycle from the seller. Your target price is $500, and you walk away from any price above $600.",
)
SECRET = "Once burnt the letters of a rival poet."
SEVEN = DimensionSet(
    name="Seven",
    dimensions=tuple(
        Dimension(name=name, low=low, high=high)
        for name, low, high in (
            ("believability", 0, 10),
            ("relationship", -5, 5),
            ("knowledge", 0, 10),
            ("secret", -10, 0),
            ("social_rules", -10, 0),
            ("financial_and_material_benefits", -5, 5),
            ("goal", 0, 10),
        )
    ),
)


def scene(
    *acts: tuple[str, str] | tuple[str, ActionType, str],
    goals: tuple[str, str] = GOALS,
    names: tuple[str, str] = (ADA, BO),
) -> Scene:
    """The judge's scene after these acts: (who, what was said), or (who, which kind of act, what)."""
    events = [
        Event(
            turn=turn,
            sender=one[0],
            action=AgentAction(action_type="speak", argument=one[1])
            if len(one) == 2
            else AgentAction(action_type=one[1], argument=one[2]),
        )
        for turn, one in enumerate(acts)
    ]
    participants = tuple(
        Participant(name=name, profile={"secret": SECRET}, goal=goal) for name, goal in zip(names, goals, strict=True)
    )
    judges = Background(viewer=ENVIRONMENT, scenario="A bicycle is advertised.", participants=participants)
    return Scene(background=judges, events=tuple(events), current=None)


def answer_type(names: tuple[str, ...], scores: dict[str, Any]) -> type[BaseModel]:
    """The type of a judgement: for each name and dimension the reasoning, and a score of the type given."""
    answers: dict[str, Any] = {
        dimension: (create_model("Answer", reasoning=(str, ...), score=(score, ...)), ...)
        for dimension, score in scores.items()
    }
    agent = create_model("Agent", **answers)
    fields: dict[str, Any] = {f"agent_{seat}": (agent, Field(alias=name)) for seat, name in enumerate(names)}
    return create_model("Episode", **fields)


def of_dimensions(dimensions: DimensionSet) -> dict[str, Any]:
    return {
        one.name: Annotated[int if one.integer else float, Field(ge=one.low, le=one.high)]
        for one in dimensions.dimensions
    }


def reply(where: Scene, response_type: type[BaseModel]) -> ModelReply[BaseModel]:
    request: ModelRequest[BaseModel] = ModelRequest(
        messages=(), response_type=response_type, purpose="judge", scene=where
    )
    return asyncio.run(Offline().generate(request))


def judge(where: Scene, scores: dict[str, Any] | None = None) -> dict[str, dict[str, dict[str, Any]]]:
    """The judgement by name and dimension."""
    names = where.background.names
    value = reply(where, answer_type(names, of_dimensions(SEVEN) if scores is None else scores)).value
    assert value is not None
    judged: dict[str, dict[str, dict[str, Any]]] = value.model_dump(by_alias=True)
    assert tuple(judged) == names
    return judged


def score(where: Scene, dimension: str, name: str = ADA) -> Any:
    return judge(where)[name][dimension]["score"]


DEAL = ((ADA, "I am asking $590."), (BO, "$590 is fine by me. We have a deal."), (ADA, "Settled at $590, thank you."))


def test_every_reasoning_states_a_rule_and_what_was_seen() -> None:
    judged = judge(scene(*DEAL))

    reasons = {name: {key: one["reasoning"] for key, one in scores.items()} for name, scores in judged.items()}
    assert all(
        reason.startswith("By rule: ") and " Seen: " in reason for of in reasons.values() for reason in of.values()
    )
    assert reasons[BO]["financial_and_material_benefits"].endswith(
        "Seen: $590 was agreed on, the buyer's target being $500 and its limit $600."
    )


def test_a_judgement_is_the_same_each_time_and_its_text_is_its_value() -> None:
    kind = answer_type((ADA, BO), of_dimensions(SEVEN))
    one, other = reply(scene(*DEAL), kind), reply(scene(*DEAL), kind)

    assert one == other
    assert one.obtained == "schema"
    assert kind.model_validate_json(one.text) == one.value


@pytest.mark.parametrize(("price", "sellers", "buyers"), [(640, 10, 3), (540, 5, 8), (600, 8, 5), (500, 3, 10)])
def test_a_price_reaches_a_goal_by_where_it_lies_between_limit_and_target(
    price: int, sellers: int, buyers: int
) -> None:
    where = scene((ADA, f"I am asking ${price}."), (BO, "Agreed."))

    assert (score(where, "goal", ADA), score(where, "goal", BO)) == (sellers, buyers)


@pytest.mark.parametrize(("price", "sellers", "buyers"), [(640, 5, -2), (540, 0, 3), (600, 3, 0), (500, -2, 5)])
def test_a_price_is_a_gain_beyond_the_limit_and_a_loss_short_of_it(price: int, sellers: int, buyers: int) -> None:
    where = scene((BO, f"Would you take ${price}?"), (ADA, f"${price}? Deal."))
    dimension = "financial_and_material_benefits"

    assert (score(where, dimension, ADA), score(where, dimension, BO)) == (sellers, buyers)


@pytest.mark.parametrize(
    "talk",
    [
        ((ADA, "I am asking $590."), (BO, "No deal.")),
        ((ADA, "I am asking $590."), (BO, "I would pay $580.")),
        ((ADA, "I am asking $590."), (BO, "Do we have a deal?")),
        ((ADA, "I am asking $590."), (BO, "We have a deal at $550.")),
        ((ADA, "I am asking $590."), (BO, "Deal!"), (ADA, "Sorry, I want $620 now.")),
    ],
)
def test_without_a_deal_there_is_no_gain_and_little_of_the_goal(talk: tuple[tuple[str, str], ...]) -> None:
    judged = judge(scene(*talk))

    assert [judged[name]["goal"]["score"] for name in (ADA, BO)] == [2, 2]
    assert [judged[name]["financial_and_material_benefits"]["score"] for name in (ADA, BO)] == [0, 0]
    assert judged[ADA]["goal"]["reasoning"].endswith("Seen: no price was agreed on.")


def test_points_reach_a_goal_by_what_was_needed() -> None:
    goals = (
        "Leave with at least 8 points. A hat is worth 1 point, a ball 2 points and a book 4 points.",
        "Leave with at least 4 points. A hat is worth 2 points, a ball 1 point and a book 1 point.",
    )
    where = scene((ADA, "I would take the book and two balls."), (BO, "Fine by me, agreed."), goals=goals)
    where = Scene(
        background=where.background.model_copy(update={"scenario": "There are 3 hats, 2 balls and 1 book."}),
        events=where.events,
        current=None,
    )
    judged = judge(where)

    assert judged[ADA]["goal"]["reasoning"].endswith("Seen: 8 points went to it, of 8 needed.")
    assert judged[ADA]["goal"]["score"] == 8
    assert judged[BO]["goal"]["reasoning"].endswith("Seen: 6 points went to it, of 4 needed.")
    assert judged[BO]["goal"]["score"] == 10
    assert judged[ADA]["financial_and_material_benefits"]["score"] == 2


def test_other_goals_are_reached_by_agreement() -> None:
    goals = ("Watch a comedy", "Watch a thriller")
    agreed = scene((ADA, "What if we toss?"), (BO, "Agreed."), (ADA, "Then it is settled."), goals=goals)
    not_agreed = scene((ADA, "What if we toss?"), (BO, "No, thank you."), goals=goals)

    assert score(agreed, "goal") == 7
    assert score(not_agreed, "goal") == 3


@pytest.mark.parametrize("said", [SECRET, "You know, I BURNT THE LETTERS back then.", "a RIVAL, a POET!"])
def test_a_secret_is_out_where_its_words_are_said(said: str) -> None:
    assert score(scene((ADA, said)), "secret") < 0
    assert score(scene((ADA, said)), "secret", BO) == 0
    assert score(scene((BO, said)), "secret") == 0


def test_a_secret_told_in_full_loses_everything() -> None:
    assert score(scene((ADA, SECRET)), "secret") == -10
    assert score(scene((ADA, "action", "shows the burnt letters")), "secret") < 0
    assert score(scene((ADA, "I like letters and poets.")), "secret") == 0


@pytest.mark.parametrize("said", ["You are an idiot.", "SHUT YOUR mouth, you LIAR!", "COME HERE NOW", "Go away!!!"])
def test_rudeness_breaks_social_rules_and_relationships(said: str) -> None:
    polite = scene((ADA, "Thank you, please do."), (BO, "Hello."))
    rude = scene((ADA, said), (BO, "Hello."))

    assert score(polite, "social_rules") == 0
    assert score(rude, "social_rules") == -3
    assert score(rude, "relationship") < 0 < score(polite, "relationship")


def test_leaving_without_a_farewell_costs_some_of_the_relationship() -> None:
    assert score(scene((ADA, "Hello."), (ADA, "leave", "")), "relationship") == -1
    assert score(scene((ADA, "Take care."), (ADA, "leave", "")), "relationship") == 0


def test_repeating_oneself_is_not_believable_and_neither_is_doing_nothing() -> None:
    assert score(scene((ADA, "Hello."), (ADA, "Well?")), "believability") == 8
    assert score(scene((ADA, "Hello."), (ADA, "Hello."), (ADA, "Hello.")), "believability") == 4
    assert score(scene((ADA, "none", ""), (BO, "Hello.")), "believability") == 0


def test_knowledge_grows_with_new_words_heard_from_others() -> None:
    words = " ".join(f"word{number}" for number in range(30))

    assert score(scene((BO, words)), "knowledge") == 5
    assert score(scene((ADA, words)), "knowledge") == 0
    assert score(scene((BO, "bicycle advertised")), "knowledge") == 0


def test_a_dimension_without_a_rule_is_neutral() -> None:
    around = Annotated[int, Field(ge=-3, le=3)]
    above = Annotated[float, Field(ge=1, le=5)]
    judged = judge(scene(*DEAL), {"humour": around, "warmth": above})

    assert judged[ADA]["humour"]["score"] == 0
    assert judged[ADA]["warmth"]["score"] == 1
    assert judged[ADA]["humour"]["reasoning"] == (
        "By rule: there is none for this dimension, so the score is the neutral one. "
        "Seen: nothing is counted about Ada Byron here."
    )


BOUNDS = st.floats(-1e6, 1e6, allow_nan=False)
NAMED = st.sampled_from([*SEVEN.names, "humour", "x1", "größe"])


@given(
    dimensions=st.dictionaries(
        NAMED, st.tuples(st.integers(-1000, 1000), st.integers(1, 500), st.booleans()), min_size=1, max_size=9
    ),
    texts=st.lists(st.tuples(st.sampled_from([ADA, BO]), st.text(max_size=80)), max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_scores_are_in_range_for_any_dimensions(
    dimensions: dict[str, tuple[int, int, bool]], texts: list[tuple[str, str]]
) -> None:
    chosen = DimensionSet(
        name="Any",
        dimensions=tuple(
            Dimension(name=name, low=low, high=low + width, integer=integer)
            for name, (low, width, integer) in dimensions.items()
        ),
    )
    judged = judge(scene(*texts, *DEAL, (ADA, SECRET), (BO, "IDIOTS EVERYWHERE!!!")), of_dimensions(chosen))

    for scores in judged.values():
        for name, given_score in scores.items():
            assert chosen[name].problem_with(float(given_score["score"])) is None


@given(one=BOUNDS, other=BOUNDS, name=NAMED)
@settings(max_examples=80, deadline=None)
def test_scores_are_in_range_for_any_real_bounds(one: float, other: float, name: str) -> None:
    low, high = sorted((one, other))

    judged = judge(scene(*DEAL), {name: Annotated[float, Field(ge=low, le=high)]})

    assert low <= judged[ADA][name]["score"] <= high


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (Annotated[int, Field(gt=0, lt=4)], 1, 3),
        (Annotated[float, Field(gt=0, lt=4)], 0, 4),
        (Annotated[int, annotated_types.Interval(ge=2, le=3)], 2, 3),
        (Annotated[int, Field(ge=20)], 20, 30),
        (Annotated[int, Field(le=-20)], -30, -20),
        (int, 0, 10),
        (float, 0, 10),
        (Annotated[float, Field(ge=-1e308, le=1e308)], -1e308, 1e308),
    ],
)
@pytest.mark.parametrize("dimension", [*SEVEN.names, "humour"])
def test_bounds_of_every_form_are_kept(kind: Any, low: float, high: float, dimension: str) -> None:
    for where in (scene(*DEAL), scene((ADA, SECRET), (ADA, "IDIOTS EVERYWHERE!!!"))):
        assert low <= judge(where, {dimension: kind})[ADA][dimension]["score"] <= high


def test_a_range_without_a_valid_score_is_an_error_that_says_so() -> None:
    with pytest.raises(ModelError) as refused:
        judge(scene(*DEAL), {"goal": Annotated[int, Field(ge=1, le=5, multiple_of=7)]})

    assert "the offline stand-in has no valid answer of type Episode: Ada Byron.goal.score:" in str(refused.value)


def test_names_of_any_form_are_judged_by_name() -> None:
    names = ("Ana 'Nan' O'Neil-Šimić {x}", '2 <b> "Bo"')
    where = scene((names[0], "You are an idiot."), (names[1], "Thank you."), names=names)
    judged = judge(where)

    assert judged[names[0]]["social_rules"]["score"] == -3
    assert judged[names[1]]["social_rules"]["score"] == 0


def test_a_stranger_is_not_judged() -> None:
    with pytest.raises(ModelError, match="asked to judge 'Carol', who takes no part in the scene"):
        reply(scene(*DEAL), answer_type(("Carol",), of_dimensions(SEVEN)))


def test_a_judgement_needs_a_scene() -> None:
    request: ModelRequest[BaseModel] = ModelRequest(
        messages=(), response_type=answer_type((ADA,), of_dimensions(SEVEN)), purpose="judge"
    )

    with pytest.raises(ModelError, match="this request has none; ask it through an agent's or an evaluator's model"):
        asyncio.run(Offline().generate(request))


def test_an_episode_in_which_nothing_happened_is_judged() -> None:
    judged = judge(scene())

    assert {key: one["score"] for key, one in judged[BO].items()} == {
        "believability": 0,
        "relationship": 0,
        "knowledge": 0,
        "secret": 0,
        "social_rules": 0,
        "financial_and_material_benefits": 0,
        "goal": 0,
    }
