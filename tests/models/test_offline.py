"""How the offline stand-in acts: seeded, within the rules of the scene, over the numbers in its own goal, to an end."""

import asyncio
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, create_model

from sotopia_core.digests import derive_seed
from sotopia_core.errors import ModelError
from sotopia_core.marks import resolve
from sotopia_core.messages import (
    ACTION_TYPES,
    ENVIRONMENT,
    ActionType,
    AgentAction,
    Background,
    Event,
    Observation,
    Participant,
)
from sotopia_core.models import ModelReply, ModelRequest, Scene, Usage
from sotopia_models.offline import Offline

ROOT = Path(__file__).parents[2]
NATIVE = ROOT.parent / "shared" / "data" / "profiles" / "native"
STARTER = ROOT / "plugins" / "packs" / "sotopia_packs" / "starter" / "scenarios.jsonl"

BICYCLE = "A second-hand cargo bicycle is advertised at $700."
SELL = "Sell the cargo bicycle to the buyer. Your target price is ${}, and you walk away from any offer below ${}."
BUY = "Buy the cargo bicycle from the seller. Your target price is ${}, and you walk away from any price above ${}."
MOVIE = "Two friends deciding on a movie to watch."
COMEDY, THRILLER = "To watch a comedy film with your friend", "To watch a thriller with your friend"
NAMES = ("Ada Byron", "Bo Li", "Chidi Eze", "Dana Roy", "Eve Oz", "Finn Ray", "Gia Luz", "Hugo Paz")


def background(viewer: str, scenario: str, goals: tuple[str, ...], secrets: tuple[str, ...] = ()) -> Background:
    """What one agent may know: its own goal and profile, the others' names."""
    everything = viewer == ENVIRONMENT
    return Background(
        viewer=viewer,
        scenario=scenario,
        participants=tuple(
            Participant(
                name=name,
                goal=goal if everything or name == viewer else None,
                profile={"secret": secrets[i] if secrets else ""} if everything or name == viewer else {},
            )
            for i, (name, goal) in enumerate(zip(NAMES, goals, strict=False))
        ),
    )


def scene(
    me: int,
    scenario: str,
    goals: tuple[str, ...],
    events: tuple[Event, ...] = (),
    *,
    secrets: tuple[str, ...] = (),
    available: tuple[ActionType, ...] = ACTION_TYPES,
) -> Scene:
    """The scene of the agent in one seat, about to act."""
    turn = events[-1].turn + 1 if events else 0
    gone = {event.sender for event in events if event.action.action_type == "leave"}
    now = Observation(
        turn=turn,
        agent=NAMES[me],
        events=tuple(event for event in events if event.turn == turn - 1),
        available_actions=available,
        remaining=tuple(name for name in NAMES[: len(goals)] if name not in gone),
    )
    return Scene(background=background(NAMES[me], scenario, goals, secrets), events=events, current=now)


def ask(where: Scene | None, seed: int, response_type: type[BaseModel] | None = AgentAction) -> ModelReply[BaseModel]:
    """Ask the stand-in one thing."""
    request: ModelRequest[BaseModel] = ModelRequest(messages=(), response_type=response_type, seed=seed, scene=where)
    return asyncio.run(Offline().generate(request))


def act(where: Scene, seed: int) -> AgentAction:
    """Let the stand-in act."""
    value = ask(where, seed).value
    assert isinstance(value, AgentAction)
    return value


def play(
    scenario: str, goals: tuple[str, ...], seed: int, *, turns: int = 20, secrets: tuple[str, ...] = ()
) -> tuple[Event, ...]:
    """Play round-robin until fewer than two remain, or for so many turns."""
    events: tuple[Event, ...] = ()
    seats = list(range(len(goals)))
    seat = -1
    for turn in range(turns):
        if len(seats) < 2:
            break
        seat = next((one for one in seats if one > seat), seats[0])
        action = act(scene(seat, scenario, goals, events, secrets=secrets), derive_seed(seed, turn, seat))
        events += (Event(turn=turn, sender=NAMES[seat], action=action),)
        if action.action_type == "leave":
            seats.remove(seat)
    return events


def those_who_left(events: tuple[Event, ...]) -> set[str]:
    return {event.sender for event in events if event.action.action_type == "leave"}


def said_by(events: tuple[Event, ...], name: str) -> list[str]:
    return [e.action.argument for e in events if e.sender == name and e.action.action_type == "speak"]


