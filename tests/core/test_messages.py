"""Values that pass between the environment and its agents, and the digests that numbers derive from."""

import pickle
import random

import pytest
from pydantic import ValidationError

from sotopia_core.digests import Lots, generator
from sotopia_core.messages import AgentAction


def test_a_trusted_value_is_as_good_as_one_that_was_checked():
    checked = AgentAction(action_type="speak", argument="Hello.", to=("Leo",))
    trusted = AgentAction.trusted(action_type="speak", argument="Hello.", to=("Leo",))
    assert trusted == checked
    assert hash(trusted) == hash(checked)
    assert trusted.model_dump_json() == checked.model_dump_json()
    assert trusted.model_dump_json(exclude_unset=True) == checked.model_dump_json()
    assert trusted.model_copy(update={"to": ()}) == AgentAction(action_type="speak", argument="Hello.")
    assert pickle.loads(pickle.dumps(trusted)) == checked
    assert AgentAction(action_type="none").model_fields_set == {"action_type"}
    with pytest.raises(ValidationError, match="frozen"):
        trusted.argument = "Good bye."


def test_lots_draw_what_a_generator_of_the_same_use_would():
    def draws(one):
        return [
            one.random(),
            one.randrange(1000),
            one.choice("abcdef"),
            one.sample(range(50), 5),
            one.gauss(),
            one.getrandbits(80),
            one.shuffle([1, 2]),
        ]

    lots = Lots()
    for turn in range(3):
        assert draws(lots.of(7, "ordering", turn)) == draws(generator(7, "ordering", turn))
    assert lots.of(7, "ordering", 9).getstate() == generator(7, "ordering", 9).getstate()
    assert isinstance(lots, random.Random)
