"""Broken components of every kind, each with the test of its suite that must fail, and why."""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import time
import types
from collections.abc import Callable
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model, field_serializer, field_validator, model_validator

from sotopia_core.evaluation import Dimension, DimensionSet, Score, Scored, Unscored
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import (
    Agent,
    Model,
    ModelRef,
    Ordering,
    ResponseEvaluator,
    Sampler,
    TerminalEvaluator,
    Verdict,
)
from sotopia_core.messages import AgentAction
from sotopia_core.models import Completion
from sotopia_core.packs import Pack
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
from tests.core.casts import InSeatOrder, speak

SUITES: tuple[type, ...] = (
    *(ComponentContract, AgentContract, OrderingContract, SamplerContract, ResponseEvaluatorContract),
    *(TerminalEvaluatorContract, DimensionsContract, ModelContract, PackContract, PluginContract),
)


SECRET = "sk-careless"


class Counter:
    """A number that all episodes share, which is what they must not."""

    def __init__(self) -> None:
        self.value = 0

    def __call__(self) -> int:
        self.value += 1
        return self.value


async def endless(*_: object) -> Any:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


# Components whose options are wrong.


class Undocumented(InSeatOrder):
    pass


class Changeable(InSeatOrder):
    """Its options can be changed."""

    model_config = ConfigDict(frozen=False)
    size: int = 1


class Shouting(InSeatOrder):
    """Its option does not come back as it went."""

    word: str = "word"

    @field_serializer("word")
    def _loud(self, word: str) -> str:
        return word.upper() + "!"


class Unwritable(InSeatOrder):
    """Its options are no JSON."""

    def content_options(self) -> dict[str, Any]:
        return {"words": {"a", "b"}}


class Unequal(InSeatOrder):
    """No two of them are the same."""

    number: int = Field(default_factory=Counter())


class Numbered(InSeatOrder):
    """Its prompts are no texts."""

    def prompts(self):
        return {"system": 3}


class Lenient(InSeatOrder):
    """It takes whatever it is given."""

    model_config = ConfigDict(extra="allow")


class Crashing(InSeatOrder):
    """Its own check of an option crashes."""

    word: str = ""

    @field_validator("word", mode="before")
    @classmethod
    def _stripped(cls, word: Any) -> Any:
        return word.strip()


# Agents.


def agent(act: Callable[[Agent, Any], Any], **more: Any) -> Agent:
    """Make an agent that acts so."""

    async def aact(self: Agent, observation: Any) -> Any:
        given = act(self, observation)
        return await given if inspect.isawaitable(given) else given

    return type("Broken", (Agent,), {"aact": aact, "__doc__": "Broken.", **more})()


class Hoarder(Agent):
    """It keeps what it said among its options."""

    words: list[str] = []

    async def aact(self, observation):
        self.words.append("hello")
        return speak("hello")


class Whimsical(Agent):
    """It says that it can be recalled, and acts on a whim."""

    recallable = True

    async def aact(self, observation):
        return speak(str(random.random()))


class Forgetful(Agent):
    """It counts what it said, and forgets to count what it is told it said."""

    _said: int = 0

    async def aact(self, observation):
        self._said += 1
        return speak(str(self._said))


class Unclosable(Agent):
    """It cannot be closed before it has a seat."""

    async def aact(self, observation):
        return speak("hello")

    async def aclose(self):
        assert self.seat


def gossip() -> Agent:
    heard: list[str] = []

    async def observe(self: Agent, observation: Any) -> None:
        heard.append(self.seat.goal)

    return agent(lambda self, observation: speak(" ".join(heard)), observe=observe)


def shared_count() -> Agent:
    count = Counter()
    return agent(lambda self, observation: speak(str(count())))


def only_other(self: Agent, observation: Any) -> AgentAction:
    (other,) = (name for name in self.seat.background.names if name != self.seat.name)
    return speak("hello", other)


# Orderings, samplers, evaluators.


def ordering(choose: Callable[[Any, Random], Any]) -> Ordering:
    kind = type("Broken", (Ordering,), {"in_turn": lambda self, transcript, random: choose(transcript, random)})
    return kind()


def rotating() -> Ordering:
    count = Counter()
    return ordering(lambda transcript, _: [transcript.remaining[count() % len(transcript.remaining)]])


def sampler(draw: Callable[[Any, Any, Random], Any]) -> Sampler:
    def sample(self: Sampler, pool: Any, seats: Any, random: Random) -> Any:
        return draw(pool, seats, random)

    return type("Broken", (Sampler,), {"sample": sample})()


def fitting(pool: Any, seats: Any, random: Any, order: Callable[[list[Any]], Any] = list) -> Any:
    for environment in order(list(pool.environments)):
        if seats in (None, len(environment.agent_goals)):
            yield pool.combo(environment, pool.agents[: len(environment.agent_goals)])


def forever(pool: Any, seats: Any, random: Any) -> Any:
    while True:
        yield from fitting(pool, seats, random)


def turning() -> Sampler:
    count = Counter()
    return sampler(lambda pool, seats, random: fitting(pool, seats, random, lambda found: found[: 1 + count() % 2]))


