"""A suite that cannot fail is worth nothing: for each of its tests, a broken component that fails it."""

from __future__ import annotations

import inspect
import random
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sotopia_core.database.files import read_pool_files
from sotopia_core.errors import ModelAccessError
from sotopia_core.interfaces import Verdict
from sotopia_core.models import Completion
from sotopia_core.packs import Pack
from sotopia_core.registry import Registry
from sotopia_testing import casts
from sotopia_testing.agents import AgentContract
from sotopia_testing.components import ComponentContract
from sotopia_testing.dimensions import DimensionsContract
from sotopia_testing.models import ModelContract
from sotopia_testing.orderings import OrderingContract
from sotopia_testing.packs import PackContract
from sotopia_testing.plugins import PluginContract
from sotopia_testing.response_evaluators import ResponseEvaluatorContract
from sotopia_testing.samplers import SamplerContract
from sotopia_testing.terminal_evaluators import TerminalEvaluatorContract
from tests.contracts import eager
from tests.contracts.broken import (
    CHARACTER,
    OTHER,
    SCENARIO,
    SECRET,
    SUITES,
    Changeable,
    Crashing,
    Fleeting,
    Forgetful,
    Hoarder,
    Indiscreet,
    Lenient,
    Numbered,
    PickyEnd,
    Shouting,
    Unclosable,
    Undocumented,
    Unequal,
    Unwritable,
    Whimsical,
    ZeroForFailure,
    agent,
    changing,
    closing_once,
    counted,
    counting,
    endless,
    everybody,
    fitting,
    forever,
    gossip,
    model,
    one_at_a_time,
    one_dimension,
    only_other,
    ordering,
    pack,
    plugin,
    raising,
    response,
    rotating,
    sampler,
    saying,
    scored,
    shared_count,
    sleeping,
    terminal,
    turning,
)
from tests.contracts.careless import Careless
from tests.core.casts import Says, speak

ONE_GOAL = {**SCENARIO, "agent_goals": ["Swim."]}
TELLING = {**SCENARIO, "scenario": "They meet at a pool. Bob owes money."}
COMBO = {"pk": "c", "env_id": "elsewhere", "agent_ids": ["ann", "bob"]}

