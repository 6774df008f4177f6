"""Stored combos: which are played, in what order, and what is said where one cannot be."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.errors import InputError
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, Pool
from sotopia_samplers.stored import CombosSampler

AGENTS = tuple(AgentProfile(pk=f"A{n}", first_name=name) for n, name in enumerate(("Ada", "Ben", "Cleo", "Ada")))
SCENARIOS = tuple(
    EnvironmentProfile(pk=f"E{n}", scenario="A bench.", agent_goals=("g",) * (2 + n % 2)) for n in range(2)
)


def stored(pk, env_id, *agent_ids):
    return EnvAgentComboStorage(pk=pk, env_id=env_id, agent_ids=agent_ids)


def pool_with(*combos):
    return Pool(environments=SCENARIOS, agents=AGENTS, combos=combos, source="hard.jsonl")


POOL = pool_with(stored("C3", "E0", "A0", "A1"), stored("C1", "E1", "A2", "A1", "A0"), stored("C2", "E0", "A1", "A2"))


def sample(pool=POOL, seats=None, seed=0, **options):
    return list(CombosSampler(**options).sample(pool, seats, random.Random(seed)))


def casts(combos):
    return [(combo.pk, *(agent.pk for agent in combo.agents)) for combo in combos]


def test_all_are_played_in_the_order_of_the_pool():
    combos = sample()
    assert casts(combos) == [("C3", "A0", "A1"), ("C1", "A2", "A1", "A0"), ("C2", "A1", "A2")]
    assert [combo.environment for combo in combos] == [SCENARIOS[0], SCENARIOS[1], SCENARIOS[0]]


def test_size_takes_the_first_ones():
    assert casts(sample(size=2)) == casts(sample())[:2]


def test_seats_select_the_combos_with_as_many_agents():
    assert [combo.pk for combo in sample(seats=2)] == ["C3", "C2"]
    assert [combo.pk for combo in sample(seats=3)] == ["C1"]


@given(seed=st.integers(0, 2**32), size=st.integers(1, 3), order=st.permutations(POOL.combos))
def test_shuffled_they_are_taken_by_lot_each_once_whatever_the_order_of_the_pool(seed, size, order):
    drawn = casts(sample(seed=seed, size=size, shuffle=True))
    assert len(set(drawn)) == size
    assert set(drawn) <= set(casts(sample()))
    assert drawn == casts(sample(pool_with(*order), seed=seed, size=size, shuffle=True))


def test_shuffling_can_bring_every_order():
    orders = {tuple(combo.pk for combo in sample(seed=seed, shuffle=True)) for seed in range(100)}
    assert len(orders) == 6


def test_swapping_plays_each_combo_once_with_everybody_in_each_seat():
    assert casts(sample(size=2, swap=True)) == [
        ("C3", "A0", "A1"),
        ("C3", "A1", "A0"),
        ("C1", "A2", "A1", "A0"),
        ("C1", "A1", "A0", "A2"),
        ("C1", "A0", "A2", "A1"),
    ]


@pytest.mark.parametrize(
    ("pool", "options", "complaint"),
    [
        (pool_with(), {}, "hard.jsonl has no stored combos"),
        (POOL, {"seats": 4}, "no stored combo in hard.jsonl has 4 agents; they have 2 or 3"),
        (
            POOL,
            {"size": 3, "seats": 2},
            "hard.jsonl has 2 stored combos to choose from, and size = 3 asks for more; leave size out to take all",
        ),
        (
            pool_with(stored("C9", "E7", "A0", "A1")),
            {},
            "combo C9 names the scenario E7, which is not in hard.jsonl",
        ),
        (
            pool_with(stored("C9", "E0", "A0", "A7")),
            {},
            "combo C9 names the agent A7, which is not in hard.jsonl",
        ),
        (
            pool_with(stored("C9", "E1", "A0", "A1")),
            {},
            "combo C9 cannot be played: scenario 'E1' has 3 goals and cannot seat 2 agents; it takes one agent a goal",
        ),
        (
            pool_with(stored("C9", "E0", "A0", "A3")),
            {},
            "combo C9 cannot be played: scenario 'E0' has two agents called 'Ada'; names address messages and must "
            "differ",
        ),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(pool, options, complaint):
    with pytest.raises(InputError) as caught:
        sample(pool, **options)
    assert str(caught.value) == complaint


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="size"):
        CombosSampler(size=0)