def prices(text: str) -> list[float]:
    return [float(digits.replace(",", "")) for digits in re.findall(r"\$([0-9,]+(?:\.[0-9]{2})?)", text)]


def spoken_prices(events: tuple[Event, ...], name: str) -> list[float]:
    return [price for text in said_by(events, name) for price in prices(text)]


def heard(*texts: str, sender: str = NAMES[1]) -> tuple[Event, ...]:
    """The first agent said hello, then another said all this."""
    hello = Event(turn=0, sender=NAMES[0], action=AgentAction(action_type="speak", argument="Hello."))
    rest = (
        Event(turn=i + 1, sender=sender, action=AgentAction(action_type="speak", argument=text))
        for i, text in enumerate(texts)
    )
    return (hello, *rest)


# What it is.


def test_it_is_marked_as_a_stand_in_that_needs_no_network_and_costs_nothing() -> None:
    reply = ask(scene(0, MOVIE, (COMEDY, THRILLER)), 1)

    assert Offline.stand_in
    assert not Offline.needs_sockets
    assert Offline().label == reply.model == "offline"
    assert reply.usage == Usage(calls=1, input_tokens=0, output_tokens=0, cost=0.0)
    assert reply.latency == 0.0
    assert reply.obtained == "schema"
    assert AgentAction.model_validate_json(reply.text) == reply.value


def test_without_a_response_type_it_says_a_sentence() -> None:
    spoken = ask(scene(0, MOVIE, (COMEDY, THRILLER)), 1, None)
    outside = ask(None, 1, None)

    assert spoken.value is None
    assert spoken.obtained == "text"
    assert "Bo" in spoken.text or "Ada" in spoken.text
    assert outside.text == "I am Sotopia's offline stand-in: I follow rules, and I am no language model."


def test_it_refuses_what_is_neither_an_action_nor_a_judgement() -> None:
    class Poem(BaseModel):
        verse: str

    with pytest.raises(ModelError) as refused:
        ask(scene(0, MOVIE, (COMEDY, THRILLER)), 1, Poem)

    assert str(refused.value) == (
        "the offline stand-in can only act and judge, and Poem is neither an action nor a judgement; "
        "use a language model for anything else"
    )


def test_it_refuses_to_act_without_a_scene() -> None:
    with pytest.raises(ModelError, match="follows the facts of a scene, and this request has none"):
        ask(None, 1)


def test_it_refuses_to_act_as_the_judge() -> None:
    judge = Scene(background=background(ENVIRONMENT, MOVIE, (COMEDY, THRILLER)), events=(), current=None)

    with pytest.raises(ModelError, match="asked to act in a scene that is no agent's"):
        ask(judge, 1)


# Same inputs, same reply.


@given(seed=st.integers(0, 2**63 - 1), turns=st.integers(0, 12))
@settings(max_examples=20, deadline=None)
def test_the_same_request_gets_the_same_reply(seed: int, turns: int) -> None:
    events = play(BICYCLE, (SELL.format(640, 540), BUY.format(500, 600)), 3, turns=turns)
    where = scene(turns % 2, BICYCLE, (SELL.format(640, 540), BUY.format(500, 600)), events)

    assert ask(where, seed) == ask(where, seed)


def test_the_prompt_is_not_read() -> None:
    where = scene(0, MOVIE, (COMEDY, THRILLER))
    request: ModelRequest[AgentAction] = ModelRequest(
        messages=(), response_type=AgentAction, seed=5, scene=where, temperature=2.0, max_tokens=1, purpose="act"
    )

    assert asyncio.run(Offline().generate(request)).value == act(where, 5)