BROKEN: list[tuple[type, str, str, Any]] = [
    (
        ComponentContract,
        "test_it_says_what_it_is_in_its_docstring",
        "Undocumented has no docstring of its own",
        Undocumented(),
    ),
    (ComponentContract, "test_its_options_cannot_change", "DID NOT RAISE ValidationError", Changeable()),
    (
        ComponentContract,
        "test_its_options_come_back_from_a_run_file",
        "written as TOML and read again, {'word': 'WOR",
        Shouting(),
    ),
    (ComponentContract, "test_its_options_are_json", "Object of type set is not JSON serializable", Unwritable()),
    (ComponentContract, "test_the_same_options_make_an_equal_component", "two with the same options differ", Unequal()),
    (ComponentContract, "test_its_prompts_are_named_texts", "prompts() has 3 under 'system'", Numbered()),
    (ComponentContract, "test_an_unknown_option_is_refused_by_name", "DID NOT RAISE ValidationError", Lenient()),
    (
        ComponentContract,
        "test_a_wrong_option_is_refused_by_name",
        "'Nothing' object has no attribute 'strip'",
        Crashing(),
    ),
    (
        ComponentContract,
        "test_importing_it_changes_nothing",
        "importing tests.contracts.careless changes the environment's variables",
        Careless(),
    ),
    (
        AgentContract,
        "test_every_action_is_one_that_is_open_to_it",
        "Ada Lind (Broken) failed at turn 0: it gave str, not an AgentAction",
        agent(lambda self, observation: "hello"),
    ),
    (
        AgentContract,
        "test_it_plays_with_two_or_more_others",
        "{goal} (Broken) failed at turn 0: ValueError:",
        agent(only_other),
    ),
    (
        AgentContract,
        "test_the_same_seed_repeats_the_same_actions",
        "it acts otherwise the second time",
        agent(lambda *_: speak(str(random.random()))),
    ),
    (
        AgentContract,
        "test_if_it_is_recallable_the_same_replies_lead_to_the_same_actions",
        "it says that it is recallable, and acts otherwise upon the same replies",
        Whimsical(),
    ),
    (AgentContract, "test_episodes_share_nothing", "it acts otherwise beside other episodes", shared_count()),
    (
        AgentContract,
        "test_its_options_are_the_same_after_an_episode",
        "Ada Lind changed its options; what it remembers is no option",
        Hoarder(words=[]),
    ),
    (
        AgentContract,
        "test_it_neither_says_nor_asks_what_it_was_never_told",
        "Ada Lind said at turn 0 what nobody told them",
        gossip(),
    ),
    (
        AgentContract,
        "test_a_resumed_agent_goes_on_as_if_nothing_had_happened",
        "replayed up to turn 1, it acts otherwise at t",
        Forgetful(),
    ),
    (
        AgentContract,
        "test_it_lets_others_go_on",
        "nothing else could go on for",
        agent(lambda *_: time.sleep(0.2) or speak("well")),
    ),
    (AgentContract, "test_it_stops_when_it_is_cancelled", "it goes on after it was cancelled", agent(endless)),
    (
        AgentContract,
        "test_it_can_be_closed_at_any_time",
        "Unclosable is not seated yet; the kernel binds the seat before turn 0",
        Unclosable(),
    ),
    (
        OrderingContract,
        "test_it_names_some_who_remain_each_once",
        "['李 雷', '<b>Bo</b>', 'Ada Lind'] are not all ",
        ordering(lambda t, _: t.names),
    ),
    (
        OrderingContract,
        "test_the_same_generator_repeats_the_same_choice",
        "it chooses otherwise the second time",
        rotating(),
    ),
    (
        OrderingContract,
        "test_it_draws_from_the_generator_it_is_given",
        "it draws from the global generator",
        ordering(lambda t, _: [random.choice(t.remaining)]),
    ),
    (
        OrderingContract,
        "test_episodes_share_nothing",
        "it chooses otherwise when it has seen other episodes",
        rotating(),
    ),
    (
        OrderingContract,
        "test_it_carries_an_episode_to_its_end",
        "Broken failed choosing who acts: 'Zoë \"Z\" O\\'",
        ordering(lambda t, _: t.names[:1]),
    ),
    (
        SamplerContract,
        "test_it_draws_combos_out_of_the_pool",
        "bakery_99_2 is not in the pool",
        sampler(lambda *_: [casts.cast(episode=99)]),
    ),
    (SamplerContract, "test_it_ends", "it drew 10000 combos from a small pool and we", sampler(forever)),
    (
        SamplerContract,
        "test_it_seats_as_many_as_it_is_asked_for",
        "it was asked for 3 seats and filled 2",
        sampler(lambda pool, seats, random: fitting(pool, 2, random)),
    ),
    (
        SamplerContract,
        "test_the_same_generator_repeats_the_same_combos",
        "it draws something else the second time",
        turning(),
    ),
    (
        SamplerContract,
        "test_it_draws_from_the_generator_it_is_given",
        "it draws from the global generator",
        sampler(lambda pool, seats, _: fitting(pool, seats, _, lambda found: random.sample(found, 2))),
    ),
    (
        SamplerContract,
        "test_a_pool_that_gives_nothing_is_said_in_one_line",
        "DID NOT RAISE InputError",
        sampler(lambda *_: []),
    ),
    (
        ResponseEvaluatorContract,
        "test_it_gives_verdicts",
        "it gave False, which is no Verdict",
        response(lambda *_: False),
    ),
    (
        ResponseEvaluatorContract,
        "test_the_same_seed_repeats_the_same_verdict",
        "it judges otherwise the second time",
        response(lambda *_: Verdict(terminated=False, comments=str(random.random()))),
    ),
    (
        ResponseEvaluatorContract,
        "test_episodes_share_nothing",
        "it judges otherwise beside other episodes",
        response(counting()),
    ),
    (
        ResponseEvaluatorContract,
        "test_its_comments_give_no_goal_or_secret_away",
        "its comments are shown to everybody",
        response(lambda transcript, _: Verdict(terminated=False, comments=str(transcript.background))),
    ),
    (
        ResponseEvaluatorContract,
        "test_it_lets_others_go_on",
        "nothing else could go on for",
        response(sleeping(Verdict(terminated=False))),
    ),
    (
        ResponseEvaluatorContract,
        "test_it_stops_when_it_is_cancelled",
        "it goes on after it was cancelled",
        response(endless),
    ),
    (
        TerminalEvaluatorContract,
        "test_its_dimensions_stay_the_same",
        "its dimensions change",
        terminal(everybody(1), changing()),
    ),
    (
        TerminalEvaluatorContract,
        "test_everybody_is_scored_or_unscored_by_name",
        "it judged ['Ada Lind']; the cast is ('Ada Lin",
        terminal(lambda transcript, _: {transcript.names[0]: scored(1)}),
    ),
    (
        TerminalEvaluatorContract,
        "test_every_dimension_has_a_score_on_its_scale",
        "tact 11 is outside 0..10",
        terminal(everybody(11)),
    ),
    (
        TerminalEvaluatorContract,
        "test_every_score_comes_with_its_reasoning",
        "Ada Lind has a score on tact, and nobody knows why",
        terminal(everybody(1, " ")),
    ),
    (
        TerminalEvaluatorContract,
        "test_its_judgements_are_json",
        "surrogates not allowed",
        terminal(everybody(1, "\ud800")),
    ),
    (
        TerminalEvaluatorContract,
        "test_the_same_seed_repeats_the_same_scores",
        "it scores otherwise the second time",
        terminal(lambda transcript, _: everybody(random.randrange(10))(transcript, _)),
    ),
    (
        TerminalEvaluatorContract,
        "test_episodes_share_nothing",
        "it scores otherwise beside other episodes",
        terminal(counted()),
    ),
    (
        TerminalEvaluatorContract,
        "test_a_model_that_fails_gives_no_score",
        "its model gave no usable reply, and Ada Lind was scored nevertheless",
        ZeroForFailure(),
    ),
    (TerminalEvaluatorContract, "test_it_lets_others_go_on", "nothing else could go on for", terminal(sleeping())),
    (
        TerminalEvaluatorContract,
        "test_it_stops_when_it_is_cancelled",
        "it goes on after it was cancelled",
        terminal(endless),
    ),
    (
        DimensionsContract,
        "test_every_field_is_a_dimension_with_both_bounds",
        "One.tact is no dimension: it has no upper bound (ge=, le=)",
        one_dimension(ge=0, description="How?"),
    ),
    (
        DimensionsContract,
        "test_every_dimension_tells_the_judge_what_is_meant",
        "tact has no rubric; write it as Field(description=...)",
        one_dimension(ge=0, le=1),
    ),
    (
        DimensionsContract,
        "test_it_survives_being_data",
        "Input should be a finite number",
        one_dimension(annotation=float, ge=float("-inf"), le=1, description="How?"),
    ),
    (
        DimensionsContract,
        "test_it_can_be_written_in_a_run_file",
        "One.tact is no dimension: it must be an int o",
        one_dimension(annotation=str, description="How?"),
    ),
    (
        DimensionsContract,
        "test_its_digest_is_the_same_in_every_process",
        "another process reads other dimensions",
        Fleeting,
    ),
    (DimensionsContract, "test_a_score_can_be_given_at_either_end", "zero is no score here", PickyEnd),
    (ModelContract, "test_it_has_a_name_for_records", "is no name", model(saying(), label=property(lambda self: ""))),
    (
        ModelContract,
        "test_it_answers_with_text_and_says_what_that_took",
        "it gave str, not a Completion",
        model(lambda *_: "Hm."),
    ),
    (ModelContract, "test_its_completions_can_be_kept", "not JSON compliant", model(saying(latency=float("nan")))),
    (
        ModelContract,
        "test_a_value_is_of_the_type_asked_for_or_a_model_error",
        "no luck",
        model(raising(ValueError("no luck"))),
    ),
    (
        ModelContract,
        "test_the_same_request_gives_the_same_text",
        "it answers otherwise the second time",
        model(lambda self, request: Completion(text=str(random.random()), model="broken")),
    ),
    (ModelContract, "test_it_answers_many_at_one_time", "I am busy", one_at_a_time()),
    (
        ModelContract,
        "test_it_lets_others_go_on",
        "nothing else could go on for",
        model(lambda *_: time.sleep(0.2) or Completion(text="Hm.", model="broken")),
    ),
    (ModelContract, "test_it_stops_when_it_is_cancelled", "it goes on after it was cancelled", model(endless)),
    (ModelContract, "test_it_can_be_closed_at_any_time", "closed already", closing_once()),
    (
        ModelContract,
        "test_whether_it_can_be_reached_is_said_before_anything_is_asked",
        "no key",
        model(saying(), check_access=raising(ModelAccessError("no key"))),
    ),
    (ModelContract, "test_its_key_turns_up_nowhere", "its key stands in what is shown", Indiscreet()),
    (
        PackContract,
        "test_it_has_a_name_and_says_what_it_is",
        "tales has no description",
        lambda tmp: pack(tmp, CHARACTER, description=""),
    ),
    (
        PackContract,
        "test_its_files_are_there_whatever_the_working_directory",
        "no file matches",
        lambda tmp: Pack(name="tales", description="Old tales", files=(tmp / "absent.jsonl",)),
    ),
    (
        PackContract,
        "test_it_can_be_read",
        "no kind of record fits",
        lambda tmp: pack(tmp, {"pk": "x", "colour": "red"}),
    ),
    (
        PackContract,
        "test_lint_finds_no_error",
        "the scenario has 1 of at least 2 goal",
        lambda tmp: pack(tmp, ONE_GOAL),
    ),
    (
        PackContract,
        "test_primary_keys_and_names_are_its_own",
        "two characters share a name, and could never meet",
        lambda tmp: pack(tmp, CHARACTER, {**CHARACTER, "pk": "ann-2"}),
    ),
    (
        PackContract,
        "test_every_scenario_can_be_played_and_keeps_its_secrets",
        "pool tells Ann the secret of Bob",
        lambda tmp: pack(tmp, CHARACTER, OTHER, TELLING),
    ),
    (
        PackContract,
        "test_its_combos_refer_to_what_is_there",
        "combo c refers to elsewhere, which the pack does not bring",
        lambda tmp: pack(tmp, CHARACTER, OTHER, COMBO),
    ),
    (PluginContract, "test_it_loads", "unknown hook 'sotopia_agentz'", plugin(sotopia_agentz=[])),
    (
        PluginContract,
        "test_no_name_is_offered_twice",
        "a name is offered twice: [('agents', 'Says'), ('agents', 'Says')]",
        plugin(sotopia_agents=[Says, Says]),
    ),
    (
        PluginContract,
        "test_everything_it_offers_can_be_had",
        "plugin plugin (this process) failed providing",
        plugin(sotopia_agents=["json:Parrot"]),
    ),
    (
        PluginContract,
        "test_listing_it_imports_none_of_its_components",
        "importing tests.contracts.eager imports tests",
        eager,
    ),
    (
        PluginContract,
        "test_importing_it_changes_nothing",
        "importing tests.contracts.careless changes the environment's variables",
        sys.modules[Careless.__module__],
    ),
]


