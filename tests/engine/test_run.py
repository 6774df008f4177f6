"""A run: bounded concurrency, failures contained, everything stored, nothing depending on what else is in play."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from sotopia_core.config import ComponentTable, LoadedConfig, RunConfig
from sotopia_core.digests import derive_pk
from sotopia_core.engine.run import draw_combos, make_room_for_sockets, play_run
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import ConfigError, InputError, ModelAccessError, PluginError, StorageError
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Agent, Model, ModelRef, Sampler
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage, Completion, Usage
from sotopia_core.profiles import Pool
from sotopia_core.registry import Registry
from sotopia_core.wiring import wire
from sotopia_storage.memory import Memory, MemoryStore
from tests.core.casts import After, Fixed, InSeatOrder, Says, combo

COMBO = combo()
ROOT = Path(__file__).parents[2]


class AllCombos(Sampler):
    """The test's one combo, several times."""

    size: int = 1

    def sample(self, pool, seats, random):
        return [COMBO] * self.size


class Echo(Model):
    """Answers with its request's seed."""

    word: str = "echo"
    needs_sockets = False

    @property
    def label(self):
        return self.word

    async def complete(self, request):
        await asyncio.sleep(0)
        return Completion(
            text=f"{self.word} {request.seed}", model=f"{self.word}-v1", usage=Usage(calls=1, input_tokens=2, cost=0.5)
        )


class Asks(Agent):
    """Says what a model says."""

    model: ModelRef
    failing_trial: int | None = None

    async def aact(self, observation):
        reply = await self.seat.model(self.model).generate([ChatMessage(role="user", content="?")])
        return AgentAction(action_type="speak", argument=reply.text + str(self.seat.random(observation.turn).random()))


class Counts(Agent):
    """Counts how many of its kind are acting at one time."""

    async def aact(self, observation):
        global acting, most
        acting += 1
        most = max(most, acting)
        await asyncio.sleep(0.01)
        acting -= 1
        return AgentAction(action_type="none")


class FailsSometimes(Agent):
    """Fails in some episodes, by its own random numbers."""

    async def aact(self, observation):
        if self.seat.random(0).random() < 0.5:
            raise RuntimeError("bad luck")
        return AgentAction(action_type="none")


class FailsToSit(Agent):
    """Can be made once, for the run file to be checked, and never again."""

    def model_post_init(self, context):
        global made
        made += 1
        if made > 1:
            raise RuntimeError("only one of me")

    async def aact(self, observation):
        raise AssertionError


class NoKey(Asks):
    """Finds out that it may not use its model."""

    async def aact(self, observation):
        raise ModelAccessError("no key for openai/gpt-4o: set OPENAI_API_KEY")


class Plugin:
    @hookimpl
    def sotopia_agents(self):
        return [Says, Asks, Counts, FailsSometimes, FailsToSit, NoKey]

    @hookimpl
    def sotopia_orderings(self):
        return [InSeatOrder]

    @hookimpl
    def sotopia_samplers(self):
        return [AllCombos]

    @hookimpl
    def sotopia_response_evaluators(self):
        return [After]

    @hookimpl
    def sotopia_terminal_evaluators(self):
        return [Fixed]

    @hookimpl
    def sotopia_models(self):
        return [Echo]


def registry_with(*plugins):
    registry = Registry()
    for number, plugin in enumerate((Plugin(), *plugins)):
        assert registry.register(plugin, f"plugin{number}").state == "loaded"
    return registry


def wired(agents=("Says",), registry=None, size=1, terminal=("Fixed",), models=None, **run):
    tables = [agent if isinstance(agent, dict) else {"use": agent} for agent in agents]
    config = RunConfig.model_validate(
        {
            "run": run,
            "models": models or {},
            "agents": tables,
            "ordering": {"use": "InSeatOrder"},
            "sampler": {"use": "AllCombos", "size": size},
            "response_evaluators": [{"use": "After", "turns": 3}],
            "terminal_evaluators": [{"use": name} for name in terminal],
        }
    )
    return wire(LoadedConfig(config, {}, Path("run.toml")), registry or registry_with())


