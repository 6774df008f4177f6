"""Combos under constraints: what is drawn fits, what fits can be drawn, and what cannot be drawn is said with why."""

import logging
import os
import random
import subprocess
import sys
from collections import Counter
from itertools import combinations, permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotopia_core.errors import InputError
from sotopia_core.profiles import AgentProfile, EnvironmentProfile, Pool, RelationshipProfile
from sotopia_samplers import casting
from sotopia_samplers.constrained import ConstraintBasedSampler

SHARED = Path(__file__).parents[3] / "shared" / "data" / "profiles"


def person(pk, name, age=30, occupation="chef"):
    return AgentProfile(pk=pk, first_name=name, age=age, occupation=occupation)


def scenario(pk="E0", seats=2, relationship=0, **constraints):
    return EnvironmentProfile(
        pk=pk, scenario="A bench.", agent_goals=("g",) * seats, relationship=relationship, **constraints
    )


def knows(one, other, relationship):
    return RelationshipProfile(agent_1_id=one, agent_2_id=other, relationship=relationship)


PEOPLE = (
    person("A0", "Ada", 20, "chef"),
    person("A1", "Ben", 40, "waiter"),
    person("A2", "Cleo", 60, "chef"),
    person("A3", "Dan", None, "actor"),
)


def pool_of(*environments, agents=PEOPLE, relationships=(), **options):
    options.setdefault("source", "people.jsonl")
    return Pool(environments=environments, agents=agents, relationships=relationships, **options)


def keys(combos):
    return [(combo.environment.pk, *(agent.pk for agent in combo.agents)) for combo in combos]


def draw(pool, seats=None, seed=0, **options):
    return list(ConstraintBasedSampler(**options).sample(pool, seats, random.Random(seed)))


def all_of(pool, **options):
    """Return the keys of every combo that there is, by asking for one more."""
    with pytest.raises(InputError, match="different combos that meet the constraints") as caught:
        draw(pool, size=100_000, replacement=False, **options)
    return set(keys(draw(pool, size=int(str(caught.value).split()[2]), replacement=False, **options)))


def complaint(pool, seats=None, **options):
    with pytest.raises(InputError) as caught:
        draw(pool, seats, **options)
    return str(caught.value)


# --- everything that fits, and nothing else

people = st.builds(
    lambda name, age, work: (name, age, work),
    st.sampled_from("abcd"),
    st.none() | st.integers(18, 22),
    st.sampled_from(["chef", "waiter"]),
)
seat_asks = st.tuples(
    st.none() | st.tuples(st.integers(18, 20), st.integers(20, 22)),
    st.none() | st.sampled_from(["chef", "waiter", "pilot"]),
    st.none() | st.lists(st.sampled_from("abcd"), min_size=1, max_size=2),
)


@st.composite
def pools(draw):
    cast = [person(f"A{n}", *facts) for n, facts in enumerate(draw(st.lists(people, max_size=6)))]
    pairs = list(combinations([agent.pk for agent in cast], 2))
    known = draw(st.lists(st.tuples(st.sampled_from(pairs), st.integers(0, 3)), max_size=8)) if pairs else []
    asked = {}
    environments = []
    for n in range(draw(st.integers(1, 3))):
        asks = draw(st.lists(seat_asks, min_size=2, max_size=3))
        asked[f"E{n}"] = asks
        ages, occupations, agents = (list(column) for column in zip(*asks, strict=True))
        environments.append(
            scenario(
                f"E{n}",
                len(asks),
                draw(st.sampled_from([0, 0, 2, 3])),
                age_constraint=str(ages),
                occupation_constraint=occupations,
                agent_constraint=agents,
            )
        )
    stand = [knows(*(pair if position % 2 else reversed(pair)), kind) for position, (pair, kind) in enumerate(known)]
    return pool_of(*environments, agents=tuple(cast), relationships=tuple(stand)), asked


def meets(agent, ask):
    ages, occupation, names = ask
    fits_age = ages is None or (agent.age is not None and ages[0] <= agent.age <= ages[1])
    return fits_age and occupation in (None, agent.occupation) and (names is None or agent.name in names)


def stand(pool, environment, one, other):
    found = [r.relationship for r in pool.relationships if {r.agent_1_id, r.agent_2_id} == {one.pk, other.pk}]
    return environment.relationship in (found or [0])


def brute_force(pool, asked):
    return {
        (environment.pk, *(agent.pk for agent in cast))
        for environment in pool.environments
        for cast in permutations(pool.agents, len(environment.agent_goals))
        if len({agent.name for agent in cast}) == len(cast)
        and all(map(meets, cast, asked[environment.pk]))
        and all(stand(pool, environment, *pair) for pair in combinations(cast, 2))
    }