def evaluator(kind: type, judge: Callable[[Any, Any], Any], **more: Any) -> Any:
    async def evaluate(self: Any, transcript: Any, context: Any) -> Any:
        given = judge(transcript, context)
        return await given if inspect.isawaitable(given) else given

    return type("Broken", (kind,), {"evaluate": evaluate, **more})()


def response(judge: Callable[[Any, Any], Any]) -> ResponseEvaluator:
    return evaluator(ResponseEvaluator, judge)


TACT = DimensionSet(name="Tact", dimensions=(Dimension(name="tact", low=0, high=10),))


def counting() -> Callable[[Any, Any], Any]:
    count = Counter()
    return lambda transcript, context: Verdict(terminated=False, comments=str(count()))


def terminal(judge: Callable[[Any, Any], Any], dimensions: Any = TACT, **more: Any) -> TerminalEvaluator:
    look = dimensions if callable(dimensions) else lambda: dimensions
    return evaluator(TerminalEvaluator, judge, dimensions=property(lambda self: look()), **more)


def scored(value: float, reasoning: str = "as ever") -> Scored:
    return Scored(scores={"tact": Score(value=value, reasoning=reasoning)})


def everybody(value: float, reasoning: str = "as ever") -> Callable[[Any, Any], Any]:
    return lambda transcript, context: dict.fromkeys(transcript.names, scored(value, reasoning))


def counted() -> Callable[[Any, Any], Any]:
    count = Counter()
    return lambda transcript, context: everybody(count() % 10)(transcript, context)


def changing() -> Callable[[], DimensionSet]:
    count = Counter()
    return lambda: DimensionSet(name="Tact", dimensions=(Dimension(name="tact", low=0, high=count()),))


class ZeroForFailure(TerminalEvaluator):
    """It turns a failure into a zero, which is the one thing it must not do."""

    model: ModelRef = "offline"

    @property
    def dimensions(self):
        return TACT

    async def evaluate(self, transcript, context):
        try:
            await context.model(self.model).generate([])
        except Exception:
            return everybody(0)(transcript, context)
        return dict.fromkeys(transcript.names, Unscored(reason="no"))


def sleeping(result: Any = None) -> Callable[[Any, Any], Any]:
    def sleep(transcript: Any, context: Any) -> Any:
        time.sleep(0.2)
        return everybody(1)(transcript, context) if result is None else result

    return sleep


# Models.


def model(answer: Callable[[Any, Any], Any], **more: Any) -> Model:
    """Make a model that answers so."""

    async def complete(self: Model, request: Any) -> Any:
        given = answer(self, request)
        return await given if inspect.isawaitable(given) else given

    return type("Broken", (Model,), {"complete": complete, "label": property(lambda self: "broken"), **more})()


def saying(text: str = "Hm.", **fields: Any) -> Callable[[Any, Any], Any]:
    return lambda self, request: Completion(text=text, model="broken", **fields)


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def one_at_a_time() -> Model:
    busy: list[bool] = []

    async def answer(self: Model, request: Any) -> Completion:
        if busy:
            raise RuntimeError("I am busy")
        busy.append(True)
        await asyncio.sleep(0)
        busy.clear()
        return Completion(text="Hm.", model="broken")

    return model(answer)


def closing_once() -> Model:
    closed: list[bool] = []

    async def aclose(self: Model) -> None:
        assert not closed, "closed already"
        closed.append(True)

    return model(saying(), aclose=aclose)


class Indiscreet(Model):
    """It keeps its key among its options."""

    key: str = SECRET

    @property
    def label(self) -> str:
        return "indiscreet"

    async def complete(self, request: Any) -> Completion:
        return Completion(text="Hm.", model="indiscreet")


# Dimension sets, packs, plugins.


class PickyEnd(BaseModel):
    """Its lowest score is none."""

    tact: int = Field(ge=0, le=10, description="How tactful?")

    @model_validator(mode="after")
    def _not_zero(self):
        if self.tact == 0:
            raise ValueError("zero is no score here")
        return self


class Fleeting(BaseModel):
    """Its rubric is another one each time it is imported."""

    tact: int = Field(ge=0, le=10, description=f"How tactful, on day {time.time_ns()}?")


def one_dimension(**field: Any) -> type[BaseModel]:
    return create_model("One", tact=(field.pop("annotation", int), Field(**field)))


CHARACTER = {"pk": "ann", "first_name": "Ann", "secret": "Ann cannot swim."}
OTHER = {"pk": "bob", "first_name": "Bob", "secret": "Bob owes money."}
SCENARIO = {"pk": "pool", "codename": "pool", "scenario": "They meet at a pool.", "agent_goals": ["Swim.", "Sit."]}


def pack(tmp_path: Any, *records: Any, name: str = "tales", description: str = "Old tales") -> Pack:
    path = tmp_path / "tales.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return Pack(name=name, description=description, files=(path,))


def plugin(**hooks: Any) -> types.ModuleType:
    module = types.ModuleType("broken_plugin")
    for hook, value in hooks.items():
        setattr(module, hook, hookimpl(lambda value=value: value))
    return module
