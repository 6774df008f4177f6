"""Casts, counted and numbered: every one has a number, and no other."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.profiles import AgentProfile
from sotopia_samplers.casts import Casts


@given(names=st.text("abcd", max_size=6), seats=st.integers(0, 4))
def test_the_numbers_from_zero_to_the_count_give_every_cast_with_different_names_once(names, seats):
    agents = [AgentProfile(pk=str(position), first_name=name) for position, name in enumerate(names)]
    casts = Casts(agents, seats)
    numbered = [tuple(agent.pk for agent in casts[number]) for number in range(casts.count)]
    listed = [
        tuple(agent.pk for agent in cast)
        for cast in permutations(agents, seats)
        if len({agent.name for agent in cast}) == seats
    ]
    assert sorted(numbered) == sorted(listed)


@pytest.mark.parametrize("number", [-1, 6])
def test_a_number_beyond_the_count_is_refused(number):
    casts = Casts([AgentProfile(first_name=name) for name in "abc"], 2)
    with pytest.raises(IndexError, match=f"there are 6 casts, numbered from 0; {number} is none of them"):
        casts[number]