@pytest.mark.parametrize(("listed", "tries"), [(10_000, 1), (0, 1000), (0, 2)], ids=["listed", "tried", "both"])
@given(found=pools(), seed=st.integers(0, 2**32))
def test_all_that_fits_can_be_had_and_nothing_else(listed, tries, found, seed):
    pool, asked = found
    fitting = brute_force(pool, asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(casting, "LISTED", listed)
        patch.setattr(casting, "TRIES", tries)
        if not fitting:
            assert complaint(pool).startswith("no scenario in people.jsonl can be cast: scenario 'E0': seat")
            return
        drawn = keys(draw(pool, seed=seed, size=len(fitting), replacement=False))
        assert sorted(drawn) == sorted(fitting)
        assert set(keys(draw(pool, seed=seed, size=20))) <= fitting
        text = complaint(pool, size=len(fitting) + 1, replacement=False)
    assert text.startswith(f"people.jsonl makes {len(fitting)} different combos that meet the constraints")


@given(found=pools(), order=st.randoms(use_true_random=False))
def test_the_order_of_the_pool_does_not_matter(found, order):
    pool, asked = found
    if not brute_force(pool, asked):
        return
    kinds = ("agents", "environments", "relationships")
    mixed = pool.model_copy(
        update={kind: tuple(order.sample(getattr(pool, kind), len(getattr(pool, kind)))) for kind in kinds}
    )
    assert keys(draw(mixed, size=9)) == keys(draw(pool, size=9))


@pytest.mark.parametrize("listed", [10_000, 0])
def test_scenarios_are_equally_likely_and_so_are_all_casts_that_fit(listed, monkeypatch):
    monkeypatch.setattr(casting, "LISTED", listed)
    pool = pool_of(
        scenario("E0", occupation_constraint="[chef, nan]"),
        scenario("E1", seats=3, relationship=3),
        relationships=(knows("A0", "A1", 3), knows("A1", "A2", 3), knows("A2", "A0", 3), knows("A3", "A0", 3)),
    )
    drawn = Counter(keys(draw(pool, size=12_000)))
    # E0: strangers, a chef first: Cleo and Dan. E1: Ada, Ben and Cleo in any order.
    assert len(drawn) == 1 + 6
    assert abs(drawn["E0", "A2", "A3"] - 6000) < 300
    assert all(abs(count - 1000) < 150 for key, count in drawn.items() if key[0] == "E1")


# --- each constraint, in the shapes that files have


@pytest.mark.parametrize(
    ("constraints", "there"),
    [
        ({"age_constraint": "[(18, 70), (18, 70)]"}, set(permutations(["A0", "A1", "A2"], 2))),
        ({"age_constraint": "[(18, 30), (31, 50)]"}, {("A0", "A1")}),
        ({"age_constraint": [[50, 70], None]}, {("A2", "A0"), ("A2", "A1"), ("A2", "A3")}),
        ({"occupation_constraint": "[actor, [chef, waiter]]"}, {("A3", "A0"), ("A3", "A1"), ("A3", "A2")}),
        ({"agent_constraint": [["Ben", "A3"], "Ada"]}, {("A1", "A0"), ("A3", "A0")}),
        (
            {"age_constraint": "[(18, 30), nan]", "occupation_constraint": "[nan, chef]", "agent_constraint": "none"},
            {("A0", "A2")},
        ),
    ],
)
def test_seats_go_to_those_whom_they_admit(constraints, there):
    assert {key[1:] for key in all_of(pool_of(scenario(**constraints)))} == there


@pytest.mark.parametrize("nothing", ["nan", "none", "", None, [], "[nan, nan]"])
def test_what_files_write_for_no_constraint_is_none(nothing):
    names = ("age_constraint", "occupation_constraint", "agent_constraint")
    assert len(all_of(pool_of(scenario(**dict.fromkeys(names, nothing))))) == 12


def test_one_whose_age_is_unknown_fits_no_range_of_ages():
    assert all("A3" not in key for key in all_of(pool_of(scenario(age_constraint="[(1, 120), (1, 120)]"))))


def test_a_relationship_holds_both_ways_and_between_every_two_of_a_cast():
    relationships = (knows("A0", "A1", 3), knows("A2", "A1", 3), knows("A2", "A0", 2))
    two = pool_of(scenario(relationship=3), relationships=relationships)
    assert {key[1:] for key in all_of(two)} == {("A0", "A1"), ("A1", "A0"), ("A1", "A2"), ("A2", "A1")}
    three = pool_of(scenario(seats=3, relationship=3), relationships=relationships)
    assert "seats 0, 1 and 2 ask for the relationship friend, and no 3 of Ada, Ben, Cleo and Dan" in complaint(three)


def test_strangers_are_those_who_have_no_stored_relationship_or_that_of_strangers():
    relationships = (knows("A0", "A1", 3), knows("A0", "A2", 0), knows("A1", "A2", 1), knows("A3", "A1", 4))
    strangers = {frozenset(key[1:]) for key in all_of(pool_of(scenario(), relationships=relationships))}
    assert strangers == {frozenset(pair) for pair in [("A0", "A2"), ("A0", "A3"), ("A2", "A3")]}


@pytest.mark.parametrize("first", [2, 3])
def test_two_who_are_stored_twice_fit_as_either_and_meet_as_they_were_chosen(first):
    relationships = (knows("A0", "A1", first), knows("A1", "A0", 5 - first))
    for asked in (2, 3):
        for combo in draw(pool_of(scenario(relationship=asked), relationships=relationships), size=5):
            assert set(combo.names) == {"Ada", "Ben"}
            assert combo.relationship(0, 1) == asked


@pytest.mark.parametrize("hold", [True, False])
def test_relationships_are_heeded_whether_or_not_agents_meet_in_the_stored_ones(hold):
    pool = pool_of(scenario(relationship=3), relationships=(knows("A0", "A1", 3),), stored_relationships=hold)
    (combo,) = draw(pool)
    assert set(combo.names) == {"Ada", "Ben"}
    assert combo.relationship(0, 1) == 3
    assert bool(combo.relationships) == hold


@pytest.mark.parametrize(
    ("constraint", "asked"),
    [
        ("age", {"age_constraint": "[(1, 2), (1, 2)]"}),
        ("occupation", {"occupation_constraint": "[pilot, pilot]"}),
        ("agent", {"agent_constraint": "[Zoe, Zoe]"}),
        ("relationship", {"relationship": 5}),
    ],
)
def test_what_is_ignored_is_not_heeded(constraint, asked):
    pool = pool_of(scenario(**asked))
    assert "can be cast" in complaint(pool)
    assert len(all_of(pool, ignore=(constraint,))) == 12


# --- why nothing fits

WHAT_TO_DO = "; add agents or relationships, or name in ignore which constraints not to heed"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"age_constraint": "[(18, 70), (80, 90)]"},
            "seat 1 asks for age 80 to 90, and none of 4 agents will do",
        ),
        (
            {"age_constraint": "[(50, 70), nan]", "occupation_constraint": "[waiter, nan]"},
            "seat 0 asks for age 50 to 70, occupation 'waiter': of 4 agents there are 1 with age 50 to 70, 1 with "
            "occupation 'waiter', none with all",
        ),
        (
            {"occupation_constraint": "[waiter, waiter]"},
            "seats 0 and 1 ask for occupation 'waiter', and only Ben will do, where 2 names are needed",
        ),
        (
            {"agent_constraint": [["Ada", "Ben"], ["Ben", "Ada"], "Ada"], "seats": 3},
            "seats 0, 1 and 2 ask for agent 'Ada' or 'Ben'; agent 'Ben' or 'Ada'; agent 'Ada', and only Ada and Ben "
            "will do, where 3 names are needed",
        ),
        (
            {"relationship": 3, "agent_constraint": "[Ada, [Ben, Cleo]]"},
            "seats 0 and 1 ask for the relationship friend, and no two of Ada, Ben and Cleo have it to one another",
        ),
        (
            {"seats": 5},
            "seats 0, 1, 2, 3 and 4 ask for anybody, and only Ada, Ben, Cleo and Dan will do, where 5 names are needed",
        ),
    ],
)
def test_the_reason_names_scenario_seats_constraint_and_whom_it_leaves(asked, reason):
    text = complaint(pool_of(scenario(**asked), relationships=(knows("A1", "A2", 3),)))
    assert text == f"no scenario in people.jsonl can be cast: scenario 'E0': {reason}{WHAT_TO_DO}"