def fixtures(suite: type, given: Any) -> dict[str, Any]:
    """Return what the fixtures of a suite give its tests about a component."""
    scenes = casts.transcripts()
    made: dict[str, Any] = {"scenes": [one for one in scenes if one.remaining or suite is not OrderingContract]}
    made |= {"seats": 3, "pool": casts.pool()}
    if suite is PackContract:
        made["records"] = read_pool_files([str(path) for path in given.files], Path())
    if suite is PluginContract:
        made["registry"] = Registry()
        made["registry"].register(given, "plugin")
    return made


@pytest.mark.parametrize(
    ("suite", "name", "cause", "broken"), BROKEN, ids=[f"{one.__name__}-{name}" for one, name, *_ in BROKEN]
)
def test_a_broken_component_fails(suite, name, cause, broken, tmp_path):
    class Impatient(suite):
        seconds_of_standstill: ClassVar[float] = 0.1
        seconds_to_stop: ClassVar[float] = 0.1
        repeatable: ClassVar[bool] = True
        secret: ClassVar[str] = SECRET

    def run_it() -> None:
        given = broken(tmp_path) if suite is PackContract else broken
        made = fixtures(suite, given)
        test(**{one: made.get(one, given) for one in inspect.signature(test).parameters})

    test = getattr(Impatient(), name)
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        run_it()
    assert cause in str(caught.value)


def test_every_test_of_every_suite_is_shown_to_fail():
    own = {(suite, name) for suite in SUITES for name in vars(suite) if name.startswith("test_")}
    assert own == {(suite, name) for suite, name, *_ in BROKEN}