async def play(wiring, store=None, faults=None):
    combos = draw_combos(wiring, Pool())
    return await play_run(
        wiring, combos, store, wiring.registry.notifier((faults if faults is not None else []).append)
    )


async def test_every_combo_and_trial_is_played_scored_and_stored():
    with Memory().open() as store:
        result = await play(wired(size=3, trials=2, tag="t"), store)
        episodes = store.find(EpisodeLog, {"run": result.record.pk})
        record = store.get(RunRecord, result.record.pk)
    assert Counter((e.draw, e.trial) for e in episodes) == Counter((d, t) for d in range(3) for t in range(2))
    scores = (5.0, {"tact": 5.0, "overall_score": 5.0})
    assert all((e.status, e.tag, e.rewards) == ("scored", "t", (scores, scores)) for e in episodes)
    assert result.pks == [derive_pk("episode", result.record.pk, d, t) for d in range(3) for t in range(2)]
    assert (record.status, record.planned, record.counts) == ("finished", 6, {"scored": 6})
    assert record.finished_at is not None


AFTER_A_RUN = """
import asyncio, gc
from sotopia_core.environment import ParallelSotopiaEnv
from tests.engine.test_run import play, wired

echoes = wired([{"use": "Asks", "model": "echo"}], models={"echo": {"use": "Echo"}}, size=3, concurrency=2)
gc.disable()
result = asyncio.run(play(echoes))
print(result.tally.counts["scored"], sum(isinstance(one, ParallelSotopiaEnv) for one in gc.get_objects()))
"""


