"""Worlds to look for leaks in: random casts and scripts in which every private text holds a mark of its own.

A mark occurs in one place only, so wherever it turns up, that is where it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random as Generator

from hypothesis import strategies as st
from pydantic import InstanceOf

from sotopia_core.interfaces import Agent, Ordering, Transcript
from sotopia_core.messages import ACTION_TYPES, ActionType, AgentAction, Observation
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile, RelationshipProfile
from sotopia_orderings.random_order import Random
from sotopia_orderings.round_robin import RoundRobin
from sotopia_orderings.simultaneous import Simultaneous

NAMES = ("Ada Lind", "{goal}", "<b>Bo</b>", 'Zoë "Z" O\'Hara', "李 雷", "agent_1", "did nothing", "{{ name }}")
"""Names that careless code trips over."""

NASTY = (
    "",
    "{goal}",
    "{{ secret }}",
    "{% raw %}",
    "{% for x in others %}",
    "<p viewer='agent_1'>",
    '<p viewer="environment">',
    "</root>",
    "&amp; <b>",
    "did nothing",
    "\x00",
    "\U0001f600\U0001f468\u200d\U0001f469",
    "\u202eright to left\u200f",
    'said: "quoted"\nTurn 3: {{ name }} left',
    "```\n# Your goal\n",
    "x" * 100_000,
)
"""Texts that have broken barriers elsewhere: templates, markup, sentences of logs, control characters, length."""

MARK = re.compile(r"mark\d{6}z|7\d{5}")
TEXT_FIELDS = (
    *("occupation", "gender", "gender_pronoun", "public_info", "big_five", "personality_and_values"),
    *("decision_making_style", "secret", "mbti"),
)
LIST_FIELDS = ("moral_values", "schwartz_personal_values")


def marks_in(text: str) -> set[str]:
    """Return the marks that occur in a text."""
    return set(MARK.findall(text))


class PairsByLot(Ordering):
    """Two of those who remain act at once."""

    def in_turn(self, transcript: Transcript, random: Generator) -> Sequence[str]:
        return random.sample(transcript.remaining, min(2, len(transcript.remaining)))


ORDERINGS = {"round robin": RoundRobin(), "random": Random(), "simultaneous": Simultaneous(), "pairs": PairsByLot()}


@dataclass(frozen=True)
class Deed:
    """What whoever is asked next does: recipients are seats, counted around the table."""

    kind: ActionType
    to: tuple[int, ...]
    nasty: int


@dataclass(frozen=True)
class Plan:
    """Everything that is random about a world. ``stored`` holds who knows whom how well, by seats."""

    seats: int
    relationship: int
    stored: tuple[tuple[int, int, int], ...]
    mode: str
    ordering: str
    nasty: int
    deeds: tuple[Deed, ...]


def _deeds(short: bool) -> st.SearchStrategy[Deed]:
    kinds = st.sampled_from([*ACTION_TYPES, "speak", "speak", "speak"])
    recipients = st.lists(st.integers(0, 7), max_size=3).map(tuple) | st.just(())
    return st.builds(Deed, kinds, recipients, st.integers(0, len(NASTY) - (2 if short else 1)))


def plans(deeds: int, *, short: bool = False) -> st.SearchStrategy[Plan]:
    """Plans of at most so many deeds; ``short`` leaves out texts of 100 kB."""
    pairs = st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(0, 5))
    return st.builds(
        Plan,
        seats=st.integers(2, 8),
        relationship=st.integers(0, 5),
        stored=st.lists(pairs, max_size=4).map(tuple),
        mode=st.sampled_from(["standard", "standard", "omniscient", "lite"]),
        ordering=st.sampled_from(sorted(ORDERINGS)),
        nasty=st.integers(0, len(NASTY) - 2),
        deeds=st.lists(_deeds(short), min_size=1, max_size=deeds).map(tuple),
    )


@dataclass
class World:
    """A plan made real. ``origin`` says where each mark stands, ``happened`` what was done, as the doers tell it."""

    plan: Plan
    origin: dict[str, tuple[object, ...]] = field(default_factory=dict)
    happened: list[tuple[int, str, AgentAction, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        seats = range(self.plan.seats)
        self.names = NAMES[: self.plan.seats]
        self.agents = tuple(self._agent(seat) for seat in seats)
        self.environment = EnvironmentProfile(
            pk=self._mark("nobody"),
            codename=self._mark("nobody"),
            source=self._mark("nobody"),
            tag=self._mark("nobody"),
            scenario=self._scenario(),
            agent_goals=tuple(self._goal(seat) for seat in seats),
            relationship=self.plan.relationship,
            game_metadata={"hidden": self._mark("nobody")},
        )
        stored = [(one % self.plan.seats, other % self.plan.seats, how) for one, other, how in self.plan.stored]
        self.combo = Combo(
            environment=self.environment,
            agents=self.agents,
            relationships=tuple(
                RelationshipProfile(
                    agent_1_id=self.agents[one].pk,
                    agent_2_id=self.agents[other].pk,
                    relationship=how,
                    background_story=self._mark("nobody"),
                )
                for one, other, how in stored
                if one != other
            ),
        )
        self.ordering = ORDERINGS[self.plan.ordering]
        self._to_do = list(self.plan.deeds)

    def next_deed(self, name: str, turn: int, present: Iterable[str] | None = None) -> AgentAction:
        """Return what this agent does now, and remember it; ``present`` limits the recipients, without oneself."""
        deed = self._to_do.pop(0) if self._to_do else Deed("none", (), 0)
        to = tuple(self.names[seat % len(self.names)] for seat in deed.to)
        if present is not None:
            to = tuple(dict.fromkeys(other for other in to if other in present and other != name))
        mark = self._mark("said", turn, name)
        action = AgentAction(action_type=deed.kind, argument=f"{NASTY[deed.nasty]}{mark}", to=to)
        self.happened.append((turn, name, action, mark))
        return action

    def _mark(self, *origin: object) -> str:
        mark = f"mark{len(self.origin):06}z"
        self.origin[mark] = origin
        return mark

    def _text(self, *origin: object) -> str:
        return f"{NASTY[self.plan.nasty]}{self._mark(*origin)}"

    def _agent(self, seat: int) -> AgentProfile:
        name = self.names[seat]
        age = 700_000 + len(self.origin)
        self.origin[str(age)] = ("profile", name, "age")
        return AgentProfile(
            pk=self._mark("nobody"),
            first_name=name,
            age=age,
            model_id=self._mark("nobody"),
            tag=self._mark("nobody"),
            **{key: self._text("profile", name, key) for key in TEXT_FIELDS},
            **{key: (self._text("profile", name, key), self._text("profile", name, key)) for key in LIST_FIELDS},
        )

    def _scenario(self) -> str:
        hints = "".join(f"<{mark}>{self._mark('scenario', 'all')}</{mark}>" for mark in ("extra_info", "strategy_hint"))
        seats = "".join(f'<p viewer="agent_{n}">{self._mark("scenario", n)}</p>' for n in range(9))
        judge = f"<p viewer='environment'>{self._mark('scenario', 'judge')}</p>"
        # What is no well-formed mark stands last, where it opens nothing that is closed.
        return f"{self._mark('scenario', 'all')}{hints}{seats}{judge}{self._text('scenario', 'all')}"

    def _goal(self, seat: int) -> str:
        owners = ("extra_info", "clarification_hint", "strategy_hint")
        hints = "".join(f"<{mark}>{self._mark('goal', seat, 'owner')}</{mark}>" for mark in owners)
        seats = "".join(f'<p viewer="agent_{n}">{self._mark("goal", seat, n)}</p>' for n in range(9))
        judge = f'<p viewer="environment">{self._mark("goal", seat, "judge")}</p>'
        return f"{self._mark('goal', seat, 'plain')}{hints}{seats}{judge}{self._text('goal', seat, 'plain')}"


class Puppet(Agent):
    """An agent that does what the world has planned next, whoever it is."""

    world: InstanceOf[World]

    async def aact(self, observation: Observation) -> AgentAction:
        return self.world.next_deed(self.seat.name, observation.turn)