def test_of_many_scenarios_the_first_three_are_told():
    text = complaint(pool_of(*(scenario(f"E{n}", agent_constraint="[Zoe, nan]") for n in range(9))))
    assert text.count("seat 0 asks for agent 'Zoe', and none of 4 agents will do") == 3
    assert text.endswith(f"; and 6 more{WHAT_TO_DO}")


def test_scenarios_that_nobody_fits_are_left_out_with_a_warning(caplog):
    pool = pool_of(scenario("E0"), scenario("E1", relationship=4))
    with caplog.at_level(logging.WARNING, "sotopia.samplers"):
        drawn = draw(pool, size=20)
    assert {combo.environment.pk for combo in drawn} == {"E0"}
    assert caplog.messages == [
        "left out of people.jsonl: scenario 'E1': seats 0 and 1 ask for the relationship romantic_relationship, and no "
        "two of Ada, Ben, Cleo and Dan have it to one another"
    ]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"age_constraint": "[(70, 18), nan]"},
            "age_constraint: seat 0: nobody is from 70 to 18 years old; write the lower age first",
        ),
        (
            {"occupation_constraint": "[chef]"},
            "occupation_constraint: expected an entry for each of the 2 seats, found 1 in '[chef]'",
        ),
    ],
)
def test_a_constraint_that_cannot_be_read_is_an_error_and_never_no_constraint(asked, reason):
    pool = pool_of(scenario("E0"), scenario("E1", **asked))
    assert complaint(pool) == f"scenario 'E1' in people.jsonl: {reason}"


