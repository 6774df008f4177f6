"""Who acts: the three built-in orderings, after any pattern of actions and departures."""

from collections.abc import Sequence
from random import Random as Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.digests import generator
from sotopia_core.interfaces import Ordering, Transcript
from sotopia_core.messages import AgentAction, Background, Event, Participant
from sotopia_orderings.plugin import sotopia_orderings
from sotopia_orderings.random_order import Random
from sotopia_orderings.round_robin import RoundRobin
from sotopia_orderings.simultaneous import Simultaneous

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve")


def transcript(names: Sequence[str], acted: Sequence[str] = (), left: Sequence[str] = ()) -> Transcript:
    background = Background(viewer="Environment", scenario="", participants=tuple(Participant(name=n) for n in names))
    events = tuple(
        Event(turn=turn, sender=name, action=AgentAction(action_type="speak", argument="Hm."))
        for turn, name in enumerate(acted)
    )
    return Transcript(background=background, turn=len(events), events=events, left=frozenset(left))


def play(ordering: Ordering, names: Sequence[str], leavings: Sequence[bool], seed: int) -> list[tuple[str, ...]]:
    """Play one turn for each entry; where it is true, the first in turn leaves. Returns who remained, and who acted."""
    events: list[Event] = []
    left: set[str] = set()
    turns: list[tuple[str, ...]] = []
    for turn, leaves in enumerate(leavings):
        so_far = Transcript(
            background=transcript(names).background, turn=turn, events=tuple(events), left=frozenset(left)
        )
        if len(so_far.remaining) < 2:
            break
        in_turn = tuple(ordering.in_turn(so_far, generator(seed, turn)))
        assert in_turn
        assert set(in_turn) <= set(so_far.remaining)
        turns.append(in_turn)
        for name in in_turn:
            gone = leaves and name == in_turn[0]
            events.append(Event(turn=turn, sender=name, action=AgentAction(action_type="leave" if gone else "none")))
            left |= {name} if gone else set()
    return turns


casts = st.integers(2, 5).map(lambda n: NAMES[:n])
often = st.lists(st.booleans(), max_size=40)
rarely = st.lists(st.integers(0, 9).map(lambda n: n == 0), max_size=60)


@pytest.mark.parametrize("ordering", [RoundRobin(), Random(), Simultaneous()], ids=lambda o: type(o).__name__)
@given(names=casts, leaves=often | rarely, seed=st.integers(0, 2**32))
def test_somebody_who_remains_acts_in_every_turn_while_two_remain(ordering, names, leaves, seed):
    turns = play(ordering, names, leaves, seed)  # asserts it, turn by turn
    assert len(turns) == len(leaves) or leaves.count(True) >= len(names) - 1


@pytest.mark.parametrize("ordering", [RoundRobin(), Random(), Simultaneous()], ids=lambda o: type(o).__name__)
def test_nobody_acts_where_nobody_remains(ordering):
    everybody_left = transcript(("Ada", "Ben"), acted=("Ada", "Ben"), left=("Ada", "Ben"))
    assert list(ordering.in_turn(everybody_left, Generator(0))) == []


def test_round_robin_begins_with_the_first_seat_and_goes_through_the_seats_in_order():
    turns = play(RoundRobin(), NAMES[:3], [False] * 7, seed=0)
    assert turns == [("Ada",), ("Ben",), ("Cleo",), ("Ada",), ("Ben",), ("Cleo",), ("Ada",)]


@pytest.mark.parametrize(
    ("acted", "left", "next_one"),
    [
        ((), ("Ada",), "Ben"),
        (("Ada",), ("Ben",), "Cleo"),
        (("Ada",), ("Ada",), "Ben"),
        (("Ada", "Ben"), ("Ben", "Cleo"), "Ada"),
        (("Ada", "Ben", "Cleo"), ("Ada",), "Ben"),
        (("Ada", "Ben", "Cleo"), ("Ada", "Cleo"), "Ben"),
    ],
)
def test_round_robin_skips_those_who_left(acted, left, next_one):
    assert list(RoundRobin().in_turn(transcript(NAMES[:3], acted, left), Generator(0))) == [next_one]


@given(names=casts, leaves=rarely)
def test_between_two_turns_of_one_agent_round_robin_lets_every_other_who_remains_act_once(names, leaves):
    actors = [in_turn[0] for in_turn in play(RoundRobin(), names, leaves, seed=0)]
    gone_at = {actor: turn for turn, actor in enumerate(actors) if leaves[turn]}
    for here, actor in enumerate(actors):
        again = next((turn for turn in range(here + 1, len(actors)) if actors[turn] == actor), None)
        if again is None:
            continue
        between = actors[here + 1 : again]
        assert len(between) == len(set(between))
        stayed = {name for name in names if gone_at.get(name, len(actors)) > again}
        assert stayed - {actor} <= set(between)


@given(names=casts, acted=st.lists(st.sampled_from(NAMES[:2]), max_size=9), seed=st.integers(0, 2**32))
def test_round_robin_uses_no_randomness(names, acted, seed):
    random = Generator(seed)
    before = random.getstate()
    RoundRobin().in_turn(transcript(names, acted), random)
    assert random.getstate() == before


def test_random_draws_each_who_remains_equally_often_whoever_acted_before():
    random = Generator(7)
    drawn = [Random().in_turn(transcript(NAMES[:4], ("Ada",), ("Cleo",)), random)[0] for _ in range(6000)]
    assert set(drawn) == {"Ada", "Ben", "Dan"}
    assert all(abs(drawn.count(name) - 2000) < 200 for name in ("Ada", "Ben", "Dan"))


@given(seed=st.integers(0, 2**63 - 1))
def test_random_depends_on_its_generator_alone(seed):
    one = Random().in_turn(transcript(NAMES, ("Ada",)), Generator(seed))
    other = Random().in_turn(transcript(NAMES, ("Eve", "Dan")), Generator(seed))
    assert list(one) == list(other)


def test_simultaneous_lets_all_who_remain_act_in_the_order_of_the_seats():
    assert list(Simultaneous().in_turn(transcript(NAMES, left=("Ben",)), Generator(0))) == ["Ada", "Cleo", "Dan", "Eve"]


def test_the_kit_offers_the_three_orderings_by_reference():
    assert sotopia_orderings() == [
        f"{ordering.__module__}:{ordering.__name__}" for ordering in (RoundRobin, Random, Simultaneous)
    ]
