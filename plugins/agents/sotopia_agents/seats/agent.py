"""The agent whose actions come over a broker, from a person or a program that has taken its seat."""

from __future__ import annotations

import logging
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, PrivateAttr

from sotopia_agents.seats.addresses import broker_url, check_url, has_password
from sotopia_agents.seats.broker import BrokerAway, Position
from sotopia_agents.seats.envelopes import Cause, Closed, Observed, Outcome, SeatCard
from sotopia_agents.seats.line import SETTLING, SeatLine
from sotopia_agents.seats.patience import persist
from sotopia_agents.seats.question import SECONDS_TO_SETTLE, Presence, Question, Terms
from sotopia_agents.seats.shared import join, leave
from sotopia_core.interfaces import OPERATIONAL, Agent
from sotopia_core.messages import AgentAction, Observation

SECONDS_TO_TELL: Final = 5.0
"""How long to try to tell what needs no answer; it is told later where the broker is away."""

logger = logging.getLogger("sotopia.seats")


def _fit_to_be_kept(url: str | None) -> str | None:
    if url is not None and has_password(url):
        raise ValueError("a run file is kept with its run, so it must hold no password; put the URL in SOTOPIA_BROKER")
    check_url(broker_url(url))
    return url


class RedisAgent(Agent):
    """Somebody elsewhere, a person or a program, who has taken the agent's seat over a broker.

    What the agent observes is put on a stream; the action is awaited from another. Whoever takes the seat, with
    ``sotopia seat`` or :func:`sotopia_agents.seats.take_seat`, finds the open question, also after either side was
    away, and is asked once for each turn.
    """

    broker: Annotated[str | None, AfterValidator(_fit_to_be_kept), OPERATIONAL] = Field(
        default=None,
        validate_default=True,
        description="URL of the broker, such as redis://localhost:6379; without it, that of the environment",
    )
    timeout: Annotated[float, OPERATIONAL] = Field(
        default=3600.0, gt=0, description="Seconds that the holder may take for one turn, all answers together"
    )
    on_timeout: Outcome = Field(default="fail", description="What becomes of a turn that nobody answered in time")
    tries: int = Field(default=3, ge=1, le=100, description="Answers in one turn, the first included")
    on_invalid: Outcome = Field(default="fail", description="What becomes of a turn in which none could be used")
    disconnect_after: Annotated[float, OPERATIONAL] = Field(
        default=30.0, gt=0, description="Seconds without a sign of the holder after which it counts as gone"
    )
    on_disconnect: Literal["wait", "none", "leave", "fail"] = Field(
        default="wait", description='What becomes of a turn whose holder has gone; "wait": nothing before the timeout'
    )

    grace: ClassVar[float] = 3 * SECONDS_TO_SETTLE

    _line: SeatLine | None = PrivateAttr(default=None)
    _url: str = PrivateAttr(default="")
    _presence: Presence = PrivateAttr(default_factory=Presence)

    async def aact(self, observation: Observation) -> AgentAction:
        """Ask the holder of the seat, and wait for the answer or for what settles the turn without one."""
        line = await self._seated()
        self._say(line, observation, self.timeout)
        await persist(line.tell, self.timeout)
        await persist(lambda: line.take_up_before(observation.turn), self.timeout)
        question = Question(line, observation, self.seat.background.names, self._terms())
        return await question.answer(self._presence)

    async def observe(self, observation: Observation) -> None:
        """Tell the holder of the seat; where the broker is away, later; outside a run, nobody."""
        if not self.seat.run:
            return
        line = await self._seated()
        self._say(line, observation, None)
        try:
            await persist(line.tell, SECONDS_TO_TELL)
            await line.take_up_before(observation.turn)
        except BrokerAway as error:
            logger.warning("%s, turn %d: %s; telling it later", self.seat.name, observation.turn, error)

    async def replay(self, observation: Observation, action: AgentAction) -> None:
        """Go on from what the holder was told and did, without asking again."""
        if not self.seat.run:
            return
        self._say(await self._seated(), observation, self.timeout)
        self._presence.ever = True

    async def aclose(self) -> None:
        """Let the holder know that the episode is over."""
        line = self._line
        if line is not None:
            line.say(Position(max(0, line.last_turn), SETTLING + 1), Closed())
            try:
                await persist(line.tell, SECONDS_TO_TELL)
                await line.take_up_before(line.last_turn + 1)
                await line.withdraw()
            except BrokerAway as error:
                logger.warning("%s: %s; nobody could be told that the episode is over", self.seat.name, error)
        await self._hang_up()

    async def adjourn(self) -> None:
        """Leave the seat as it is, for the run to come back to."""
        await self._hang_up()

    def _say(self, line: SeatLine, observation: Observation, seconds: float | None) -> None:
        line.say(Position(observation.turn), Observed(observation=observation, seconds=seconds))

    async def _seated(self) -> SeatLine:
        if self._line is None:
            seat = self.seat
            if not seat.run:
                raise LookupError(f"{seat.name} sits outside a run, where nobody can find the seat to take it")
            card = SeatCard(run=seat.run, episode=seat.episode, index=seat.index, agent=seat.name)
            self._url = broker_url(self.broker)
            self._line = SeatLine(await join(self._url, card), card)
        return self._line

    def _terms(self) -> Terms:
        outcomes: dict[Cause, Outcome] = {"timeout": self.on_timeout, "invalid": self.on_invalid}
        if self.on_disconnect != "wait":
            outcomes["disconnect"] = self.on_disconnect
        return Terms(self.timeout, self.tries, self.disconnect_after, outcomes)

    async def _hang_up(self) -> None:
        if self._line is not None:
            line, self._line = self._line, None
            await line.hang_up()
            await leave(self._url, line.card)