def test_an_episode_that_is_over_leaves_nothing_to_the_garbage_collector():
    # In a process of its own, since the wrappers by which tests check types refer to themselves.
    done = subprocess.run(
        [sys.executable, "-c", AFTER_A_RUN], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "3 0\n"


async def test_concurrency_is_bounded_and_used():
    global acting, most
    acting = most = 0
    await play(wired(["Counts"], size=20, concurrency=4))
    assert most == 4


async def test_records_are_made_and_stored_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr("sotopia_core.engine.run.RECORDS_AT_A_TIME", 3)
    groups = []

    class Watched(MemoryStore):
        def put_many(self, records):
            groups.append([record.kind() for record in records])
            return 0

    await play(wired(size=20, concurrency=20), Watched())
    together = [group.count("EpisodeLog") for group in groups]
    assert sum(together) == 20
    assert max(together) <= 3


async def test_when_an_episode_cannot_be_stored_the_others_do_not_each_wait_for_that(monkeypatch):
    monkeypatch.setattr("sotopia_core.engine.run.RECORDS_AT_A_TIME", 1)
    tried = []

    class Locked(MemoryStore):
        def put_many(self, records):
            kinds = [record.kind() for record in records]
            if "EpisodeLog" in kinds:
                tried.append(kinds)
                raise StorageError("the store is locked")
            return 0

    with pytest.raises(StorageError, match="the store is locked"):
        await play(wired(size=20, concurrency=20), Locked())
    assert len(tried) == 1


async def test_a_failed_episode_is_a_record_with_its_cause_and_the_others_go_on():
    with Memory().open() as store:
        result = await play(wired(["FailsSometimes"], size=20), store)
        failed = store.find(EpisodeLog, {"status": "failed"})
        assert store.count(EpisodeLog) == 20
    assert 0 < len(failed) < 20
    assert {e.cause for e in failed} == {"Mia Davis (FailsSometimes) failed at turn 0: RuntimeError: bad luck"} or len(
        {e.cause for e in failed}
    ) == 2
    assert all(e.rewards == (None, None) for e in failed)
    assert result.tally.counts == {"failed": len(failed), "scored": 20 - len(failed)}
    assert result.tally.incomplete == len(failed)


async def test_an_agent_that_cannot_be_made_fails_its_own_episode():
    global made
    made = 0
    with Memory().open() as store:
        result = await play(wired(["FailsToSit"], size=2), store)
        episodes = store.find(EpisodeLog)
    assert result.tally.counts == {"failed": 2}
    assert {e.cause for e in episodes} == {"FailsToSit failed being made: RuntimeError: only one of me"}
    assert all(e.turns == () and e.agent_classes == ("FailsToSit",) * 2 for e in episodes)


async def test_missing_scores_are_counted_and_never_averaged():
    result = await play(wired(["FailsSometimes"], size=20))
    ((_, means),) = result.tally.rows()
    failed = result.tally.counts["failed"]
    assert (means["tact"].value, means["tact"].n, means["tact"].missing) == (5.0, 40 - 2 * failed, 2 * failed)


async def test_a_run_without_terminal_evaluators_is_unjudged_and_no_failure():
    with Memory().open() as store:
        result = await play(wired(terminal=()), store)
        (episode,) = store.find(EpisodeLog)
    assert (episode.status, episode.rewards, episode.outcome) == ("unjudged", (None, None), {})
    assert result.tally.incomplete == 0


def contents(store):
    drop = {"pk", "run", "started_at", "seconds", "provenance"}
    found = [json.loads(e.model_dump_json(exclude=drop)) for e in store.iterate(EpisodeLog)]
    return sorted(found, key=lambda e: (e["draw"], e["trial"]))


async def test_one_seed_gives_one_content_whatever_the_concurrency():
    agents = [{"use": "Asks", "model": "echo"}] * 2
    models = {"echo": {"use": "Echo"}}
    stores = []
    for concurrency, seed in ((1, 3), (50, 3), (50, 4)):
        store = Memory().open()
        await play(wired(agents, size=4, trials=3, concurrency=concurrency, seed=seed, models=models), store)
        stores.append(contents(store))
    assert stores[0] == stores[1]
    assert stores[0] != stores[2]
    said = [action["argument"] for e in stores[0] for turn in e["turns"] for action in turn["actions"].values()]
    assert len(set(said)) == len(said) == 4 * 3 * 3


async def test_provenance_says_who_answered_and_what_it_took():
    models = {"echo": {"use": "Echo", "word": "parrot"}}
    with Memory().open() as store:
        result = await play(wired([{"use": "Asks", "model": "echo"}], seed=9, models=models), store)
        (episode,) = store.find(EpisodeLog)
    assert episode.models == ("", "parrot", "parrot")
    assert episode.provenance.answered == {"Mia Davis": ("parrot-v1",), "Leo Park": ("parrot-v1",)}
    assert episode.provenance.seed == 9
    assert episode.provenance.dimensions.keys() == {"Manners"}
    assert episode.usage["Mia Davis"] == Usage(calls=2, input_tokens=4, cost=1.0)
    assert result.record.usage["agents"] == Usage(calls=3, input_tokens=6, cost=1.5)


class CancelsItself(After):
    """A rule whose inner work was cancelled."""

    async def evaluate(self, transcript, context):
        raise asyncio.CancelledError


class RaisesOddly(Agent):
    """Raises what is no Exception."""

    async def aact(self, observation):
        raise GeneratorExit("odd")


async def test_a_rule_that_cancels_itself_fails_its_episodes_and_not_the_run():
    class Offers:
        @hookimpl
        def sotopia_response_evaluators(self):
            return [CancelsItself]

    registry = registry_with(Offers())
    config = wired(size=3).config.model_copy(update={"response_evaluators": (ComponentTable(use="CancelsItself"),)})
    result = await play(wire(LoadedConfig(config, {}, Path("run.toml")), registry))
    assert result.tally.counts == {"failed": 3}


async def test_an_agent_that_raises_no_exception_fails_its_own_episode():
    class Offers:
        @hookimpl
        def sotopia_agents(self):
            return [RaisesOddly]

    with Memory().open() as store:
        result = await play(wired(["RaisesOddly"], size=2, registry=registry_with(Offers())), store)
        assert store.get(RunRecord, result.record.pk).status == "finished"
    assert result.tally.counts == {"failed": 2}


async def test_one_table_for_all_seats_is_the_same_as_one_for_each():
    assert await fingerprint(agents=["Says"]) == await fingerprint(agents=["Says", "Says"])


async def fingerprint(**options):
    with Memory().open() as store:
        await play(wired(**options), store)
        return store.find(EpisodeLog)[0].provenance.fingerprint


async def test_the_fingerprint_follows_content_and_nothing_else():
    same = await fingerprint(agents=[{"use": "Says", "line": "a"}])
    assert await fingerprint(agents=[{"use": "Says", "line": "a"}], seed=5, concurrency=3, tag="x") == same
    assert await fingerprint(agents=[{"use": "Says", "line": "a", "timeout": 5}]) == same
    assert await fingerprint(agents=[{"use": "Says", "line": "b"}]) != same
    assert await fingerprint(agents=[{"use": "Says", "line": "a"}], mode="lite") != same
    assert await fingerprint(agents=[{"use": "Says", "line": "a"}], terminal=()) != same


async def test_a_model_stands_for_itself_in_the_fingerprint_whatever_it_is_called():
    def agents(name):
        return [{"use": "Asks", "model": name}]

    one = await fingerprint(agents=agents("one"), models={"one": {"use": "Echo"}})
    assert await fingerprint(agents=agents("two"), models={"two": {"use": "Echo"}}) == one
    assert await fingerprint(agents=agents("one"), models={"one": {"use": "Echo", "word": "other"}}) != one
    asking = {"one": {"use": "Echo", "re_ask_model": "help"}, "help": {"use": "Echo"}}
    helped = await fingerprint(agents=agents("one"), models=asking)
    renamed = {"one": {"use": "Echo", "re_ask_model": "aid"}, "aid": {"use": "Echo"}}
    assert await fingerprint(agents=agents("one"), models=renamed) == helped != one


async def test_lack_of_access_stops_the_run_at_once_and_its_record_says_so():
    with Memory().open() as store:
        models = {"echo": {"use": "Echo"}}
        with pytest.raises(ModelAccessError, match="set OPENAI_API_KEY"):
            await play(wired([{"use": "NoKey", "model": "echo"}], size=5, models=models), store)
        (record,) = store.find(RunRecord)
        assert store.count(EpisodeLog) == 0
    assert record.status == "stopped"
    assert record.cause == "no key for openai/gpt-4o: set OPENAI_API_KEY"


async def test_cancelling_a_run_keeps_what_was_finished_and_records_the_interruption():
    with Memory().open() as store:
        finished = asyncio.Event()

        class Watches:
            @hookimpl
            def sotopia_episode_finished(self, episode):
                if episode.draw == 2:
                    finished.set()

        wiring = wired(["Counts"], size=500, concurrency=2, registry=registry_with(Watches()))
        task = asyncio.create_task(play(wiring, store))
        await finished.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(5):
                await task
        (record,) = store.find(RunRecord)
        assert 3 <= store.count(EpisodeLog) < 500
    assert (record.status, record.cause) == ("interrupted", "interrupted by the user")


async def test_a_store_that_fails_stops_the_run_with_its_reason():
    class Full(type(Memory().open())):
        def put_many(self, records):
            raise StorageError("the disk is full")

    with pytest.raises(StorageError, match="the disk is full"):
        await play(wired(size=3), Full())


async def test_lifecycle_hooks_hear_everything_in_order_and_a_faulty_one_does_no_harm():
    heard = []

    class Listens:
        @hookimpl
        def sotopia_run_started(self, run):
            heard.append("run started")

        @hookimpl
        def sotopia_episode_started(self, combo, trial):
            heard.append(f"episode {combo.environment.label} {trial}")

        @hookimpl
        def sotopia_turn_taken(self, turn):
            heard.append(f"turn {turn.number}")

        @hookimpl
        def sotopia_model_called(self, role, completion):
            heard.append(f"called by {role}")

        @hookimpl
        def sotopia_episode_finished(self, episode):
            heard.append(episode.status)

        @hookimpl
        def sotopia_run_finished(self, run):
            heard.append(run.status)

    class Raises:
        @hookimpl(tryfirst=True)
        def sotopia_turn_taken(self, turn):
            raise RuntimeError("boom")

    faults = []
    models = {"echo": {"use": "Echo"}}
    wiring = wired([{"use": "Asks", "model": "echo"}], registry=registry_with(Raises(), Listens()), models=models)
    result = await play(wiring, faults=faults)
    assert heard == [
        "run started",
        "episode market 0",
        "called by Mia Davis",
        "turn 0",
        "called by Leo Park",
        "turn 1",
        "called by Mia Davis",
        "turn 2",
        "turn 3",
        "scored",
        "finished",
    ]
    assert [str(fault) for fault in faults] == [
        "plugin plugin1 (this process) failed in sotopia_turn_taken: RuntimeError: boom"
    ] * 4
    assert result.tally.counts == {"scored": 1}


@pytest.mark.parametrize(
    ("gives", "error", "message"),
    [
        ([], InputError, "Odd drew nothing from the pool; there is nothing to play"),
        (["x"], PluginError, "Odd failed sampling: it gave str, not a Combo"),
        (None, PluginError, "Odd failed sampling: TypeError"),
        ([combo(3)], InputError, r"scenario 'market' has 3 goals and the run file has 2 \[\[agents\]\] tables"),
    ],
)
def test_a_sampler_that_gives_nothing_or_nonsense_is_named(gives, error, message):
    class Odd(Sampler):
        def sample(self, pool, seats, random):
            return gives

    class Offers:
        @hookimpl
        def sotopia_samplers(self):
            return [Odd]

    wiring = wired(["Says", "Says"], registry=registry_with(Offers()))
    wiring = wire(
        LoadedConfig(wiring.config.model_copy(update={"sampler": ComponentTable(use="Odd")}), {}, Path("run.toml")),
        wiring.registry,
    )
    with pytest.raises(error, match=message):
        draw_combos(wiring, Pool())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agents": ["Sayz"]}, r"agents\[0\]\.use: no agent is called 'Sayz'; did you mean 'Says'?"),
        ({"agents": [{"use": "Says", "lin": "x"}]}, r"agents\[0\]: unknown key 'lin'; did you mean 'line'?"),
        ({"agents": [{"use": "Says", "line": 3}]}, r"agents\[0\]\.line: expected text, found 3"),
        ({"agents": [{"use": "Says", "timeout": 0}]}, r"agents\[0\]\.timeout"),
        ({"agents": [{"use": "Asks"}]}, r"agents\[0\].*'model'"),
        (
            {"agents": [{"use": "Asks", "model": "judg"}], "models": {"judge": {"use": "Echo"}}},
            r"agents\[0\]\.model: model 'judg' is neither in \[models\] nor an id such as 'openai/gpt-4o'; "
            "did you mean 'judge'",
        ),
        ({"terminal": ["Fixd"]}, r"terminal_evaluators\[0\]\.use: no terminal evaluator is called 'Fixd'"),
    ],
)
def test_what_does_not_fit_is_said_with_its_key_before_anything_is_played(options, message):
    with pytest.raises(InputError, match=message):
        wired(**options)


