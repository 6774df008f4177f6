"""Casts, scenes and models that the conformance suites play with.

Every secret and every goal of a cast holds a word of its own, which occurs nowhere else: wherever it turns up, that is
where it came from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Final, TypeVar

from sotopia_core.asking import ReplyJournal, ReplyKey
from sotopia_core.digests import digest
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.errors import ModelError
from sotopia_core.interfaces import (
    Agent,
    Component,
    EvaluationContext,
    Model,
    ModelFinder,
    ModelHandle,
    Ordering,
    ResponseEvaluator,
    Transcript,
    Verdict,
)
from sotopia_core.messages import AgentAction, Event
from sotopia_core.models import Completion, ModelRequest, Scene
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, Pool, RelationshipType
from sotopia_core.visibility import background_for_judge

C = TypeVar("C", bound=Component)

NAMES: Final = ("Ada Lind", 'Zoë "Z" O\'Hara', "{goal}", "李 雷", "<b>Bo</b>")
"""Names that careless code trips over."""

SPOKEN: Final = ("Good evening.", "I <3 you {goal}", "did nothing", 'hi & <b> there"', "Shall we?")


def mark(what: str, episode: int, seat: int) -> str:
    """Return the word that only the goal, or the secret, of this seat of this episode holds."""
    return f"m{digest([what, episode, seat])[:12]}"


def marks(episode: int, seat: int) -> tuple[str, str]:
    """Return the words that nobody but this seat of this episode was given."""
    return mark("goal", episode, seat), mark("secret", episode, seat)


def cast(seats: int = 2, episode: int = 0, relationship: RelationshipType = RelationshipType.friend) -> Combo:
    """Return a scenario with its cast; each episode number gives another one, with marks of its own."""
    agents = [
        AgentProfile(
            pk=f"agent-{episode}-{seat}",
            first_name=NAMES[(seat + episode) % len(NAMES)],
            age=30 + seat,
            occupation="Baker",
            public_info="Bakes rye bread.",
            personality_and_values="Patient.",
            secret=f"Nobody knows of {mark('secret', episode, seat)}.",
        )
        for seat in range(seats)
    ]
    scenario = EnvironmentProfile(
        pk=f"scenario-{episode}-{seats}",
        codename=f"bakery_{episode}_{seats}",
        scenario="They meet in a bakery before dawn, and one table is free.",
        agent_goals=tuple(f"Get the table by the window ({mark('goal', episode, seat)})." for seat in range(seats)),
        relationship=relationship,
    )
    return Combo(environment=scenario, agents=tuple(agents))


def pool() -> Pool:
    """Return a pool with scenarios for two and for three, and enough characters, all of different names, for both."""
    combos = [cast(2 + episode % 2, episode) for episode in range(5)]
    agents = [agent for combo in combos for agent in combo.agents]
    renamed = [agent.model_copy(update={"last_name": f"No. {number}"}) for number, agent in enumerate(agents)]
    return Pool(
        environments=tuple(combo.environment for combo in combos),
        agents=tuple(renamed),
        source="the pool of the suite",
    )


def transcript(seats: int = 2, turns: int = 4, episode: int = 0, left: Sequence[int] = ()) -> Transcript:
    """Return an interaction of so many turns in which one speaks each turn; the seats in ``left`` have left at once."""
    combo = cast(seats, episode)
    leaving = [Event(turn=0, sender=combo.names[seat], action=AgentAction(action_type="leave")) for seat in left]
    staying = [name for seat, name in enumerate(combo.names) if seat not in left]
    spoken = [
        Event(
            turn=turn,
            sender=staying[turn % len(staying)],
            action=AgentAction(action_type="speak", argument=SPOKEN[turn % len(SPOKEN)]),
        )
        for turn in range(1 if left else 0, turns if staying else 0)
    ]
    return Transcript(
        background=background_for_judge(combo),
        turn=turns,
        events=(*leaving, *spoken),
        left=frozenset(combo.names[seat] for seat in left),
    )


def transcripts() -> list[Transcript]:
    """Return interactions short and long, of two and of three, and some that people left."""
    return [
        transcript(2, 0),
        transcript(2, 1),
        transcript(2, 6, episode=1),
        transcript(3, 7, episode=2),
        transcript(3, 5, episode=3, left=(1,)),
        transcript(2, 3, episode=4, left=(0, 1)),
    ]


def context(
    scene: Transcript,
    find_model: ModelFinder,
    seed: int = 0,
) -> EvaluationContext:
    """Return what an evaluator of this interaction is given besides it."""

    def handle(ref: Model | str) -> ModelHandle:
        model = find_model(ref) if isinstance(ref, str) else ref
        facts = Scene(background=scene.background, events=scene.events, current=None)
        return ModelHandle(model, purpose="judge", seed=seed, turn=lambda: scene.turn, scene=lambda: facts)

    return EvaluationContext(seed=seed, models=handle)


class InOrder(Ordering):
    """The seats in turn, skipping those who left."""

    def in_turn(self, transcript: Transcript, random: Random) -> Sequence[str]:
        """Return the next."""
        last = transcript.names.index(transcript.events[-1].sender) + 1 if transcript.events else 0
        circle = (*transcript.names[last:], *transcript.names[:last])
        return [name for name in circle if name in transcript.remaining][:1]


class Until(ResponseEvaluator):
    """Over at a turn, or when fewer than two are there."""

    turns: int

    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Verdict:
        """Look at the turn."""
        return Verdict(terminated=transcript.turn >= self.turns or len(transcript.remaining) < 2)


class Silent(Model):
    """A model that never answers."""

    needs_sockets: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """``"silent"``."""
        return "silent"

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Wait until cancelled."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")


class Failing(Model):
    """A model that gives no reply, ever."""

    needs_sockets: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """``"failing"``."""
        return "failing"

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Raise ``ModelError``."""
        raise ModelError("the suite's model gives no reply")


