"""One turn of a seat, from the question to the action: what an answer must be, and what becomes of none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from sotopia_agents.seats import beats
from sotopia_agents.seats.broker import BrokerAway, Entry, Position
from sotopia_agents.seats.envelopes import (
    Answer,
    Cause,
    EnvelopeError,
    Outcome,
    Refused,
    Settled,
    read_envelope,
)
from sotopia_agents.seats.line import SETTLING, SeatLine
from sotopia_agents.seats.patience import persist
from sotopia_core.errors import OverdueError, SotopiaError, unicode_text
from sotopia_core.messages import NO_ACTION, AgentAction, Observation
from sotopia_core.wording import explain

SECONDS_TO_SETTLE: Final = 15.0
"""How long it may take, when the time of a turn is over, to let the broker and the holder know."""

logger = logging.getLogger("sotopia.seats")


class NoAnswer(SotopiaError):
    """A turn for which the holder of the seat gave no action, where the run file says that the episode fails then."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a seat grants its holder: seconds a turn, answers a turn, and what becomes of a turn without an action.

    A cause without an outcome settles nothing.
    """

    seconds: float
    tries: int
    seconds_away: float
    outcomes: Mapping[Cause, Outcome]


@dataclass
class Presence:
    """What is known of the holder: whether anybody was ever there in this episode, and when somebody last was."""

    ever: bool = False
    last: float = 0.0


class Question:
    """A question that is open. Make one for each turn, and await :meth:`answer` once."""

    def __init__(self, line: SeatLine, observation: Observation, names: tuple[str, ...], terms: Terms) -> None:
        self._line = line
        self._observation = observation
        self._names = names
        self._terms = terms
        self._tries = 0
        self._step = 0
        self._deadline = 0.0
        self._away = False

    @property
    def _turn(self) -> int:
        return self._observation.turn

    async def answer(self, presence: Presence) -> AgentAction:
        """Wait for an action that the rules allow, or do what the terms say of none.

        ``NoAnswer`` where they say that the episode fails; ``BrokerAway`` where the broker is away at the end.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        self._deadline = began + self._terms.seconds
        presence.last = max(presence.last, began)
        watching = "disconnect" in self._terms.outcomes
        beat = min(beats.BEAT, self._terms.seconds_away / 2) if watching else beats.BEAT
        looked = began
        while (left := self._deadline - clock()) > 0:
            for entry in await self._line.answers(max(0.0, min(left, looked + beat - clock()))):
                action = await self._consider(entry)
                if action is not None:
                    presence.ever, presence.last = True, clock()
                    return action
            if clock() >= looked + beat:
                looked = clock()
                await self._look_round(presence, clock())
                if watching and presence.ever and clock() - presence.last > self._terms.seconds_away:
                    return await self._settle("disconnect")
        return await self._settle("timeout")

    async def _look_round(self, presence: Presence, now: float) -> None:
        """See whether the holder is there, and mend what the broker has lost; while it is away, wait on."""
        try:
            await self._line.tell()
            if await self._line.is_held():
                presence.ever, presence.last = True, now
        except BrokerAway as error:
            if not self._away:
                logger.warning("%s, turn %d: %s; waiting on", self._line.card.agent, self._turn, error)
            self._away = True
            presence.last = now  # nobody can be told to be gone
        else:
            self._away = False

    async def _consider(self, entry: Entry) -> AgentAction | None:
        """Return the action that an entry comes to; None where it comes to none and the question stays open."""
        if entry.position.turn < self._turn:
            return None  # taken up when its turn was played; kept once more for want of an acknowledgement
        if entry.position.turn > self._turn:
            await self._forget_answers()
            asked = f"it answers turn {entry.position.turn}, and the turn is {self._turn}"
            return await self._refuse(asked, self._step)
        try:
            envelope = read_envelope(entry.text)
        except EnvelopeError as error:
            return await self._refuse(f"it cannot be read: {error}", entry.position.step)
        match envelope:
            case Settled(outcome="fail"):
                await self._forget_answers()  # the episode failed with that, and is tried again
                return None
            case Settled():
                return await self._follow(envelope)
            case Answer():
                try:
                    return self._allowed(envelope.action)
                except ValueError as error:
                    return await self._refuse(str(error), entry.position.step)
            case _:
                return await self._refuse(f"it is no answer but {envelope.kind!r}", entry.position.step)

    def _allowed(self, given: object) -> AgentAction:
        """Return the action that was given; ``ValueError`` says why it cannot be taken."""
        try:
            action = AgentAction.model_validate(given)
        except ValidationError as error:
            raise ValueError(explain(error, AgentAction)) from None
        if action.action_type not in (*self._observation.available_actions, "none"):
            allowed = ", ".join(self._observation.available_actions)
            raise ValueError(f"{action.action_type!r} is not among the actions here: {allowed}")
        for name in action.to:
            if name not in self._names:
                raise ValueError(f"nobody here is called {name!r}; there are {', '.join(self._names)}")
        return action

    async def _refuse(self, reason: str, step: int) -> AgentAction | None:
        """Tell the holder why an answer cannot be used; after too many, let it be."""
        self._tries += 1
        self._step = max(self._step, step) + 1
        if self._tries >= self._terms.tries:
            return await self._settle("invalid")
        logger.info("%s, turn %d: refused an answer: %s", self._line.card.agent, self._turn, reason)
        refused = Refused(turn=self._turn, step=self._step, reason=unicode_text(reason))
        self._line.say(Position(self._turn, self._step), refused)
        await persist(self._line.tell, self._time_left())
        return None

    async def _forget_answers(self) -> None:
        await persist(lambda: self._line.broker.clear(self._line.card.answers), self._time_left())

    async def _settle(self, cause: Cause) -> AgentAction:
        """Settle the turn without the holder, unless an answer was faster."""
        settled = Settled(turn=self._turn, cause=cause, outcome=self._terms.outcomes[cause])
        clock = asyncio.get_running_loop().time
        limit = clock() + SECONDS_TO_SETTLE
        while clock() < limit:
            if await persist(lambda: self._line.settle(settled), limit - clock()):
                return await self._follow(settled)
            for entry in await self._line.answers(beats.BEAT / 5):
                action = await self._consider(entry)
                if action is not None:
                    return action
        raise OverdueError(f"turn {self._turn} could be neither answered nor settled within {SECONDS_TO_SETTLE:g} s")

    async def _follow(self, settled: Settled) -> AgentAction:
        """Do what was settled, and let the holder know."""
        self._line.say(Position(self._turn, SETTLING), settled)
        await persist(self._line.tell, SECONDS_TO_SETTLE)
        match settled.outcome:
            case "leave" if "leave" in self._observation.available_actions:
                return AgentAction(action_type="leave")
            case "none" | "leave":
                return NO_ACTION
            case "fail":
                raise NoAnswer(self._why(settled.cause))

    def _why(self, cause: Cause) -> str:
        match cause:
            case "timeout":
                return f"nobody answered within {self._terms.seconds:g} s"
            case "disconnect":
                return f"whoever had taken the seat was gone for more than {self._terms.seconds_away:g} s"
            case "invalid":
                return f"none of {self._terms.tries} answers could be used"

    def _time_left(self) -> float:
        return max(1.0, self._deadline - asyncio.get_running_loop().time())
