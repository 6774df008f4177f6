"""Playing from Python: the documented ``run_async_server``, and ``play`` for one episode."""

import asyncio
import json
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from sotopia_agents.llm import LLMAgent
from sotopia_agents.seats import take_seat
from sotopia_core import samplers
from sotopia_core.database import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentProfile,
    EpisodeLog,
    RunRecord,
    use_default_storage,
    use_storage,
)
from sotopia_core.errors import ConfigError, InputError, ModelAccessError, ModelError, PluginError
from sotopia_core.interfaces import Agent, Model
from sotopia_core.messages import AgentAction, Observation
from sotopia_core.models import Completion, ModelRequest
from sotopia_core.samplers import CombosSampler, UniformSampler
from sotopia_core.server import EpisodeMessages, play, run_async_server
from sotopia_evaluators.dimensions import SotopiaDimensions
from sotopia_evaluators.judge import ReachGoalLLMEvaluator
from sotopia_evaluators.rules import RuleBasedTerminatedEvaluator
from sotopia_models.offline import Offline
from sotopia_orderings.simultaneous import Simultaneous
from sotopia_testing.scripted_model import ScriptedModel
from tests.cli.command import environment
from tests.core.casts import After, Fixed, Says, character, combo

TWO = {"env": "offline", "agent1": "offline", "agent2": "offline"}
MIA_AND_LEO = (
    EnvironmentProfile(
        pk="ladder",
        codename="ladder",
        scenario="Two neighbours meet at the fence.",
        agent_goals=("Borrow the ladder until Sunday.", "Keep the ladder in your own shed."),
    ),
    [AgentProfile(pk="mia", first_name="Mia"), AgentProfile(pk="leo", first_name="Leo", secret="It is broken.")],
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Begin where nothing steers the choice of the store and no store has been made."""
    monkeypatch.delenv("SOTOPIA_STORAGE", raising=False)
    monkeypatch.delenv("REDIS_OM_URL", raising=False)
    for name in ("before", "here", "after"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "before")
    use_default_storage()
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "here"
    monkeypatch.chdir(tmp_path / "after")
    use_default_storage()


def played(**arguments: object) -> list[EpisodeMessages]:
    """Call from a plain script: no loop is running."""
    return asyncio.run(run_async_server(**{"model_dict": TWO, **arguments}))


def who_acts(messages: EpisodeMessages) -> list[list[str]]:
    """Return for each turn the names of those who acted."""
    return [list(turn.actions) for turn in messages.episode.turns if turn.actions]


class TestTheDocumentedCall:
    def test_it_plays_one_combo_and_returns_its_messages_turn_by_turn(self):
        episodes = played(sampler=UniformSampler())
        assert len(episodes) == 1
        opening, *_, end = episodes[0]
        one, other = episodes[0].episode.agent_names
        assert [(sender, receiver) for sender, receiver, _ in opening] == [
            ("Environment", one),
            ("Environment", other),
            (one, "Environment"),
            (other, "Environment"),
        ]
        assert opening[0][2].startswith("Scenario: ")
        assert opening[2][2].startswith('said: "')
        assert opening[3][2] == "did nothing"
        assert {sender for sender, _, _ in end} == {"Environment"}

    def test_the_messages_come_with_the_whole_record(self):
        messages = played(sampler=UniformSampler())[0]
        assert messages == messages.episode.messages
        assert messages.episode.status == "scored"
        assert all(reward[1].keys() >= set(SotopiaDimensions.model_fields) for reward in messages.episode.rewards)
        assert messages.episode.provenance.offline

    def test_the_messages_can_be_written_as_json_and_pickled(self):
        messages = played()[0]
        assert json.loads(json.dumps(messages)) == json.loads(json.dumps(messages.episode.messages))
        assert pickle.loads(pickle.dumps(messages)).episode == messages.episode

    def test_the_sampler_says_how_many_are_drawn(self):
        assert len(played(sampler=UniformSampler(size=5))) == 5

    def test_without_a_sampler_one_combo_is_drawn(self):
        assert len(played()) == 1

    def test_the_same_seed_draws_and_plays_the_same(self):
        first, again, other = (played(sampler=UniformSampler(size=3), seed=seed) for seed in (4, 4, 5))
        assert first == again
        assert first != other
        assert [m.episode.pk for m in first] != [m.episode.pk for m in again]

    async def test_it_is_awaited_inside_a_running_loop(self):
        assert len(await run_async_server(model_dict=TWO, sampler=UniformSampler())) == 1

    def test_it_is_called_in_a_thread(self):
        returned: list[list[EpisodeMessages]] = []
        thread = threading.Thread(target=lambda: returned.append(played()))
        thread.start()
        thread.join(timeout=60)
        assert returned == [played()]

    async def test_concurrent_calls_get_what_they_asked_for_each(self):
        use_storage("memory://")
        calls = [
            run_async_server(model_dict=TWO, sampler=UniformSampler(size=3), seed=seed, tag=f"t{seed}", push_to_db=True)
            for seed in range(4)
        ]
        together = await asyncio.gather(*calls)
        alone = [await run_async_server(model_dict=TWO, sampler=UniformSampler(size=3), seed=s) for s in range(4)]
        assert together == alone
        for seed, episodes in enumerate(together):
            kept = {episode.pk for episode in EpisodeLog.find(tag=f"t{seed}").all()}
            assert kept == {messages.episode.pk for messages in episodes}

    def test_threads_keep_their_episodes_in_one_store(self, folder):
        def call(number: int) -> None:
            played(sampler=UniformSampler(size=2), seed=number, tag=f"thread {number}", push_to_db=True)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert [EpisodeLog.find(tag=f"thread {number}").count() for number in range(4)] == [2] * 4


class TestWhoActsAndWhoSees:
    def test_round_robin_goes_through_the_seats(self):
        messages = played(action_order="round-robin")[0]
        one, other = messages.episode.agent_names
        assert who_acts(messages)[:4] == [[one], [other], [one], [other]]

    def test_simultaneous_has_all_act_at_once(self):
        messages = played(action_order="simultaneous")[0]
        assert who_acts(messages)[0] == list(messages.episode.agent_names)

    def test_random_draws_one_each_turn(self):
        turns = who_acts(played(action_order="random", seed=2)[0])
        assert all(len(names) == 1 for names in turns)
        assert any(before == after for before, after in pairwise(turns))

    @pytest.mark.parametrize("omniscient", [False, True])
    def test_omniscient_shows_the_other_goal(self, omniscient):
        messages = played(env_agent_combo_list=[MIA_AND_LEO], omniscient=omniscient)[0]
        background = messages.episode.turns[0].observations["Mia"].to_natural_language()
        assert ("Keep the ladder in your own shed." in background) is omniscient
        assert "It is broken." not in background

    @pytest.mark.parametrize("seats", [3, 4])
    def test_more_agents_meet_in_scenarios_that_seat_them(self, seats):
        models = {"env": "offline", **{f"agent{n}": "offline" for n in range(1, seats + 1)}}
        episode = played(model_dict=models)[0].episode
        assert len(episode.agent_names) == seats
        assert episode.status == "scored"

    def test_without_env_nobody_judges(self):
        episode = played(model_dict={"agent1": "offline", "agent2": "offline"})[0].episode
        assert episode.status == "unjudged"
        assert episode.rewards == (None, None)


class TestTheStore:
    def test_push_to_db_keeps_the_episodes_under_the_tag(self):
        episodes = played(sampler=UniformSampler(size=2), tag="pilot", push_to_db=True)
        kept = EpisodeLog.find(tag="pilot").all()
        assert sorted(kept, key=lambda episode: episode.draw) == [messages.episode for messages in episodes]
        assert kept[0].messages in episodes
        assert RunRecord.get(kept[0].run).counts == {"scored": 2}

    def test_push_to_db_without_a_tag_keeps_them_under_the_empty_tag(self):
        messages = played(push_to_db=True)[0]
        assert EpisodeLog.find(tag="").all() == [messages.episode]

    def test_a_tag_alone_keeps_nothing(self, folder):
        assert played(tag="pilot")[0].episode.tag == "pilot"
        assert list(folder.iterdir()) == []

    def test_looking_for_something_to_play_makes_no_empty_store(self, folder):
        played()
        assert list(folder.iterdir()) == []

    def test_arguments_that_make_no_run_leave_no_empty_store(self, folder):
        with pytest.raises(InputError, match="the starter pack has no stored combos"):
            played(sampler=CombosSampler(), push_to_db=True)
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("url", ["memory://", "sqlite:///elsewhere.db"])
    def test_the_store_in_use_is_used_for_all(self, folder, url):
        use_storage(url)
        environment, agents = MIA_AND_LEO
        for record in (environment, *agents):
            record.save()
        episodes = played(sampler=UniformSampler(size=2, replacement=False), tag="own", push_to_db=True)
        assert {messages.episode.environment for messages in episodes} == {"ladder"}
        assert EpisodeLog.find(tag="own").count() == 2
        assert not (folder / "sotopia.db").exists()

    def test_the_default_store_is_drawn_from_and_stays_open(self, folder):
        environment, agents = MIA_AND_LEO
        for record in (environment, *agents):
            record.save()
        assert played()[0].episode.environment == "ladder"
        assert (folder / "sotopia.db").exists()
        assert AgentProfile.get("mia").name == "Mia"

    def test_the_variable_names_the_store(self, folder, monkeypatch):
        monkeypatch.setenv("SOTOPIA_STORAGE", "sqlite:///named.db")
        played(tag="there", push_to_db=True)
        assert EpisodeLog.find(tag="there").count() == 1
        assert sorted(path.name for path in folder.iterdir())[0] == "named.db"

    def test_with_an_empty_store_the_starter_pack_is_played_and_that_is_said(self, caplog):
        use_storage("memory://")
        with caplog.at_level(logging.WARNING, "sotopia.server"):
            played()
        assert [record.getMessage() for record in caplog.records] == [
            "the store holds no scenario, so the starter pack is played"
        ]


class TestAListOfCombos:
    def test_combos_stored_combos_and_pairs_are_played_in_their_order(self):
        use_storage("memory://")
        environment, agents = MIA_AND_LEO
        for record in (environment, *agents):
            record.save()
        stored = EnvAgentComboStorage(env_id="ladder", agent_ids=("leo", "mia")).save()
        pair = (environment.model_copy(update={"pk": "other"}), agents)
        episodes = [messages.episode for messages in played(env_agent_combo_list=[combo(), stored, pair])]
        assert [episode.environment for episode in episodes] == ["scenario", "ladder", "other"]
        assert [episode.agent_names for episode in episodes] == [
            ("Mia Davis", "Leo Park"),
            ("Leo", "Mia"),
            ("Mia", "Leo"),
        ]

    def test_a_list_keeps_to_more_than_two_agents(self):
        models = {"agent1": "offline", "agent2": "offline", "agent3": "offline"}
        assert len(played(model_dict=models, env_agent_combo_list=[combo(3)])[0].episode.agent_names) == 3

    def test_a_stored_combo_that_refers_to_nothing_is_an_error(self):
        use_storage("memory://")
        stored = EnvAgentComboStorage(pk="c", env_id="nowhere", agent_ids=("mia", "leo"))
        text = r"^env_agent_combo_list\[0\]: combo c names the scenario nowhere, which is not in the store$"
        with pytest.raises(InputError, match=text):
            played(env_agent_combo_list=[stored])
        MIA_AND_LEO[0].save()
        stored = EnvAgentComboStorage(pk="c", env_id="ladder", agent_ids=("mia", "leo"))
        with pytest.raises(InputError, match="combo c names the character mia, which is not in the store$"):
            played(env_agent_combo_list=[stored])

    def test_a_stored_combo_without_any_store_is_an_error(self, folder):
        stored = EnvAgentComboStorage(pk="c", env_id="e", agent_ids=("a", "b"))
        with pytest.raises(InputError, match="combo c names its profiles by pk, and there is no store to find them in"):
            played(env_agent_combo_list=[stored])
        assert list(folder.iterdir()) == []

    def test_a_cast_that_does_not_fit_its_scenario_is_an_error(self):
        environment, agents = MIA_AND_LEO
        text = r"^env_agent_combo_list\[1\]: scenario 'ladder' has 2 goals and cannot seat 1 agents; it takes one"
        with pytest.raises(InputError, match=text):
            played(env_agent_combo_list=[MIA_AND_LEO, (environment, agents[:1])])

    def test_a_cast_with_a_seat_too_many_for_the_models_is_an_error(self):
        text = r"^env_agent_combo_list\[1\]: scenario 'market' seats 3 agents, and model_dict names 2$"
        with pytest.raises(ConfigError, match=text):
            played(env_agent_combo_list=[combo(), combo(3)])

    def test_an_empty_list_is_an_error_unless_a_sampler_draws(self):
        with pytest.raises(ConfigError, match="^env_agent_combo_list is empty, so there is nothing to play; leave it"):
            played(env_agent_combo_list=[])
        assert len(played(env_agent_combo_list=[], sampler=UniformSampler())) == 1

    def test_a_list_and_a_sampler_are_an_error(self):
        with pytest.raises(ConfigError, match="^give env_agent_combo_list or a sampler, not both"):
            played(env_agent_combo_list=[combo()], sampler=UniformSampler())


class TestSeatsOverABroker:
    async def test_a_seat_waits_for_whoever_takes_it(self, monkeypatch):
        monkeypatch.setenv("SOTOPIA_BROKER", "memory://the seats of this test")
        models = {"agent1": "offline", "agent2": "redis"}

        async def leave_at_once():
            async with take_seat() as seat:
                async for news in seat:
                    if news.asked:
                        await seat.act(AgentAction(action_type="leave"))

        playing = run_async_server(model_dict=models, env_agent_combo_list=[combo()])
        (messages,), _ = await asyncio.gather(playing, leave_at_once())
        assert messages.episode.agent_classes == ("LLMAgent", "RedisAgent")
        assert "fewer than two agents remain" in str(messages.episode.ended)


WRONG_MODELS = [
    ({}, 'model_dict: expected "agent1", "agent2" and so on, at least two; found no keys'),
    (
        {"env": "offline", "agent1": "offline"},
        "model_dict: expected \"agent1\", \"agent2\" and so on, at least two; found the keys 'env', 'agent1'",
    ),
    (
        {"env": "offline", "agent1": "offline", "agnet2": "offline"},
        "model_dict: unknown key 'agnet2'; did you mean 'agent2'?; expected env, agent1, agent2",
    ),
    (
        {**TWO, "agent1": "ofline"},
        "model_dict[\"agent1\"]: no model is called 'ofline'; did you mean 'offline'?",
    ),
    (
        {**TWO, "agent2": " "},
        'model_dict["agent2"]: expected a model such as "openai/gpt-4o" or "offline", found \' \'',
    ),
    ({**TWO, "env": "human"}, 'model_dict["env"]: "human" takes a seat and does not judge; name a model'),
    ({**TWO, "env": "redis"}, 'model_dict["env"]: "redis" takes a seat and does not judge; name a model'),
]

WRONG_KINDS = {
    "model_dict=3": "model_dict: expected models by name, such as "
    '{"env": "openai/gpt-4o", "agent1": "offline", "agent2": "offline"}, found 3',
    "model_dict={**TWO, 'agent2': None}": 'model_dict["agent2"]: expected a model such as "openai/gpt-4o" or '
    '"offline", found None',
    "model_dict={**TWO, 7: 'offline'}": "model_dict: unknown key 7; expected env, agent1, agent2, agent3",
    "sampler=UniformSampler": "sampler: expected a sampler, found its class; write UniformSampler()",
    "sampler='UniformSampler'": "sampler: expected a sampler, such as UniformSampler(), found 'UniformSampler'",
    "action_order='simultanous'": "action_order: expected one of 'round-robin', 'random', 'simultaneous', "
    "found 'simultanous'; did you mean 'simultaneous'?",
    "action_order=None": "action_order: expected one of 'round-robin', 'random', 'simultaneous', found None",
    "omniscient='yes'": "omniscient: expected True or False, found 'yes'",
    "push_to_db=1": "push_to_db: expected True or False, found 1",
    "tag=3": "tag: expected text, found 3",
    "seed='7'": "seed: expected a whole number, found '7'",
    "seed=True": "seed: expected a whole number, found True",
    "env_agent_combo_list='01H5'": "env_agent_combo_list: expected a list of combos, found '01H5'",
    "env_agent_combo_list=[(1, 2)]": "env_agent_combo_list[0]: expected a Combo, an EnvAgentComboStorage or a pair "
    "(EnvironmentProfile, [AgentProfile, ...]), found [1, 2]",
}

ASK = """
import asyncio, json, sys
from sotopia_core.errors import ConfigError
from sotopia_core.samplers import UniformSampler
from sotopia_core.server import run_async_server

TWO = {"env": "offline", "agent1": "offline", "agent2": "offline"}
answers = {}
for call in json.load(sys.stdin):
    arguments = {"model_dict": TWO, **eval(f"dict({call})")}
    try:
        asyncio.run(run_async_server(**arguments))
        answers[call] = "played"
    except ConfigError as error:
        answers[call] = str(error)
print(json.dumps(answers))
"""


class TestWrongArguments:
    @pytest.mark.parametrize(("models", "text"), WRONG_MODELS)
    def test_wrong_models_are_said_in_one_line(self, models, text):
        with pytest.raises(ConfigError) as caught:
            played(model_dict=models)
        assert str(caught.value) == text

    def test_arguments_of_a_wrong_kind_are_said_in_one_line(self, folder):
        # In a process of its own, since the tests' run-time type checks would be faster.
        done = run_python(ASK, folder, input=json.dumps(list(WRONG_KINDS)))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == WRONG_KINDS
        assert list(folder.iterdir()) == []

    @pytest.mark.skipif(find_spec("litellm") is None, reason="the extra litellm is missing")
    def test_a_missing_key_is_noticed_before_anything_is_played(self, monkeypatch, folder):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(ModelAccessError) as caught:
            played(model_dict={**TWO, "agent2": "openai/gpt-4o"}, push_to_db=True)
        assert str(caught.value) == (
            'model_dict["agent2"]: agents[1].model: openai/gpt-4o needs a key: set OPENAI_API_KEY'
        )
        assert list(folder.iterdir()) == []

    def test_a_scenario_that_nobody_has_is_an_error(self):
        models = {f"agent{n}": "offline" for n in range(1, 8)}
        with pytest.raises(InputError, match="no scenario in the starter pack has 7 goals; they have 2, 3 or 4"):
            played(model_dict=models)


class TestModelsOfSeats:
    def test_a_person_takes_a_seat_at_the_terminal(self, folder):
        program = """
import asyncio
from sotopia_core.server import run_async_server
models = {"agent1": "offline", "agent2": "human"}
messages = asyncio.run(run_async_server(model_dict=models))[0]
print(messages.episode.agent_classes, messages.episode.ended)
"""
        done = run_python(program, folder, input="1\n")
        assert done.returncode == 0, done.stderr
        assert "your turn to act" in done.stderr
        assert "('LLMAgent', 'HumanAgent')" in done.stdout
        assert "left, and fewer than two agents remain" in done.stdout

    @pytest.mark.skipif(find_spec("litellm") is None, reason="the extra litellm is missing")
    @pytest.mark.xdist_group("litellm")
    def test_a_litellm_id_needs_no_slash_and_a_failure_is_told(self, monkeypatch, caplog):
        from sotopia_testing.chat_server import ChatServer

        with ChatServer(["I would rather not say."] * 3) as server:
            monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("OPENAI_API_BASE", server.url)
            episodes = played(
                model_dict={"env": "offline", "agent1": "gpt-4o-mini", "agent2": "gpt-4o-mini"},
                env_agent_combo_list=[MIA_AND_LEO],
            )
            asked = [request.body["model"] for request in server.requests()]
        assert set(asked) == {"gpt-4o-mini"}
        assert episodes[0].episode.models == ("offline", "gpt-4o-mini", "gpt-4o-mini")
        assert episodes[0].episode.status == "failed"


class TestFailures:
    @pytest.fixture
    def failing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have Leo's model fail at his second turn."""
        complete = Offline.complete

        async def sometimes(model: Model, request: ModelRequest) -> Completion:
            scene = request.scene
            if scene.background.viewer == "Leo" and scene.current is not None and scene.current.turn == 3:
                raise ModelError("the model gave no usable reply")
            return await complete(model, request)

        monkeypatch.setattr(Offline, "complete", sometimes)

    @pytest.mark.usefixtures("failing")
    def test_an_episode_that_fails_returns_its_messages_up_to_there_and_says_why(self, caplog):
        with caplog.at_level(logging.WARNING, "sotopia.engine"):
            episodes = played(env_agent_combo_list=[MIA_AND_LEO, combo()], tag="some", push_to_db=True)
        failed, fine = episodes
        assert len(failed) == 3
        assert failed.episode.status == "failed"
        assert failed.episode.cause == "the model gave no usable reply"
        assert failed.episode.rewards == (None, None)
        assert fine.episode.status == "scored"
        assert [record.getMessage() for record in caplog.records] == [
            f"episode {failed.episode.pk} failed: the model gave no usable reply"
        ]
        assert EpisodeLog.find(tag="some", status="failed").all() == [failed.episode]

    @pytest.mark.usefixtures("failing")
    async def test_play_returns_an_episode_up_to_its_failure(self):
        episode = await play(MIA_AND_LEO, [LLMAgent(model="offline")])
        assert (episode.status, episode.cause) == ("failed", "the model gave no usable reply")
        assert len(episode.turns) == 3


class Counter(Agent):
    """Says how often it was asked, in words that it makes itself."""

    word: str = "time"
    _asked: int = 0

    async def aact(self, observation: Observation) -> AgentAction:
        self._asked += 1
        return AgentAction(action_type="speak", argument=f"{self.word} {self._asked}")


class Opaque(Counter):
    """Has an option that cannot be written down."""

    work: Callable[[], None] = print


class Closable(ScriptedModel):
    """Counts how often it was closed."""

    closed: int = 0

    async def aclose(self) -> None:
        object.__setattr__(self, "closed", self.closed + 1)


class TestPlay:
    async def test_one_episode_is_played_from_components_in_one_call(self):
        episode = await play(MIA_AND_LEO, [Says(line="a"), Says(line="b")], [After(turns=2), Fixed()])
        assert [event.to_natural_language() for event in episode.events] == ['Mia said: "a 0"', 'Leo said: "b 1"']
        assert episode.status == "scored"
        assert episode.rewards == ((5.0, {"tact": 5.0, "overall_score": 5.0}),) * 2
        assert (episode.environment, episode.agents) == ("ladder", ("mia", "leo"))
        assert episode.agent_classes == ("Says", "Says")

    async def test_the_episode_belongs_to_no_run_and_is_kept_when_it_is_saved(self, folder):
        episode = await play(MIA_AND_LEO, [Says()], [After()], tag="mine")
        assert (episode.run, episode.draw, episode.trial) == (None, None, None)
        assert list(folder.iterdir()) == []
        episode.save()
        assert EpisodeLog.find(tag="mine").all() == [episode]

    async def test_a_combo_and_a_stored_combo_will_do_as_well(self):
        use_storage("memory://")
        for record in (MIA_AND_LEO[0], *MIA_AND_LEO[1]):
            record.save()
        stored = EnvAgentComboStorage(env_id="ladder", agent_ids=("leo", "mia"))
        assert (await play(stored, [Says()], [After()])).agent_names == ("Leo", "Mia")
        assert (await play(combo(3), [Says()], [After()])).agent_names == combo(3).names

    async def test_one_agent_stands_for_all_seats_and_each_seat_remembers_for_itself(self):
        agent = Counter(word="no.")
        for _ in range(2):  # and it can be given again
            episode = await play(MIA_AND_LEO, [agent], [After(turns=4)])
            assert [event.action.argument for event in episode.events] == ["no. 1", "no. 1", "no. 2", "no. 2"]

    async def test_the_rules_end_an_episode_where_no_response_evaluator_is_given(self):
        episode = await play(MIA_AND_LEO, [Says()], [Fixed()])
        assert episode.ended == "turn 20 reached the maximum of 20"
        assert len(episode.events) == 20

    async def test_without_a_terminal_evaluator_nobody_judges(self):
        assert (await play(MIA_AND_LEO, [Says()], [After()])).status == "unjudged"

    async def test_ordering_and_mode_are_those_that_are_given(self):
        episode = await play(MIA_AND_LEO, [Says()], [After()], ordering=Simultaneous(), mode="omniscient")
        assert list(episode.turns[0].actions) == ["Mia", "Leo"]
        assert "Borrow the ladder" in episode.turns[0].observations["Leo"].to_natural_language()
        assert episode.mode == "omniscient"

    async def test_the_same_seed_plays_the_same(self):
        judge = ReachGoalLLMEvaluator[SotopiaDimensions](model="offline")
        first, again = [await play(MIA_AND_LEO, [LLMAgent(model="offline")], [judge], seed=3) for _ in range(2)]
        assert first.turns == again.turns
        assert first.rewards == again.rewards
        assert first.pk != again.pk
        assert first.provenance.fingerprint == again.provenance.fingerprint

    async def test_it_is_the_same_episode_as_that_of_a_run(self):
        judge = ReachGoalLLMEvaluator[SotopiaDimensions](model="offline")
        episode = await play(MIA_AND_LEO, [LLMAgent(model="offline")] * 2, [judge, RuleBasedTerminatedEvaluator()])
        (messages,) = await run_async_server(model_dict=TWO, env_agent_combo_list=[MIA_AND_LEO])
        assert episode.messages == messages
        assert episode.provenance.fingerprint == messages.episode.provenance.fingerprint

    async def test_calls_at_one_time_do_not_disturb_each_other(self):
        together = await asyncio.gather(*(play(MIA_AND_LEO, [LLMAgent(model="offline")], seed=s) for s in range(5)))
        alone = [await play(MIA_AND_LEO, [LLMAgent(model="offline")], seed=seed) for seed in range(5)]
        assert [episode.turns for episode in together] == [episode.turns for episode in alone]

    def test_it_is_called_from_a_script_and_in_a_thread(self):
        returned: list[EpisodeLog] = []
        thread = threading.Thread(target=lambda: returned.append(asyncio.run(play(MIA_AND_LEO, [Says()]))))
        thread.start()
        thread.join(timeout=60)
        assert returned[0].turns == asyncio.run(play(MIA_AND_LEO, [Says()])).turns

    async def test_models_may_be_objects_which_are_marked_and_stay_open(self):
        said = AgentAction(action_type="speak", argument="Hi!").model_dump_json()
        model = Closable(replies=[said] * 4, name="mine")
        for _ in range(2):
            episode = await play(MIA_AND_LEO, [LLMAgent(model=model)], [After(turns=2)])
        assert episode.models == ("", "mine", "mine")
        assert episode.provenance.offline
        assert len(model.requests) == 4
        assert model.closed == 0

    async def test_what_the_agents_are_asked_is_recorded_for_other_runs_to_be_compared(self):
        episode = await play(MIA_AND_LEO, [LLMAgent(model="offline")], [After()])
        assert set(episode.provenance.prompts) == {"LLMAgent: system", "LLMAgent: turn"}
        assert episode.usage["Mia"].calls == 2


async def wrongly(*arguments: object, **named: object) -> str:
    with pytest.raises(InputError) as caught:
        await play(*arguments, **named)
    return str(caught.value)


class TestWrongArgumentsOfPlay:
    async def test_too_few_or_too_many_agents(self):
        text = "agents: {} are given and scenario 'market' seats 3; give one for each seat, or one for all"
        for number in (0, 2, 4):
            assert await wrongly(combo(3), [Says()] * number) == text.format(number)

    async def test_a_cast_that_does_not_fit(self):
        twins = (MIA_AND_LEO[0], [character("Mia"), character("Mia")])
        text = "combo: scenario 'ladder' has two agents called 'Mia'; names address messages and must differ"
        assert await wrongly(twins, [Says()]) == text

    async def test_evaluators_that_mean_different_things_by_one_dimension(self):
        class Other(Fixed):
            @property
            def dimensions(self):
                dimensions = super().dimensions
                return dimensions.model_copy(
                    update={"dimensions": (dimensions["tact"].model_copy(update={"high": 5.0}),), "name": "Other"}
                )

        text = await wrongly(MIA_AND_LEO, [Says()], [Fixed(), Other()])
        assert text.startswith("evaluators: dimension 'tact' is not the same in Manners and Other")

    async def test_a_model_that_nobody_has(self):
        text = "agents[1].model: no model is called 'ofline'; did you mean 'offline'?"
        assert await wrongly(MIA_AND_LEO, [Says(), LLMAgent(model="ofline")]) == text

    @pytest.mark.skipif(find_spec("litellm") is None, reason="the extra litellm is missing")
    async def test_a_model_without_a_key(self, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        judge = ReachGoalLLMEvaluator[SotopiaDimensions](model="openai/gpt-4o")
        with pytest.raises(ModelAccessError) as caught:
            await play(MIA_AND_LEO, [Says()], [judge])
        assert str(caught.value) == "evaluators[0].model: openai/gpt-4o needs a key: set OPENAI_API_KEY"

    async def test_an_option_that_cannot_be_written_down(self):
        with pytest.raises(PluginError, match="^Opaque failed writing down its options: PydanticSerializationError"):
            await play(MIA_AND_LEO, [Opaque()])

    def test_arguments_of_a_wrong_kind(self, folder):
        program = """
import asyncio, json
from sotopia_agents.scripted import ScriptedAgent
from sotopia_core import AgentProfile, EnvironmentProfile
from sotopia_core.errors import ConfigError
from sotopia_core.server import play

scenario = EnvironmentProfile(scenario="A bench.", agent_goals=("Sit.", "Stand."))
cast = [AgentProfile(first_name="Mia"), AgentProfile(first_name="Leo")]
said = []
for arguments, named in [
    ((scenario, [ScriptedAgent()]), {}),
    (((scenario, cast), ScriptedAgent()), {}),
    (((scenario, cast), [ScriptedAgent]), {}),
    (((scenario, cast), [ScriptedAgent()], ["judge"]), {}),
    (((scenario, cast), [ScriptedAgent()]), {"mode": "lit"}),
    (((scenario, cast), [ScriptedAgent()]), {"seed": "x"}),
]:
    try:
        asyncio.run(play(*arguments, **named))
    except ConfigError as error:
        said.append(str(error))
print(json.dumps(said))
"""
        done = run_python(program, folder)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == [
            "combo: expected a Combo, an EnvAgentComboStorage or a pair (EnvironmentProfile, [AgentProfile, ...]), "
            "found an instance of EnvironmentProfile",
            "agents: expected a list, found an instance of ScriptedAgent",
            "agents[0]: expected an agent, such as LLMAgent(model=...), found its class; write ScriptedAgent()",
            "evaluators[0]: expected a response or a terminal evaluator, found 'judge'",
            "mode: expected 'standard', 'omniscient' or 'lite', found 'lit'; did you mean 'lite'?",
            "seed: expected a whole number, found 'x'",
        ]


class TestSamplers:
    def test_every_installed_sampler_is_there_by_name(self):
        assert {"UniformSampler", "CombosSampler"} <= set(dir(samplers))
        for name in dir(samplers):
            assert getattr(samplers, name).__name__ == name

    def test_a_name_that_no_plugin_offers_is_an_attribute_error_that_says_so(self):
        with pytest.raises(AttributeError, match="no sampler is called 'UniformSamplr'; did you mean 'UniformSampler'"):
            _ = samplers.UniformSamplr


def run_python(program: str, folder: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program as people do, without what the tests add."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment(),
        **options,
    )
