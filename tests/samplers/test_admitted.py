"""The casts that seats admit, counted and numbered: every one has a number, and no other."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.profiles import AgentProfile
from sotopia_samplers.admitted import AdmittedCasts


@given(names=st.text("abcd", max_size=6), data=st.data(), seats=st.integers(0, 4))
def test_the_numbers_from_zero_to_the_count_give_every_admitted_cast_with_different_names_once(names, data, seats):
    agents = [AgentProfile(pk=str(position), first_name=name) for position, name in enumerate(names)]
    admitted = [[agent for agent in agents if data.draw(st.booleans())] for _ in range(seats)]
    casts = AdmittedCasts(admitted)
    numbered = [tuple(agent.pk for agent in casts[number]) for number in range(casts.count)]
    listed = [
        tuple(agent.pk for agent in cast) for cast in product(*admitted) if len({agent.name for agent in cast}) == seats
    ]
    assert sorted(numbered) == sorted(listed)


@pytest.mark.parametrize("number", [-1, 2])
def test_a_number_beyond_the_count_is_refused(number):
    ada, ben = (AgentProfile(first_name=name) for name in ("Ada", "Ben"))
    casts = AdmittedCasts([[ada, ben], [ada, ben]])
    with pytest.raises(IndexError, match=f"there are 2 casts, numbered from 0; {number} is none of them"):
        casts[number]