def test_a_model_that_cannot_be_reached_is_said_before_anything_is_played():
    class Locked(Echo):
        def check_access(self):
            raise ModelAccessError("no key: set X_API_KEY")

    class Offers:
        @hookimpl
        def sotopia_models(self):
            return [Locked]

    with pytest.raises(ModelAccessError, match=r"agents\[0\]\.model: no key: set X_API_KEY"):
        wired([{"use": "Asks", "model": "m"}], models={"m": {"use": "Locked"}}, registry=registry_with(Offers()))


def test_two_meanings_of_a_dimension_are_refused_before_anything_is_played():
    class Offers:
        @hookimpl
        def sotopia_terminal_evaluators(self):
            class Other(Fixed):
                @property
                def dimensions(self):
                    whole = super().dimensions
                    narrow = whole["tact"].model_copy(update={"high": 3})
                    return whole.model_copy(update={"name": "Other", "dimensions": (narrow,)})

            return [Other]

    with pytest.raises(ConfigError, match="dimension 'tact' is not the same in Manners and Other"):
        wired(terminal=("Fixed", "Other"), registry=registry_with(Offers()))


def test_too_few_file_descriptors_are_said_with_what_would_fit(monkeypatch):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 200))
    with pytest.raises(
        InputError, match=r"run.concurrency = 500 needs 564 open files and this system allows 200; lower it to 136"
    ):
        make_room_for_sockets(500)


def test_a_low_soft_limit_is_raised(monkeypatch):
    import resource

    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))
    make_room_for_sockets(500)
    assert limits == [(564, resource.RLIM_INFINITY)]
