"""The agent that a person at the terminal plays."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Annotated, ClassVar

from pydantic import Field, PrivateAttr

from sotopia_agents.asking import EndOfInput, ask, describe_event, describe_scene, say
from sotopia_agents.presence import others_present
from sotopia_agents.terminal import TERMINAL
from sotopia_core.interfaces import OPERATIONAL, Agent
from sotopia_core.messages import NO_ACTION, AgentAction, Event, Observation
from sotopia_core.terminal import visible_line


class HumanAgent(Agent):
    """A person at this terminal, who is shown what the agent observes and asked what to do.

    At the end of input (Ctrl-D) the agent leaves. With several such agents in one episode, one person is asked at a
    time, by the name of the agent.
    """

    timeout: Annotated[float, OPERATIONAL] = Field(
        default=86_400.0, gt=0, description="Seconds that a person may take for one action; a day"
    )

    exclusive: ClassVar[bool] = True

    _unseen: tuple[str, ...] = PrivateAttr(default=())
    _heard_turn: int = PrivateAttr(default=-1)
    _gone: bool = PrivateAttr(default=False)

    async def aact(self, observation: Observation) -> AgentAction:
        """Show what is new and ask for an action until one is given."""
        self._hear(observation)
        async with TERMINAL.floor:
            self._show_unseen()
            if self._gone:
                return _leave(observation)
            try:
                return await ask(self.seat.name, observation, others_present(self.seat, observation))
            except EndOfInput:
                self._gone = True
                say(f"End of input: {visible_line(self.seat.name)} leaves.")
                return _leave(observation)
            except CancelledError:
                say(f"\n{visible_line(self.seat.name)} is no longer asked.")
                raise

    async def observe(self, observation: Observation) -> None:
        """Show what is new, at once or, while somebody is being asked, before the next question."""
        self._hear(observation)
        if not TERMINAL.floor.locked():
            self._show_unseen()

    async def replay(self, observation: Observation, action: AgentAction) -> None:
        """Keep what was seen and done, to be shown before the next question."""
        self._hear(observation)
        self._unseen += (describe_event(Event(turn=observation.turn, sender=self.seat.name, action=action)),)

    async def aclose(self) -> None:
        """Show what has not been shown yet."""
        self._show_unseen()

    def _hear(self, observation: Observation) -> None:
        if observation.turn <= self._heard_turn:
            return  # asked again after an attempt that failed
        self._heard_turn = observation.turn
        if observation.background is not None:
            self._unseen += (describe_scene(observation.background),)
        self._unseen += tuple(describe_event(event) for event in observation.events if event.sender != self.seat.name)

    def _show_unseen(self) -> None:
        if self._unseen:
            say(f"\n--- {visible_line(self.seat.name)} sees ---", *self._unseen)
            self._unseen = ()


def _leave(observation: Observation) -> AgentAction:
    return AgentAction(action_type="leave") if "leave" in observation.available_actions else NO_ACTION
