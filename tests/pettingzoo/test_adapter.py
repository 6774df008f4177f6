"""The adapter to PettingZoo: its own tests, and what they do not look at."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import warnings
from importlib.util import find_spec

import pytest

if find_spec("pettingzoo") is None:
    pytest.skip("the extra pettingzoo is missing", allow_module_level=True)

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.errors import ActionError, EpisodeOverError
from sotopia_evaluators.rules import RuleBasedTerminatedEvaluator
from sotopia_orderings.random_order import Random
from sotopia_orderings.round_robin import RoundRobin
from sotopia_orderings.simultaneous import Simultaneous
from sotopia_pettingzoo import AnyText, SotopiaParallelEnv
from tests.core.casts import NAMES, After, Fixed, combo

MIA, LEO, ZOE, UGO = NAMES
ORDERINGS = {"round robin": RoundRobin(), "random": Random(), "simultaneous": Simultaneous()}


def environment(size=3, *evaluators, ordering="round robin", **options):
    evaluators = evaluators or (RuleBasedTerminatedEvaluator(max_turn_number=12, max_stale_turn=100), Fixed(score=4))
    return SotopiaParallelEnv(
        ParallelSotopiaEnv(combo(size), evaluators=evaluators, ordering=ORDERINGS[ordering], **options)
    )


def act(env, name, action_type="speak", argument="hello", to=()):
    return {
        "action_type": np.int64(env.action_types.index(action_type)),
        "argument": argument,
        "to": np.array([other in to for other in env.possible_agents], dtype=np.int8),
    }


# --- PettingZoo's own tests


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("size", [2, 4])
def test_pettingzoo_s_test_of_the_parallel_api_passes_without_a_warning(ordering, size):
    from pettingzoo.test import parallel_api_test

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(environment(size, ordering=ordering), num_cycles=100)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pettingzoo_s_test_of_seeds_passes(ordering):
    from pettingzoo.test import parallel_seed_test

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_seed_test(lambda: environment(4, ordering=ordering), num_cycles=100)


# --- what they do not look at


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), ordering=st.sampled_from(sorted(ORDERINGS)), size=st.integers(2, 4))
def test_every_observation_is_in_its_space_and_every_masked_sample_keeps_the_rules(seed, ordering, size):
    env = environment(size, ordering=ordering)
    for name in env.possible_agents:
        env.action_space(name).seed(seed)
    observations, infos = env.reset(seed=seed)
    turns = 0
    while env.agents:
        assert set(observations) == set(infos) == set(env.possible_agents)
        for name in env.agents:
            assert env.observation_space(name).contains(observations[name])
        actions = {name: env.action_space(name).sample(infos[name]["action_mask"]) for name in env.agents}
        for name, action in actions.items():
            assert env.action_space(name).contains(action)
            assert observations[name]["available"][action["action_type"]]
            assert not action["to"][env.possible_agents.index(name)]
        observations, rewards, terminations, truncations, infos = env.step(actions)
        turns += 1
    assert turns <= 12
    assert rewards == dict.fromkeys(env.possible_agents, 4.0)
    assert terminations == dict.fromkeys(env.possible_agents, True)
    assert truncations == dict.fromkeys(env.possible_agents, False)
    env.close()


def test_an_observation_holds_what_the_agent_is_sent_and_nothing_else():
    env = environment()
    observations, infos = env.reset()
    assert "Mia's secret" in observations[MIA]["text"]
    assert "Mia's secret" not in observations[LEO]["text"]
    assert observations[MIA]["available"].tolist() == [1, 1, 1, 1, 1]
    assert observations[LEO]["available"].tolist() == [1, 0, 0, 0, 0]
    assert infos[LEO]["action_mask"]["action_type"].tolist() == [1, 0, 0, 0, 0]
    text = "{goal} \x00 \u202e \U0001f600 did nothing"
    observations, *_ = env.step({MIA: act(env, MIA, argument=text, to=[LEO])})
    assert observations[LEO]["text"] == f'Turn #0: Mia Davis (to Leo Park) said: "{text}"\n'
    assert observations[ZOE]["text"] == "Turn #0: \n"
    assert observations[ZOE]["turn"] == 1
    env.close()


def test_what_agents_out_of_turn_give_counts_for_nothing():
    env = environment()
    env.reset()
    observations, *_ = env.step({name: act(env, name, argument=name) for name in env.agents})
    assert observations[LEO]["text"] == 'Turn #0: Mia Davis said: "Mia Davis"\n'
    env.close()


def test_whoever_leaves_stays_among_the_agents_and_gets_a_score_in_the_end():
    env = environment(3, After(turns=3), Fixed(score=4))
    env.reset()
    observations, rewards, terminations, *_ = env.step({MIA: act(env, MIA, "leave")})
    assert env.agents == list(NAMES[:3])
    assert terminations == dict.fromkeys(NAMES[:3], False)
    assert observations[LEO]["present"].tolist() == [0, 1, 1]
    env.step({LEO: act(env, LEO)})
    _, rewards, terminations, _, infos = env.step({ZOE: act(env, ZOE)})
    assert env.agents == []
    assert rewards[MIA] == 4.0
    assert infos[MIA]["complete_rating"] == 4.0
    env.close()


def test_a_missing_score_is_no_number_and_never_zero():
    env = environment(2, After(turns=1))
    env.reset()
    _, rewards, _, _, infos = env.step({MIA: act(env, MIA)})
    assert all(math.isnan(reward) for reward in rewards.values())
    assert infos[MIA]["complete_rating"] is None
    env.close()


def test_an_agent_in_turn_must_act_and_nobody_after_the_end():
    env = environment(2, After(turns=1))
    env.reset()
    with pytest.raises(ActionError, match="Mia Davis is in turn at turn 0 and gave no action"):
        env.step({})
    env.step({MIA: act(env, MIA, "none")})
    with pytest.raises(EpisodeOverError):
        env.step({})
    env.close()


def test_only_the_action_types_of_the_environment_have_numbers():
    env = environment(2, After(turns=1), action_types=("speak", "leave"))
    assert env.action_types == ("none", "speak", "leave")
    assert env.action_space(MIA)["action_type"].n == 3
    env.close()


def test_without_a_seed_each_reset_has_another_and_the_sequence_repeats():
    def first_in_turn():
        env = environment(4, ordering="random")
        env.reset(seed=5)
        drawn = []
        for _ in range(12):
            env.reset()
            drawn.append(env.env.in_turn)
        env.close()
        return drawn

    assert first_in_turn() == first_in_turn()
    assert len(set(first_in_turn())) > 1


async def test_it_can_be_stepped_while_an_event_loop_is_running():
    env = environment(2, After(turns=1), Fixed())
    env.reset()
    assert asyncio.get_running_loop().is_running()
    assert env.step({MIA: act(env, MIA)})[1] == {MIA: 5.0, LEO: 5.0}
    env.close()
    env.close()


def test_texts_are_a_space_of_their_own():
    space = AnyText(seed=3)
    assert "" in space
    assert "\x00\u202e😀" in space
    assert "\ud800" not in space
    assert 7 not in space
    assert space == AnyText()
    assert len({space.sample() for _ in range(20)}) > 10


def test_without_pettingzoo_one_line_says_what_to_install():
    program = (
        "import sys; sys.modules['pettingzoo'] = None\n"
        "try:\n    import sotopia_pettingzoo\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == (
        "MissingExtraError sotopia_pettingzoo needs pettingzoo; run: pip install 'sotopia-core[pettingzoo]'"
    )
