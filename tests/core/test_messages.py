"""Values that pass between the environment and its agents, and the digests that numbers derive from."""

import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from sotopia_core.digests import generator, lots
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage


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

    for turn in range(3):
        assert draws(lots(7, "ordering", turn)) == draws(generator(7, "ordering", turn))
    assert lots(7, "ordering", 9).getstate() == generator(7, "ordering", 9).getstate()
    assert isinstance(lots(7), random.Random)


def test_nothing_of_an_earlier_use_is_left_in_lots():
    lots(7, "ordering", 1).gauss()
    assert lots(7, "ordering", 2).gauss() == generator(7, "ordering", 2).gauss()
    seeded, restored = lots(7), random.Random(3)
    seeded.seed(3)
    assert seeded.random() == restored.random()
    again = lots(7)
    again.setstate(random.Random(5).getstate())
    assert again.random() == random.Random(5).random()


def test_each_thread_has_lots_of_its_own():
    here = lots(7, "ordering", 1)
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(lots, 7, "ordering", 2).result()
    assert here is not there
    assert [here.random(), there.random()] == [generator(7, "ordering", turn).random() for turn in (1, 2)]


@pytest.mark.parametrize("content", ["", "plain", 'a "quoted"\n\x00 line', "李 雷 é \U0001f600", "a\ud800b", "\ud83d"])
def test_a_chat_message_gives_its_words_back_and_is_what_servers_take(content):
    message = ChatMessage(role="user", content=content)
    assert message.content == content
    assert json.loads(message.as_json().decode("utf-8", "surrogatepass")) == {"role": "user", "content": content}
    assert message == ChatMessage(role="user", content=content)
    assert hash(message) == hash(ChatMessage(role="user", content=content))
    assert message != ChatMessage(role="assistant", content=content)
    assert eval(repr(message)) == message


def test_a_chat_message_has_a_role_and_a_text_and_cannot_be_changed():
    with pytest.raises(ValueError, match=r"'tool' is no role of a message; expected one of system, user, assistant"):
        unchecked(ChatMessage)("tool", "x")
    with pytest.raises(TypeError, match="a message's content is NoneType; expected text"):
        unchecked(ChatMessage)("user", None)
    message = ChatMessage(role="user", content="x")
    with pytest.raises(AttributeError):
        message.role = "system"


def unchecked(kind):
    """Return what makes instances without beartype, which tests put before every function."""

    def make(*arguments):
        made = object.__new__(kind)
        getattr(kind.__init__, "__wrapped__", kind.__init__)(made, *arguments)
        return made

    return make