CHILD = """
import asyncio, json, sys
from sotopia_core.messages import AgentAction, Background, Event, Observation
from sotopia_core.models import ModelRequest, Scene
from sotopia_models.offline import Offline
for line in sys.stdin:
    asked = json.loads(line)
    scene = Scene(
        background=Background.model_validate(asked["background"]),
        events=tuple(Event.model_validate(event) for event in asked["events"]),
        current=Observation.model_validate(asked["current"]),
    )
    request = ModelRequest(messages=(), response_type=AgentAction, seed=asked["seed"], scene=scene)
    print(asyncio.run(Offline().generate(request)).text)
"""


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_another_process_with_other_hashes_replies_the_same(hash_seed: str) -> None:
    cases = [
        (BICYCLE, (SELL.format(640, 540), BUY.format(500, 600))),
        (MOVIE, (COMEDY, THRILLER, "Agree with both friends on one film")),
        ("There are 3 hats, 2 balls and 1 book.", ("A hat is 1 point, a ball is 2 points and a book is 4 points",) * 2),
    ]
    asked: list[dict[str, Any]] = []
    expected: list[str] = []
    for scenario, goals in cases:
        events = play(scenario, goals, 11)
        for length in range(len(events)):
            seat = NAMES.index(events[length].sender)
            where = scene(seat, scenario, goals, events[:length])
            assert where.current is not None
            asked.append(
                {
                    "background": where.background.model_dump(),
                    "events": [event.model_dump() for event in where.events],
                    "current": where.current.model_dump(),
                    "seed": length,
                }
            )
            expected.append(ask(where, length).text)
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input="\n".join(json.dumps(one) for one in asked),
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert len(expected) > 20
    assert child.stdout.splitlines() == expected


def test_different_seeds_give_different_conversations() -> None:
    conversations = {
        tuple(event.action.argument for event in play(MOVIE, (COMEDY, THRILLER), seed)) for seed in range(10)
    }

    assert len(conversations) == 10


def test_one_instance_serves_many_episodes_at_once() -> None:
    model = Offline()
    scenes = [
        scene(0, BICYCLE, (SELL.format(640, 540), BUY.format(500, 600)), heard(f"I can pay ${price}."))
        for price in range(400, 700, 10)
    ]

    async def all_at_once() -> list[ModelReply[AgentAction]]:
        requests = [ModelRequest(messages=(), response_type=AgentAction, seed=1, scene=one) for one in scenes]
        return await asyncio.gather(*(model.generate(request) for request in requests))

    assert [reply.value for reply in asyncio.run(all_at_once())] == [act(one, 1) for one in scenes]


# Actions that the scene allows.


