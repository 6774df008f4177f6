"""New combos: what can be drawn, how likely it is, and what is said where nothing can."""

import os
import random
import subprocess
import sys
from collections import Counter
from itertools import islice, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.digests import generator
from sotopia_core.errors import InputError
from sotopia_core.profiles import AgentProfile, EnvironmentProfile, Pool, RelationshipProfile
from sotopia_samplers.constrained import ConstraintBasedSampler
from sotopia_samplers.plugin import sotopia_samplers
from sotopia_samplers.stored import CombosSampler
from sotopia_samplers.uniform import UniformSampler


def scenarios(*goals):
    return tuple(
        EnvironmentProfile(pk=f"E{position}", scenario="A bench.", agent_goals=("g",) * n)
        for position, n in enumerate(goals)
    )


def agents(*names):
    return tuple(AgentProfile(pk=f"A{position}", first_name=name) for position, name in enumerate(names))


def keys(combos):
    return [(combo.environment.pk, *(agent.pk for agent in combo.agents)) for combo in combos]


POOL = Pool(environments=scenarios(2, 2, 3), agents=agents("Ada", "Ben", "Cleo", "Dan"), source="people.jsonl")


@given(
    goals=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    names=st.lists(st.sampled_from("abcde"), max_size=7),
    seats=st.none() | st.integers(2, 4),
    replacement=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_whatever_is_drawn_fits_and_what_cannot_be_drawn_is_an_error(goals, names, seats, replacement, seed):
    pool = Pool(environments=scenarios(*goals), agents=agents(*names))
    sampler = UniformSampler(size=4, replacement=replacement)
    there = sum(
        len({agent.name for agent in cast}) == n
        for n in goals
        if n >= 2 and seats in (None, n)
        for cast in permutations(pool.agents, n)
    )
    if there < (1 if replacement else 4):
        with pytest.raises(InputError, match=f" {there} different combos" if there else " goals|too few agents"):
            sampler.sample(pool, seats, random.Random(seed))
        return
    combos = list(sampler.sample(pool, seats, random.Random(seed)))
    assert len(combos) == 4
    for combo in combos:
        assert combo.environment in pool.environments
        assert seats in (None, len(combo.agents))
        assert len(set(combo.names)) == len(combo.agents) == len(combo.environment.agent_goals) >= 2
        assert set(combo.agents) <= set(pool.agents)
        assert combo.pk is None
    assert replacement or len(set(keys(combos))) == 4


def test_scenarios_and_the_casts_of_each_are_equally_likely():
    drawn = Counter(keys(UniformSampler(size=14_400).sample(POOL, None, random.Random(3))))
    by_scenario = Counter(key[0] for key in drawn.elements())
    assert len(drawn) == 12 + 12 + 24
    assert all(abs(count - 4800) < 250 for count in by_scenario.values())
    for key, count in drawn.items():
        expected = 400 if len(key) == 3 else 200
        assert abs(count - expected) < 5 * expected**0.5, key


def test_namesakes_are_equally_likely_and_never_meet():
    pool = Pool(environments=scenarios(2), agents=agents("Ada", "Ada", "Ada", "Ben"))
    drawn = Counter(keys(UniformSampler(size=6000).sample(pool, 2, random.Random(3))))
    assert len(drawn) == 6
    assert all(abs(count - 1000) < 160 for count in drawn.values())


def test_with_replacement_a_combo_may_come_again():
    pool = Pool(environments=scenarios(2), agents=agents("Ada", "Ben"))
    assert len(keys(UniformSampler(size=9).sample(pool, 2, random.Random(0)))) == 9


def test_without_replacement_every_combo_can_be_had_and_none_twice():
    combos = list(UniformSampler(size=48, replacement=False).sample(POOL, None, random.Random(5)))
    assert len(set(keys(combos))) == 48


def test_without_replacement_one_more_than_there_are_is_refused_with_the_exact_count():
    with pytest.raises(InputError) as caught:
        UniformSampler(size=49, replacement=False).sample(POOL, None, random.Random(5))
    assert str(caught.value) == (
        "people.jsonl makes 48 different combos, and size = 49 asks for more; ask for fewer, or set replacement = true"
    )


@pytest.mark.parametrize(
    ("pool", "seats", "complaint"),
    [
        (Pool(agents=POOL.agents, source="people.jsonl"), None, "people.jsonl has no scenarios"),
        (POOL, 5, "no scenario in people.jsonl has 5 goals; they have 2 or 3"),
        (
            Pool(environments=scenarios(2, 2), agents=POOL.agents, source="people.jsonl"),
            3,
            "no scenario in people.jsonl has 3 goals; they have 2",
        ),
        (
            Pool(environments=scenarios(1, 0), agents=POOL.agents),
            None,
            "no scenario in the pool has 2 goals or more; they have 0 or 1",
        ),
        (
            Pool(environments=scenarios(2, 3), agents=agents("Ada", "Ada")),
            None,
            "the pool has too few agents: its scenarios need 2 or 3, all with different names, and there are 1",
        ),
        (
            Pool(environments=scenarios(3)),
            3,
            "the pool has too few agents: its scenarios need 3, all with different names, and there are 0",
        ),
    ],
)
def test_a_pool_that_cannot_fill_the_seats_says_what_it_has_before_anything_is_drawn(pool, seats, complaint):
    with pytest.raises(InputError) as caught:
        UniformSampler(size=1).sample(pool, seats, random.Random(0))
    assert str(caught.value) == complaint


def test_scenarios_with_more_seats_than_the_pool_has_names_are_left_out():
    pool = Pool(environments=scenarios(2, 5), agents=POOL.agents)
    drawn = keys(UniformSampler(size=50).sample(pool, None, random.Random(0)))
    assert {key[0] for key in drawn} == {"E0"}


def test_a_character_that_cannot_be_seated_is_named_in_the_words_of_the_combo():
    pool = Pool(environments=scenarios(2), agents=agents("Environment", "Ada"))
    with pytest.raises(InputError) as caught:
        list(UniformSampler().sample(pool, 2, random.Random(0)))
    assert str(caught.value) == "scenario 'E0' has an agent called 'Environment'; that name is reserved"


def test_stored_relationships_come_along():
    known = RelationshipProfile(agent_1_id="A1", agent_2_id="A0", relationship=3)
    pool = Pool(environments=scenarios(2), agents=agents("Ada", "Ben"), relationships=(known,))
    (combo,) = UniformSampler().sample(pool, 2, random.Random(0))
    assert combo.relationships == (known,)


@given(seed=st.integers(0, 2**63 - 1), order=st.randoms(use_true_random=False))
def test_the_order_of_the_pool_does_not_matter(seed, order):
    mixed = Pool(
        environments=tuple(order.sample(POOL.environments, 3)),
        agents=tuple(order.sample(POOL.agents, 4)),
        source=POOL.source,
    )
    sampler = UniformSampler(size=5)
    assert keys(sampler.sample(mixed, None, generator(seed))) == keys(sampler.sample(POOL, None, generator(seed)))


def test_a_record_that_was_read_twice_is_no_more_likely_and_no_more_combos():
    twice = Pool(environments=POOL.environments * 2, agents=POOL.agents * 2)
    combos = UniformSampler(size=48, replacement=False).sample(twice, None, random.Random(5))
    assert keys(combos) == keys(UniformSampler(size=48, replacement=False).sample(POOL, None, random.Random(5)))


def test_the_same_seed_draws_the_same_in_every_process():
    program = (
        "from sotopia_core.digests import generator\n"
        "from sotopia_core.profiles import AgentProfile, EnvironmentProfile, Pool\n"
        "from sotopia_samplers.uniform import UniformSampler\n"
        "pool = Pool(\n"
        "    environments=[\n"
        "        EnvironmentProfile(pk=f'E{n}', scenario='s', agent_goals=['g'] * (2 + n % 2)) for n in range(9)\n"
        "    ],\n"
        "    agents=[AgentProfile(pk=f'A{n}', first_name=f'N{n % 20}') for n in range(30)],\n"
        ")\n"
        "for combo in UniformSampler(size=20, replacement=False).sample(pool, None, generator('run', 7)):\n"
        "    print(combo.environment.pk, *(agent.pk for agent in combo.agents))\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for hash_seed in ("1", "4242")
    ]
    assert len(printed[0].splitlines()) == 20
    assert printed[0] == printed[1]


def test_a_draw_from_a_hundred_thousand_agents_does_no_work_in_proportion_to_them():
    def calls_for(count):
        pool = Pool.model_construct(
            environments=scenarios(2, 3),
            agents=tuple(
                AgentProfile.model_construct(pk=f"{n:06}", first_name=f"N{n}", last_name="") for n in range(count)
            ),
            combos=(),
            relationships=(),
            source="the pool",
        )
        drawing = iter(UniformSampler(size=2000, replacement=False).sample(pool, None, random.Random(0)))
        next(drawing)
        calls = 0

        def count_calls(frame, event, argument):
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count_calls)
        try:
            drawn = list(islice(drawing, 1999))
        finally:
            sys.setprofile(before)
        assert len(drawn) == 1999
        return calls

    assert calls_for(100_000) < 4 * calls_for(100)


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="size"):
        UniformSampler(size=0)


def test_the_kit_offers_its_samplers_by_reference():
    offered = (UniformSampler, ConstraintBasedSampler, CombosSampler)
    assert sotopia_samplers() == [f"{sampler.__module__}:{sampler.__name__}" for sampler in offered]