class Mumbling(Model):
    """A model whose replies can be used for nothing."""

    needs_sockets: ClassVar[bool] = False
    re_asks: int = 0

    @property
    def label(self) -> str:
        """``"mumbling"``."""
        return "mumbling"

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Give prose, whatever was asked for."""
        return Completion(text="Hm, hm.", model=self.label)


def environment(
    combo: Combo,
    turns: int,
    find_model: ModelFinder,
    *,
    ordering: Ordering | None = None,
    seed: int = 0,
    heard: Callable[[str, ModelRequest[Any]], None] | None = None,
    journal: ReplyJournal | None = None,
) -> ParallelSotopiaEnv:
    """Return an environment that lasts so many turns; ``heard`` is told who asked a model for what."""
    return ParallelSotopiaEnv(
        combo,
        evaluators=[Until(turns=turns)],
        ordering=InOrder() if ordering is None else ordering,
        seed=seed,
        find_model=find_model,
        on_call=None if heard is None else lambda role, request, _: heard(role, request),
        journal=journal,
    )


class Kept(ReplyJournal):
    """A journal in memory: what was answered once is answered again."""

    def __init__(self) -> None:
        self._completions: dict[ReplyKey, Completion] = {}

    def recall(self, key: ReplyKey, request: ModelRequest[Any]) -> Completion | None:
        """Return what was kept under the key."""
        return self._completions.get(key)

    async def keep(self, key: ReplyKey, request: ModelRequest[Any], completion: Completion) -> None:
        """Keep a completion."""
        self._completions[key] = completion


def with_options(component: C, **changes: object) -> C:
    """Make a new component with the options of another, some of them changed, and nothing that it remembers."""
    options = {name: getattr(component, name) for name in component.model_fields_set}
    return type(component)(**{**options, **changes})


def seated(agent: Agent, env: ParallelSotopiaEnv) -> Mapping[str, Agent]:
    """Make an agent like this one for each seat, and seat it."""
    agents = {}
    for seat in env.seats():
        agents[seat.name] = with_options(agent)
        agents[seat.name].bind(seat)
    return agents
