"""A seat taken at a terminal: what the agent knows and hears is shown, and a person is asked for its actions."""

from __future__ import annotations

import asyncio
from typing import Final

from sotopia_agents.asking import EndOfInput, ask, describe_event, describe_scene, say
from sotopia_agents.seats import beats
from sotopia_agents.seats.broker import BrokerAway
from sotopia_agents.seats.envelopes import Cause, Closed, Observed, Outcome, Refused, Settled
from sotopia_agents.seats.holder import AnswerRefused, News, TakenSeat
from sotopia_core.messages import AgentAction
from sotopia_core.terminal import visible, visible_line

WHY: Final[dict[Cause, str]] = {
    "timeout": "Your time for turn {turn} is over",
    "disconnect": "You were away for too long at turn {turn}",
    "invalid": "None of your answers to turn {turn} could be used",
}
WHAT: Final[dict[Outcome, str]] = {
    "none": "{name} does nothing",
    "leave": "{name} leaves",
    "fail": "the episode fails",
}


class PersonAtTerminal:
    """The person who has taken a seat at this terminal, for one episode."""

    def __init__(self, seat: TakenSeat) -> None:
        self._seat = seat
        self._name = visible_line(seat.card.agent)
        self._names: tuple[str, ...] = ()
        self._typed: set[int] = set()
        self._run_is_there = True

    async def play(self) -> bool:
        """Play to the end of the episode. Returns False where nobody types any more before that."""
        say(f"\nYou are {self._name}, in run {self._seat.card.run}. Ctrl-C: go; your seat, and what is asked, stay.")
        waits_first = True
        while not self._seat.over:
            try:
                news = await self._seat.news(0 if waits_first else beats.BEAT)
                if news is None:
                    if waits_first:
                        say("\nNothing is asked of you now. Wait for the others.")
                        waits_first = False
                    await self._watch_the_run()
                    continue
            except BrokerAway as error:
                say(f"\n{visible_line(str(error))}. Trying again.")
                await asyncio.sleep(beats.BEAT)
                continue
            self._show(news)
            if news.asked:
                waits_first = False
                if not await self._answer():
                    return False
        say("\n--- The conversation is over ---")
        return True

    async def _watch_the_run(self) -> None:
        there = await self._seat.run_is_there()
        if there != self._run_is_there:
            self._run_is_there = there
            if there:
                say("\nThe run is being played again.")
            else:
                say(
                    f"\nNobody plays the run now. It goes on from here with: sotopia resume {self._seat.card.run}"
                    "\nWait, or go with Ctrl-C and come back; your answers are kept."
                )

    def _show(self, news: News) -> None:
        match news.envelope:
            case Observed(observation=observation):
                if observation.background is not None:
                    self._names = observation.background.names
                    say("", describe_scene(observation.background))
                events = [
                    e for e in observation.events if e.sender != self._seat.card.agent or e.turn not in self._typed
                ]
                if events:
                    say(f"\n--- {self._name} sees ---", *map(describe_event, events))
            case Refused(reason=reason):
                say(f"\nThat cannot be used: {visible(reason)}. Answer again.")
            case Settled(turn=turn, cause=cause, outcome=outcome):
                say(f"\n{WHY[cause].format(turn=turn)}: {WHAT[outcome].format(name=self._name)}.")
            case Closed():
                pass

    async def _answer(self) -> bool:
        """Ask for an action and give it, unless something comes up meanwhile. Returns False at the end of input."""
        asking = asyncio.ensure_future(self._ask())
        try:
            while not asking.done():
                hearing = asyncio.ensure_future(self._seat.news(beats.BEAT))
                try:
                    both: set[asyncio.Future[AgentAction] | asyncio.Future[News | None]] = {asking, hearing}
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await beats.stop(hearing)
                news = None if hearing.cancelled() else hearing.result()
                if news is not None:
                    await beats.stop(asking)
                    self._show(news)
                    return True if not news.asked else await self._answer()
            return await self._give(asking.result())
        except EndOfInput:
            return False
        finally:
            await beats.stop(asking)

    async def _ask(self) -> AgentAction:
        observation = self._seat.asked
        assert observation is not None
        remaining = observation.remaining or self._names
        return await ask(self._seat.card.agent, observation, [name for name in remaining if name != observation.agent])

    async def _give(self, action: AgentAction) -> bool:
        turn = self._seat.asked.turn if self._seat.asked is not None else -1
        late = asyncio.get_running_loop().call_later(beats.BEAT, say, "\nThe broker is away; your answer waits for it.")
        try:
            await self._seat.act(action)
        except AnswerRefused as error:
            say(f"\nThat came too late: {visible_line(str(error))}.")
        else:
            self._typed.add(turn)
        finally:
            late.cancel()
        return True
