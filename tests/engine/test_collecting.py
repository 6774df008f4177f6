"""The search for cycles: rarer while a run plays, and as it was before and after."""

import gc

import pytest

from sotopia_core.engine.collecting import YOUNG, YOUNG_AN_EPISODE, rare_collections


@pytest.fixture(autouse=True)
def _restore():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_inside_it_is_rarer_and_afterwards_as_before():
    gc.set_threshold(700, 10, 10)
    with rare_collections(0):
        assert gc.get_threshold() == (YOUNG, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)


def test_it_is_as_before_also_after_a_failure():
    gc.set_threshold(700, 10, 10)
    with pytest.raises(KeyError), rare_collections(0):
        raise KeyError
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("own", [0, YOUNG + 1])
def test_a_process_that_searches_more_rarely_or_never_is_left_alone(own):
    gc.set_threshold(own, 10, 10)
    with rare_collections(0):
        assert gc.get_threshold() == (own, 10, 10)


def test_it_is_rarer_still_with_many_episodes_in_play():
    gc.set_threshold(700, 10, 10)
    with rare_collections(2000):
        assert gc.get_threshold() == (YOUNG + 2000 * YOUNG_AN_EPISODE, 10, 10)
