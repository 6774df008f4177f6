"""Runs that can be broken off anywhere: components that count what they are asked, and stores that fail on time."""

import asyncio
from pathlib import Path

from sotopia_core.config import LoadedConfig, RunConfig
from sotopia_core.engine.resuming import find_run, restore_run
from sotopia_core.engine.run import UNFINISHED, draw_combos, play_run, resume_run
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import ModelError, StorageError
from sotopia_core.evaluation import Dimension, DimensionSet, Score, Scored, Unscored
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Agent, Model, ModelRef, ResponseEvaluator, Sampler, TerminalEvaluator, Verdict
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage, Completion, Usage
from sotopia_core.profiles import Pool
from sotopia_core.registry import Registry
from sotopia_core.wiring import wire
from sotopia_storage.memory import MemoryStore
from tests.core.casts import After, Everyone, InSeatOrder, combo

COMBO = combo()


class Desk:
    """What was asked so far, and how the next answers are to fail."""

    def __init__(self):
        self.requests = []
        self.people = []
        self.told_again = []
        self.fail = lambda request: None
        self.words = lambda request: str(request.seed)
        self.judge = lambda transcript: 5.0


DESK = Desk()


class Counts(Model):
    """Answers with the request's seed, which is different for each question of a run."""

    needs_sockets = False
    re_asks: int = 0

    @property
    def label(self):
        return "counts"

    async def complete(self, request):
        DESK.requests.append(request.seed)
        await asyncio.sleep(0)
        DESK.fail(request)
        return Completion(text=DESK.words(request), model="counts-1", usage=Usage(calls=1, input_tokens=3, cost=0.25))


class Asks(Agent):
    """Asks its model twice a turn, and remembers how often it acted."""

    model: ModelRef = "counts"

    async def aact(self, observation):
        model = self.seat.model(self.model)
        said = [(await model.generate([ChatMessage(role="user", content=f"{n}?")])).text for n in range(2)]
        return AgentAction(action_type="speak", argument=" ".join(said))


class Person(Agent):
    """Asks no model, and must never be asked twice."""

    async def aact(self, observation):
        DESK.people.append((self.seat.episode, observation.turn, self.seat.name))
        await asyncio.sleep(0)
        return AgentAction(action_type="speak", argument=f"I am {self.seat.name} at {observation.turn}")

    async def replay(self, observation, action):
        DESK.told_again.append((self.seat.episode, observation.turn, action.argument))


class Referee(ResponseEvaluator):
    """Asks a model each turn whether it is over, and lets three turns pass whatever it says."""

    model: ModelRef = "counts"

    async def evaluate(self, transcript, context):
        await context.model(self.model).generate([ChatMessage(role="user", content=f"over at {transcript.turn}?")])
        return Verdict(terminated=transcript.turn >= 3)


class Judge(TerminalEvaluator):
    """Asks a model, and gives what the test says; a string is the reason why there is none."""

    model: ModelRef = "counts"
    name: str = "Manners"

    @property
    def dimensions(self):
        return DimensionSet(name=self.name, dimensions=(Dimension(name="tact", low=0, high=10),))

    async def evaluate(self, transcript, context):
        reply = await context.model(self.model).generate([ChatMessage(role="user", content="how?")])
        score = DESK.judge(transcript)
        if isinstance(score, str):
            return {name: Unscored(reason=score) for name in transcript.names}
        return {name: Scored(scores={"tact": Score(value=score, reasoning=reply.text)}) for name in transcript.names}


class SameCombo(Sampler):
    """The one combo of these tests, several times."""

    size: int = 1

    def sample(self, pool, seats, random):
        return [COMBO] * self.size


class Plugin:
    @hookimpl
    def sotopia_agents(self):
        return [Asks, Person]

    @hookimpl
    def sotopia_orderings(self):
        return [InSeatOrder, Everyone]

    @hookimpl
    def sotopia_samplers(self):
        return [SameCombo]

    @hookimpl
    def sotopia_response_evaluators(self):
        return [After, Referee]

    @hookimpl
    def sotopia_terminal_evaluators(self):
        return [Judge]

    @hookimpl
    def sotopia_models(self):
        return [Counts]


def registry(*plugins):
    made = Registry()
    for number, plugin in enumerate((Plugin(), *plugins)):
        assert made.register(plugin, f"plugin{number}").state == "loaded"
    return made


def wired(agents=("Asks", "Person"), ordering="InSeatOrder", response="Referee", size=1, judges=("Judge",), **run):
    tables = [agent if isinstance(agent, dict) else {"use": agent} for agent in agents]
    config = RunConfig.model_validate(
        {
            "run": {"name": "r", **run},
            "models": {"counts": {"use": "Counts"}},
            "agents": tables,
            "ordering": {"use": ordering},
            "sampler": {"use": "SameCombo", "size": size},
            "response_evaluators": [{"use": response}],
            "terminal_evaluators": [judge if isinstance(judge, dict) else {"use": judge} for judge in judges],
        }
    )
    return wire(LoadedConfig(config, {}, Path("run.toml")), registry())


async def play(store, wiring=None, **options):
    wiring = wired(**options) if wiring is None else wiring
    return await play_run(wiring, draw_combos(wiring, Pool()), store, wiring.registry.notifier(raise_it))


async def resume(store, only=UNFINISHED, check=True):
    run = restore_run(store, find_run(store, "r"), registry())
    if check:
        run.check_unchanged("--accept-changes")
    notifier = run.wiring.registry.notifier(raise_it)
    return await resume_run(run.record, run.wiring, run.combos, store, notifier, only)


def raise_it(fault):
    raise fault


class BreaksOff(MemoryStore):
    """A store that takes only so many writes of a run, and then none, until it is mended."""

    def __init__(self, writes):
        super().__init__()
        self.writes = writes

    def append_journal(self, entries):
        self._spend(len(entries))
        super().append_journal(entries)

    def put_many(self, records):
        records = list(records)
        self._spend(len(records))
        return super().put_many(records)

    def _spend(self, number):
        if self.writes < number:
            self.writes = 0
            raise StorageError("the disk is full")
        self.writes -= number

    def mend(self):
        self.writes = 10**9


def contents(store):
    """What the episodes of a store hold, but for names and times that no two runs share."""
    drop = {"pk", "run", "started_at", "seconds", "provenance"}
    found = [episode.model_dump(mode="json", exclude=drop) for episode in store.iterate(EpisodeLog)]
    return sorted(found, key=lambda one: (one["draw"], one["trial"]))


def fails_once(*numbers):
    """A model that fails at its nth requests."""

    def fail(request):
        if len(DESK.requests) in numbers:
            raise ModelError("counts: status 500")

    return fail
