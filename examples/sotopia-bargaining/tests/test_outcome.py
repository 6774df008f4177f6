"""What the record says: an agreement, no deal, or nothing that one could be sure of."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from sotopia_bargaining.evaluator import BargainEvaluator
from sotopia_bargaining.moves import Move, UnclearError, read_move, written

from sotopia_core import AgentAction, EvaluationContext, Event, Scored, Transcript, Unscored
from sotopia_testing.casts import transcript

GAME = {"bargain": {"seller": 0, "buyer": 1, "lowest": 540, "highest": 600}}


def judged(*turns: tuple[str, ...], game: Mapping[str, object] = GAME) -> tuple[Scored | Unscored, Scored | Unscored]:
    """Judge an interaction; each turn holds what the seller and the buyer say in it, ``""`` for nothing."""
    scene = transcript(2, 0)
    events = tuple(
        Event(turn=turn, sender=name, action=AgentAction(action_type="speak", argument=words))
        for turn, said in enumerate(turns)
        for name, words in zip(scene.names, said, strict=False)
        if words
    )
    played: Transcript = replace(scene, events=events, turn=len(turns), game_metadata=game)
    given = asyncio.run(BargainEvaluator().evaluate(played, EvaluationContext()))
    return given[scene.names[0]], given[scene.names[1]]


def gains(*turns: tuple[str, ...]) -> tuple[float, float, float]:
    """Return the gains of seller and buyer, and whether they agreed."""
    seller, buyer = judged(*turns)
    assert isinstance(seller, Scored)
    assert isinstance(buyer, Scored)
    assert seller.scores["agreement"] == buyer.scores["agreement"]
    return seller.scores["gain"].value, buyer.scores["gain"].value, seller.scores["agreement"].value


@pytest.mark.parametrize(
    ("price", "seller", "buyer"),
    [("570", 0.5, 0.5), ("600", 1, 0), ("540", 0, 1), ("555.00", 0.25, 0.75), ("510", -0.5, 1.5), ("1200", 11, -10)],
)
def test_the_gain_is_the_distance_from_ones_own_limit(price: str, seller: float, buyer: float) -> None:
    if seller > 10:  # off the scale: the kernel makes that unscored, and says why
        scored, _ = judged((f"offer: {price}",), ("", f"accept: {price}"))
        assert isinstance(scored, Scored)
        assert BargainEvaluator().dimensions["gain"].problem_with(scored.scores["gain"].value)
        return
    assert gains((f"offer: {price}",), ("", f"accept: {price}")) == (seller, buyer, 1)


def test_talk_is_free_and_the_latest_offer_counts() -> None:
    assert gains(
        ("A fine loom! I could accept: nothing less than a good price.\nOffer: 640\nWell?",),
        ("", "640 is far too much. I would say deal at 500."),
        ("offer: 585",),
        ("", "Agreed.\naccept:585"),
        ("offer: 1",),
    ) == (0.75, 0.25, 1)


@pytest.mark.parametrize(
    "turns",
    [
        [("offer: 590",)],
        [("offer: 590",), ("", "It is a deal, 590!")],
        [("offer: 590",), ("", "no deal")],
        [("offer: 590",), ("", "No deal."), ("", "accept: 590")],
    ],
)
def test_without_an_acceptance_that_binds_there_is_no_deal(turns: list[tuple[str, ...]]) -> None:
    assert gains(*turns) == (0, 0, 0)


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([("Good day.",), ("", "Shall we say 570?")], "nobody made an offer that binds"),
        ([("offer: about 500",)], "turn 0: 'offer: about 500' binds to nothing that can be read"),
        ([("offer: 1,200",)], "'offer: 1,200' binds to nothing that can be read"),
        ([("offer: 590\noffer: 580",)], "turn 0: 2 binding lines at once"),
        ([("offer: 590",), ("", "accept: 580")], "accepted 580 at turn 1, when Ada Lind offered 590"),
        ([("", "accept: 580")], "accepted 580 at turn 0, when Ada Lind had offered nothing"),
        ([("offer: 590", "accept: 590")], "accepted 590 at turn 0, when Ada Lind had offered nothing"),
        (
            [("offer: 590", "offer: 550"), ("accept: 550", "accept: 590")],
            "at turn 1 each accepted another price: 550 and 590",
        ),
    ],
)
def test_what_is_unclear_is_not_guessed(turns: list[tuple[str, ...]], reason: str) -> None:
    for judgement in judged(*turns):
        assert isinstance(judgement, Unscored)
        assert reason in judgement.reason


@pytest.mark.parametrize(
    ("game", "reason"),
    [
        ({}, "has no 'bargain'"),
        ({"bargain": {"lowest": 540}}, "highest: Field required"),
        ({"bargain": {"lowest": 600, "highest": 540}}, "the limits, 600 and 540, leave nothing to share"),
        ({"bargain": {"lowest": 1, "highest": 2, "buyer": 5}}, "seller 0 and buyer 5 are not two of the 2 seats"),
        ({"bargain": {"lowest": 1, "highest": 2, "buyer": 0}}, "seller 0 and buyer 0 are not two of the 2 seats"),
    ],
)
def test_without_limits_nothing_can_be_computed(game: Mapping[str, object], reason: str) -> None:
    for judgement in judged(("offer: 570",), ("", "accept: 570"), game=game):
        assert isinstance(judgement, Unscored)
        assert reason in judgement.reason


@pytest.mark.parametrize("price", ["0", "7", "570", "570.5", "570.05", "1000"])
def test_what_is_written_is_read(price: str) -> None:
    assert read_move(f"Well.\n  {written('offer', Decimal(price))}\n") == Move("offer", Decimal(price))


@pytest.mark.parametrize("words", ["", "570", "I offer: 570", "My offer is 570.", "no deal yet", "deal", "acceptance"])
def test_what_binds_nobody_is_no_move(words: str) -> None:
    assert read_move(words) is None


@pytest.mark.parametrize("words", ["offer:", "offer: -5", "accept: $570", "offer: 5.123", "accept : 570", "offer: ٥٧٠"])
def test_what_begins_like_a_move_must_be_one(words: str) -> None:
    with pytest.raises(UnclearError):
        read_move(words)
