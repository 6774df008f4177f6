"""What every sampler must do, as tests that the author of a sampler runs over it."""

# Tests are named by the behaviour they hold a sampler to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

from itertools import islice
from random import Random
from typing import Final

import pytest

from sotopia_core.errors import InputError
from sotopia_core.interfaces import Component, Sampler
from sotopia_core.profiles import Combo, Pool
from sotopia_testing import casts
from sotopia_testing.components import ComponentContract, otherwise_random

AT_MOST: Final = 10_000
"""More combos than this from the small pool of the suite, and the sampler does not end."""


class SamplerContract(ComponentContract):
    """Tests of what a sampler must do: subclass it, and give it a ``sampler``.

    ::

        class TestOneOfEach(SamplerContract):
            @pytest.fixture
            def sampler(self) -> OneOfEach:
                return OneOfEach()

    The suite's ``pool`` has scenarios for two and for three, and characters for both; a sampler that needs something
    else of its pool overrides that fixture.
    """

    @pytest.fixture
    def sampler(self) -> Sampler:
        """The sampler under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'sampler' that returns the sampler to test")

    @pytest.fixture
    def component(self, sampler: Sampler) -> Component:
        return sampler

    @pytest.fixture
    def pool(self) -> Pool:
        """What the sampler draws from."""
        return casts.pool()

    def test_it_draws_combos_out_of_the_pool(self, sampler: Sampler, pool: Pool) -> None:
        combos = drawn(sampler, pool, None)
        assert combos, "it drew nothing"
        for combo in combos:
            assert type(combo) is Combo
            assert combo.environment in pool.environments, f"{combo.environment.label} is not in the pool"
            for agent in combo.agents:
                assert agent in pool.agents, f"{agent.name} is not in the pool"
            assert Combo.model_validate_json(combo.model_dump_json()) == combo

    def test_it_ends(self, sampler: Sampler, pool: Pool) -> None:
        assert len(drawn(sampler, pool, None)) < AT_MOST, f"it drew {AT_MOST} combos from a small pool and went on"

    @pytest.mark.parametrize("seats", [2, 3])
    def test_it_seats_as_many_as_it_is_asked_for(self, sampler: Sampler, pool: Pool, seats: int) -> None:
        combos = drawn(sampler, pool, seats)
        assert combos, f"it drew nothing for {seats} seats"
        for combo in combos:
            assert len(combo.agents) == seats, f"it was asked for {seats} seats and filled {len(combo.agents)}"

    def test_the_same_generator_repeats_the_same_combos(self, sampler: Sampler, pool: Pool) -> None:
        once = drawn(sampler, pool, None)
        assert drawn(sampler, pool, None) == once, "it draws something else the second time"
        drawn(sampler, pool, 2)
        assert drawn(sampler, pool, None) == once, "it draws something else after another run"

    def test_it_draws_from_the_generator_it_is_given(self, sampler: Sampler, pool: Pool) -> None:
        once = drawn(sampler, pool, None)
        for _ in otherwise_random():
            assert drawn(sampler, pool, None) == once, "it draws from the global generator"

    def test_a_pool_that_gives_nothing_is_said_in_one_line(self, sampler: Sampler, pool: Pool) -> None:
        for impossible, seats in ((Pool(source="an empty pool"), None), (pool, 9)):
            with pytest.raises(InputError) as caught:  # anything else is a crash, and no combo at all tells nobody why
                drawn(sampler, impossible, seats)
            assert "\n" not in str(caught.value)
            assert str(caught.value)


def drawn(sampler: Sampler, pool: Pool, seats: int | None) -> list[Combo]:
    """Draw, but no more than a small pool can give."""
    return list(islice(sampler.sample(pool, seats, Random(5)), AT_MOST))