@given(
    available=st.sets(st.sampled_from(ACTION_TYPES), min_size=1).map(lambda kinds: tuple(sorted(kinds))),
    narrowed=st.booleans(),
    length=st.integers(0, 12),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_it_acts_only_as_available(available: tuple[ActionType, ...], narrowed: bool, length: int, seed: int) -> None:
    goals = (SELL.format(640, 540), BUY.format(500, 600))
    events = play(BICYCLE, goals, 2, turns=length)
    where = scene(len(events) % 2, BICYCLE, goals, events, available=available)
    kind: type[BaseModel] = AgentAction
    if narrowed:
        fields: dict[str, Any] = {
            "action_type": (Literal[available], ...),
            "argument": (str, ""),
            "to": (list[Literal["Bo Li"]], []),
        }
        kind = create_model("Narrowed", **fields)

    value = ask(where, seed, kind).value

    assert isinstance(value, kind)
    assert value.model_dump()["action_type"] in available
    assert not value.model_dump()["to"]


def test_speech_gives_way_to_gestures_where_speaking_is_not_allowed() -> None:
    where = scene(0, MOVIE, (COMEDY, THRILLER), available=("none", "non-verbal communication"))

    action = act(where, 1)

    assert action.action_type == "non-verbal communication"
    assert action.argument


def test_it_uses_gestures_and_deeds_now_and_then() -> None:
    kinds = {
        event.action.action_type
        for seed in range(8)
        for goals in ((COMEDY, THRILLER), (SELL.format(640, 540), BUY.format(500, 600)))
        for event in play(BICYCLE, goals, seed)
    }

    assert kinds == {"speak", "non-verbal communication", "action", "leave"}


# A price.


@st.composite
def bargains(draw: st.DrawFn, overlap: bool) -> tuple[int, int, int, int]:
    """A seller's target and limit, and a buyer's, whose limits overlap or do not."""
    one, other = sorted((draw(st.integers(20, 5000)), draw(st.integers(20, 5000))))
    other += 0 if overlap else 1
    seller_limit, buyer_limit = (one, other) if overlap else (other, one)
    seller_target = seller_limit + draw(st.integers(0, 1000))
    buyer_target = max(1, buyer_limit - draw(st.integers(0, 1000)))
    return seller_target, seller_limit, buyer_target, buyer_limit


@given(numbers=bargains(overlap=True), seed=st.integers(0, 10_000), seller_first=st.booleans())
@settings(max_examples=60, deadline=None)
def test_bargaining_ends_at_a_price_within_both_limits_where_they_overlap(
    numbers: tuple[int, int, int, int], seed: int, seller_first: bool
) -> None:
    sell, buy = SELL.format(*numbers[:2]), BUY.format(*numbers[2:])
    events = play(BICYCLE, (sell, buy) if seller_first else (buy, sell), seed)

    agreed = {spoken_prices(events, name)[-1] for name in NAMES[:2]}
    assert len(agreed) == 1, [event.to_natural_language() for event in events]
    assert numbers[1] <= agreed.pop() <= numbers[3]
    assert those_who_left(events)


@given(numbers=bargains(overlap=False), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_bargaining_ends_without_a_deal_where_the_limits_do_not_overlap(
    numbers: tuple[int, int, int, int], seed: int
) -> None:
    events = play(BICYCLE, (SELL.format(*numbers[:2]), BUY.format(*numbers[2:])), seed)

    assert all(price >= numbers[1] for price in spoken_prices(events, NAMES[0]))
    assert all(price <= numbers[3] for price in spoken_prices(events, NAMES[1]))
    assert not any("greed" in event.action.argument for event in events)
    assert those_who_left(events)


def test_a_bargainer_gives_way_step_by_step() -> None:
    events = play(BICYCLE, (SELL.format(640, 540), BUY.format(500, 510)), 1)

    asked, bid = spoken_prices(events, NAMES[0]), spoken_prices(events, NAMES[1])
    assert len(asked) >= 3
    assert asked == sorted(asked, reverse=True)
    assert asked[0] > 640 > asked[-1] == 540
    assert bid == sorted(bid)
    assert bid[0] < 500 < bid[-1] == 510


def test_a_target_without_a_limit_is_a_limit_with_some_tolerance() -> None:
    scenario = "One person is offering a Tile Mate Item Tracker for a price of $20.00, another is interested in it."
    goals = (
        "You are the buyer for this item and your target price is $14.0. Bear in mind, there is a penalty.",
        "You are the seller for this item and your target price is $17.3. There is a penalty for much less.",
    )
    for seed in range(10):
        events = play(scenario, goals, seed)

        assert spoken_prices(events, NAMES[0])[-1] == spoken_prices(events, NAMES[1])[-1]
        assert 14.7 <= spoken_prices(events, NAMES[0])[-1] <= 16.1
        assert any("the Tile Mate Item Tracker" in event.action.argument for event in events)


@pytest.mark.parametrize("offer", ["Deal!", "I accept.", "We have a deal at your price.", "Sounds good, I'll take it."])
def test_consent_in_other_words_than_its_own_is_understood(offer: str) -> None:
    goals = (SELL.format(640, 540), BUY.format(500, 600))
    asked = Event(turn=2, sender=NAMES[0], action=AgentAction(action_type="speak", argument="I am asking $620."))
    yes = Event(turn=3, sender=NAMES[1], action=AgentAction(action_type="speak", argument=offer))

    reply = act(scene(0, BICYCLE, goals, (*heard("Hello."), asked, yes)), 1)

    assert "$620" in reply.argument
    assert "settled" in reply.argument.lower() or "agreed" in reply.argument


@pytest.mark.parametrize("refusal", ["$620 is too much for me.", "I can't accept $620.", "No deal at $620?"])
def test_a_price_that_is_turned_down_is_no_offer(refusal: str) -> None:
    goals = (SELL.format(640, 540), BUY.format(500, 600))
    asked = Event(turn=2, sender=NAMES[0], action=AgentAction(action_type="speak", argument="I am asking $620."))
    no = Event(turn=3, sender=NAMES[1], action=AgentAction(action_type="speak", argument=refusal))

    for seed in range(10):
        reply = act(scene(0, BICYCLE, goals, (*heard("Hello."), asked, no)), seed)

        assert "greed" not in reply.argument
        assert "have a deal" not in reply.argument


def test_a_bargainer_does_not_bid_against_itself() -> None:
    goals = (SELL.format(640, 540), BUY.format(500, 600))
    asked = Event(turn=2, sender=NAMES[0], action=AgentAction(action_type="speak", argument="I am asking $620."))
    chat = Event(turn=3, sender=NAMES[1], action=AgentAction(action_type="speak", argument="Lovely weather."))

    for seed in range(10):
        assert not prices(act(scene(0, BICYCLE, goals, (*heard("Hello."), asked, chat)), seed).argument)


# Other kinds of goals.


def test_things_are_divided_so_that_both_get_what_they_need_where_that_is_possible() -> None:
    scenario = "There are one brass telescope, three hand planes and two oil lamps to divide."
    needed = "Leave with items worth at least 11 points to you. "
    goals = (
        needed + "To you the telescope is worth 6 points, each hand plane 2 points and each oil lamp 3 points.",
        needed + "To you the telescope is worth 4 points, each hand plane 4 points and each oil lamp 1 point.",
    )
    for seed in range(10):
        events = play(scenario, goals, seed)

        agreed = [event.action.argument for event in events if "Agreed" in event.action.argument]
        assert "telescope and both oil lamps" in agreed[0]
        assert "all three hand planes" in agreed[0]
        assert those_who_left(events)


def test_a_friend_of_both_is_found_by_description() -> None:
    goals = (
        "You are trying to figure out whether you have a mutual friend with the other person.\n"
        " You know the following friends: \n"
        " Ana: Hobby: Chess  Company: Sony  \n Ben: Hobby: Sailing  Company: Cray  \n",
        "You are trying to figure out whether you have a mutual friend with the other person.\n"
        " You know the following friends: \n"
        " Ana: Hobby: Chess  Company: Sony  \n Cleo: Hobby: Knitting  Company: Vectren  \n",
    )
    for seed in range(10):
        events = play("Two strangers meet at a party.", goals, seed)

        assert any("Could that be Ana" in text or "it Ana" in text or "be Ana" in text for text in said_by_all(events))
        assert not any("Ben" in text or "Cleo" in text for text in said_by_all(events))
        assert those_who_left(events)


def test_a_wrong_guess_is_turned_down_by_name() -> None:
    goal = "Find a mutual friend. You know:\n Ana: Hobby: Chess  Company: Sony  \n Ben: Hobby: Go  Company: Cray  "

    replies = [
        act(scene(0, "A party.", (goal, goal), heard("Could that be Zoe?")), seed).argument for seed in range(10)
    ]

    assert all("Zoe" in reply for reply in replies)
    assert not any("Agreed" in reply or "settled" in reply for reply in replies)


def said_by_all(events: tuple[Event, ...]) -> list[str]:
    return [event.action.argument for event in events if event.action.action_type == "speak"]


def test_a_time_is_found_at_which_all_are_free() -> None:
    free = "Agree with both friends on one rehearsal time this week. You are free on {}, and at no other time."
    goals = (
        free.format("Tuesday evening, Wednesday afternoon and Saturday morning"),
        free.format("Monday evening, Wednesday afternoon, Saturday morning and Sunday afternoon"),
        free.format("Monday evening, Tuesday evening, Wednesday afternoon and Sunday afternoon"),
    )
    for seed in range(10):
        events = play("Three friends meet to fix a rehearsal.", goals, seed)

        settled = [text for text in said_by_all(events) if "settled" in text.lower()]
        assert settled
        assert all("Wednesday afternoon" in text for text in settled)
        assert those_who_left(events)


@pytest.mark.parametrize(
    ("goal", "stated"),
    [
        (COMEDY, "I would like to watch a comedy film with you"),
        ("You are trying to learn what the other person does", "I would like to learn what you do"),
        (
            "Convince your friend to drink less (<extra_info>they are ill</extra_info>)",
            "I would like you to drink less",
        ),
        ("Get the other to put their name down. The organiser is ill.", "I would like you to put your name down"),
        ("You want to keep drinking but don't want to upset your friend", "I would like to keep drinking"),
        ("you don't want to drive now because you are tired", "I would rather not drive now"),
        ("You live in the lower flat. Ask the neighbour above to be quiet.", "I would like you to be quiet"),
    ],
)
def test_an_aim_is_stated_in_the_first_person_and_without_hints(goal: str, stated: str) -> None:
    for seed in range(5):
        spoken = said_by(play(MOVIE, (goal, THRILLER), seed), NAMES[0])

        assert any(stated in text for text in spoken)
        assert not any("You are trying" in text or "ill" in text.split() or goal in text for text in spoken)


@pytest.mark.parametrize(
    "goal",
    [
        "Find out what your friend wants for their birthday without letting them know that you buy a gift",
        "Keep the secret you carry entirely to yourself",
        "Injure the third person",
        "Avoid revealing the answer to the trivia question",
    ],
)
def test_an_aim_that_asks_for_discretion_is_not_stated(goal: str) -> None:
    told = re.compile(r"birthday|gift|secret|injure|third person|reveal|trivia", re.IGNORECASE)
    for seed in range(5):
        spoken = said_by(play(MOVIE, (goal, THRILLER), seed), NAMES[0])

        assert spoken
        assert not any(told.search(text) for text in spoken)


def test_a_secret_that_the_goal_speaks_of_stays_a_secret() -> None:
    goal = "Tell your friend about the burnt letters in grandmother's attic"
    secret = "Once found burnt letters in grandmother's attic and kept silent."

    frank = [text for seed in range(5) for text in said_by(play(MOVIE, (goal, THRILLER), seed), NAMES[0])]
    guarded = [
        text
        for seed in range(5)
        for text in said_by(play(MOVIE, (goal, THRILLER), seed, secrets=(secret, "")), NAMES[0])
    ]

    assert any("burnt letters" in text for text in frank)
    assert guarded
    assert not any("burnt" in text for text in guarded)


def test_in_a_group_it_answers_whoever_spoke_last() -> None:
    events = (
        *heard("Hello.", "Hello, Ada. I would like to see a thriller."),
        Event(turn=3, sender=NAMES[2], action=AgentAction(action_type="speak", argument="What about you, Ada?")),
    )
    replies = [act(scene(0, MOVIE, (COMEDY, THRILLER, COMEDY), events), seed).argument for seed in range(30)]

    assert any("Chidi" in reply for reply in replies)
    assert not any("Bo" in reply.split() for reply in replies)


# It ends.


@pytest.mark.parametrize("seats", range(2, 9))
def test_everybody_leaves_before_long_however_many_they_are(seats: int) -> None:
    goals = tuple(f"Convince everyone else to see film number {seat}" for seat in range(seats))
    for seed in range(3):
        events = play(MOVIE, goals, seed, turns=max(20, 3 * seats))

        assert len(those_who_left(events)) >= seats - 1
        for name in NAMES[:seats]:
            assert said_by(events, name)


def test_it_leaves_a_partner_who_never_says_anything() -> None:
    events: tuple[Event, ...] = ()
    for turn in range(20):
        if turn % 2:
            events += (Event(turn=turn, sender=NAMES[1], action=AgentAction(action_type="none")),)
            continue
        action = act(scene(0, BICYCLE, (SELL.format(640, 540), ""), events), turn)
        events += (Event(turn=turn, sender=NAMES[0], action=action),)
        if action.action_type == "leave":
            break

    assert those_who_left(events) == {NAMES[0]}
    assert len(said_by(events, NAMES[0])) == len(set(said_by(events, NAMES[0]))) > 2


def test_it_leaves_once_everybody_else_has_left() -> None:
    events = heard("Goodbye!")
    gone = Event(turn=2, sender=NAMES[1], action=AgentAction(action_type="leave"))

    assert act(scene(0, MOVIE, (COMEDY, THRILLER), (*events, gone)), 1).action_type == "leave"


def assert_plays_well(environment: dict[str, Any], seed: int) -> None:
    goals = tuple(resolve(goal, seat, owner=seat) for seat, goal in enumerate(environment["agent_goals"]))
    events = play(resolve(environment["scenario"], 0), goals, seed)
    story = "\n".join(event.to_natural_language() for event in events)

    assert len(those_who_left(events)) >= len(goals) - 1, story
    assert len(goals) > 2 or 5 <= len(events) <= 16, story
    for name, goal in zip(NAMES, goals, strict=False):
        spoken = said_by(events, name)
        assert all(one != other for one, other in pairwise(spoken)), story
        assert not any(goal in text or "You are trying" in text or "{" in text or "<" in text for text in spoken), story


@pytest.mark.parametrize("seed", range(3))
def test_all_starter_scenarios_end_by_themselves(seed: int) -> None:
    environments = [json.loads(line) for line in STARTER.read_text(encoding="utf-8").splitlines()]

    assert environments
    for environment in environments:
        assert_plays_well(environment, seed)


@pytest.mark.parametrize("seed", range(3))
def test_all_published_scenarios_end_by_themselves(seed: int) -> None:
    if not NATIVE.is_dir():
        pytest.skip("the published scenarios (../shared/data) are not here")
    environments = json.loads((NATIVE / "envs.json").read_text(encoding="utf-8")).values()

    assert len(environments) == 90
    for environment in environments:
        assert_plays_well(environment, seed)


# Whatever the others say.

FRAGMENTS = (
    "$ $,, 1e309 $1e309 $99999999999999 ١٢٣ $١٢٣ {price} {goal} {0} %s </p> <b> \0 \u202e 🦄 deal I agree no Alvin: "
    "Monday evening , . ? ! I would take all three 4 hats points goodbye let's $500 $1,000.50 \n"
)
HUGE = ("a" * 100_000, "$1," * 40_000, "I " * 50_000, "(" * 100_000, "$" + "1,111" * 20_000, "?!" * 50_000)
NASTY = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.lists(st.sampled_from(FRAGMENTS.split(" ")), max_size=60).map(" ".join),
    st.sampled_from(HUGE),
)
TALKS = [
    (BICYCLE, SELL.format(640, 540)),
    (BICYCLE, BUY.format(500, 600)),
    ("There are 3 hats, 2 balls and 1 book.", "A hat is 1 point, a ball is 2 points and a book is 4 points"),
    (
        "A party.",
        "Find a mutual friend. You know:\n Ana: Hobby: Chess  Company: Sony  \n Bo: Hobby: Go  Company: Cray  ",
    ),
    ("A calendar.", "Agree on a time. You are free on Monday evening, Friday and at no other time."),
    (MOVIE, COMEDY),
    (MOVIE, "Keep your secret"),
]


@given(
    talk=st.sampled_from(TALKS),
    texts=st.lists(st.tuples(NASTY, st.sampled_from(ACTION_TYPES)), max_size=5),
    seed=st.integers(0, 999),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_nothing_that_others_say_can_break_it(
    talk: tuple[str, str], texts: list[tuple[str, ActionType]], seed: int
) -> None:
    scenario, goal = talk
    events: tuple[Event, ...] = ()
    for turn, (text, kind) in enumerate(texts):
        own = act(scene(0, scenario, (goal, "", ""), events), seed)
        events += (Event(turn=2 * turn, sender=NAMES[0], action=own),)
        theirs = AgentAction(action_type=kind, argument=text)
        events += (Event(turn=2 * turn + 1, sender=NAMES[1 + turn % 2], action=theirs),)

    action = act(scene(0, scenario, (goal, "", ""), events), seed)

    assert action.action_type in ACTION_TYPES
    assert len(action.argument) < 2000


@given(
    talk=st.sampled_from(TALKS),
    texts=st.lists(
        st.sampled_from(
            [
                "Deal!",
                "No deal.",
                "$550",
                "$300?",
                "I would take the book and you the rest.",
                "Agreed.",
                "Why?",
                "Could we?",
                "I would like you to sing.",
                "Ana?",
                "Is it Ana?",
                "Friday, agreed.",
                "Monday evening?",
                "",
                "Let's do it.",
            ]
        ),
        min_size=1,
        max_size=3,
    ),
    seed=st.integers(0, 999),
)
@settings(max_examples=100, deadline=None)
def test_it_leaves_in_the_end_whatever_the_others_keep_saying(
    talk: tuple[str, str], texts: list[str], seed: int
) -> None:
    scenario, goal = talk
    events: tuple[Event, ...] = ()
    for turn in range(0, 24, 2):
        own = act(scene(0, scenario, (goal, ""), events), derive_seed(seed, turn))
        if own.action_type == "leave":
            return
        events += (Event(turn=turn, sender=NAMES[0], action=own),)
        theirs = AgentAction(action_type="speak", argument=texts[turn // 2 % len(texts)])
        events += (Event(turn=turn + 1, sender=NAMES[1], action=theirs),)
    pytest.fail("\n".join(event.to_natural_language() for event in events))


@given(goal=NASTY, scenario=NASTY, secret=NASTY, seed=st.integers(0, 999))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_goal_scenario_or_secret_can_break_it(goal: str, scenario: str, secret: str, seed: int) -> None:
    events = play(scenario, (goal, f"Convince your friend that {goal}"), seed, turns=6, secrets=(secret, secret))

    assert len(events) >= 2