# --- large casts, real files, other processes


def test_eight_strangers_out_of_forty_are_drawn_without_listing_all_casts():
    agents = tuple(person(f"A{n:02}", f"N{n}", 20 + n) for n in range(40))
    known = tuple(knows(f"A{n:02}", f"A{(n + step) % 40:02}", 3) for n in range(40) for step in (1, 2, 3))
    pool = pool_of(scenario(seats=8, age_constraint=str([(20, 40), *[(20, 70)] * 7])), agents=agents)
    pool = pool.model_copy(update={"relationships": known})
    drawn = draw(pool, size=9, replacement=False)
    assert len(set(keys(drawn))) == 9
    pairs = {frozenset((r.agent_1_id, r.agent_2_id)) for r in known}
    for combo in drawn:
        assert combo.agents[0].age <= 40
        assert not any(frozenset((one.pk, other.pk)) in pairs for one, other in combinations(combo.agents, 2))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize("kind", ["native", "exported"])
def test_published_scenarios_are_cast_as_they_ask(kind):
    from sotopia_core.database.files import read_pool_files

    records = read_pool_files([f"{SHARED}/{kind}/*.json*"], Path())
    of = {kind: tuple(r for r in records if type(r).__name__ == kind) for kind in {type(r).__name__ for r in records}}
    relationships = of.get("RelationshipProfile", ())
    ignore = () if relationships else ("relationship",)
    pool = pool_of(*of["EnvironmentProfile"], agents=of["AgentProfile"], relationships=relationships)
    drawn = draw(pool, size=2000, replacement=False, ignore=ignore)
    assert len(set(keys(drawn))) == 2000
    assert len({combo.environment.pk for combo in drawn}) == 89  # one asks for actors, and there are none
    for combo in drawn:
        assert all(18 <= agent.age <= 70 for agent in combo.agents)
        assert ignore or stand(pool, combo.environment, *combo.agents)


def test_the_same_seed_draws_the_same_in_every_process():
    program = (
        "from sotopia_core.digests import generator\n"
        "from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, Pool\n"
        "from sotopia_core.profiles import RelationshipProfile\n"
        "from sotopia_core.samplers import CombosSampler, ConstraintBasedSampler\n"
        "pool = Pool(\n"
        "    environments=[\n"
        "        EnvironmentProfile(pk=f'E{n}', scenario='s', agent_goals=['g'] * (2 + n % 2), relationship=n % 4,\n"
        "            age_constraint=[(20, 40 + n)] * (2 + n % 2)) for n in range(9)\n"
        "    ],\n"
        "    agents=[AgentProfile(pk=f'A{n}', first_name=f'N{n % 25}', age=20 + n) for n in range(30)],\n"
        "    relationships=[\n"
        "        RelationshipProfile(agent_1_id=f'A{n}', agent_2_id=f'A{m}', relationship=(n * m) % 6)\n"
        "        for n in range(30) for m in range(n)\n"
        "    ],\n"
        "    combos=[EnvAgentComboStorage(pk=f'C{n}', env_id='E0', agent_ids=[f'A{n}', 'A29']) for n in range(4)],\n"
        ")\n"
        "for sampler in (\n"
        "    ConstraintBasedSampler(size=20), ConstraintBasedSampler(size=20, replacement=False),\n"
        "    CombosSampler(shuffle=True, swap=True),\n"
        "):\n"
        "    for combo in sampler.sample(pool, None, generator('run', 7)):\n"
        "        print(combo.environment.pk, *(agent.pk for agent in combo.agents))\n"
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
    assert len(printed[0].splitlines()) == 20 + 20 + 8
    assert printed[0] == printed[1]
