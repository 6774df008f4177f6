"""An episode's loop: agents are asked, the environment steps, every turn is kept as it was seen and played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final

from sotopia_core.config import InvalidActionRule
from sotopia_core.engine.journal import EpisodeJournal
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.episodes import Turn
from sotopia_core.errors import (
    ActionError,
    InputError,
    ModelAccessError,
    ModelError,
    PluginError,
    UnusableReplyError,
    one_line,
    pass_on,
)
from sotopia_core.interfaces import Agent
from sotopia_core.limits import within
from sotopia_core.messages import NO_ACTION, AgentAction, Observation, is_well_formed
from sotopia_core.plugins import titled

SECONDS_TO_CLOSE: Final = 10.0
"""How long an agent may take to give back what it opened."""

logger = logging.getLogger("sotopia.engine")


class Interaction:
    """One episode in play. ``turns`` is what has happened so far, also after a failure.

    The agents are let go when they have seen the end. What they remember is not held while judges are at work.

    What the ``journal`` says an agent did is not asked again: the agent is told, with ``replay``, that it did so.
    ``failed_role`` names the agent or evaluator that ended the episode early, if one did. With ``on_invalid_action =
    "none"`` an agent whose model gives no usable reply does nothing in that turn, whose record says why.
    """

    def __init__(
        self,
        env: ParallelSotopiaEnv,
        agents: Sequence[Agent],
        on_turn: Callable[[Turn], None] | None = None,
        journal: EpisodeJournal | None = None,
        *,
        on_invalid_action: InvalidActionRule = "fail",
    ) -> None:
        self.env = env
        self._on_invalid_action = on_invalid_action
        self._stood_in: dict[int, dict[str, str]] = {}
        self._turns = 0
        self.failed_role = ""
        self._on_turn = on_turn
        self._journal = EpisodeJournal("") if journal is None else journal
        seats = env.seats()
        if len(agents) != len(seats):
            raise ValueError(f"{len(agents)} agents for {len(seats)} seats: {', '.join(env.names)}")
        for agent, seat in zip(agents, seats, strict=True):
            agent.bind(seat)
        self._agents: Mapping[str, Agent] = dict(zip(env.names, agents, strict=True))

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that were taken, and the one at which it was over, if it is."""
        history = enumerate(islice(self.env.history(), self._turns))
        return tuple([self._turn(number, observed, done) for number, (observed, done) in history])

    def _turn(self, number: int, observations: dict[str, Observation], actions: dict[str, AgentAction]) -> Turn:
        stood_in = self._stood_in.get(number, {})
        return Turn.trusted(number=number, observations=observations, actions=actions, stood_in=stood_in)

    async def play(self) -> None:
        """Play to the end, and have it scored.

        Raises what ended it early: ``PluginError``, ``ModelError`` or ``ActionError``.
        """
        over = True
        try:
            observations = self.env.reset()
            while not self.env.done:
                acting = [name for name in self.env.names if name in observations and observations[name].in_turn]
                for name, observation in observations.items():
                    if name not in acting:
                        await self._observe(name, observation)
                if len(acting) == 1:  # the common case, without the cost of a task
                    actions = {acting[0]: await self._ask(acting[0], observations[acting[0]])}
                else:
                    actions = await self._ask_all({name: observations[name] for name in acting})
                await self._step(actions)
                self._took(observations, actions)
                observations = self.env.observations
            self._took(observations, {})
            for name, observation in observations.items():
                await self._observe(name, observation)
        except (asyncio.CancelledError, InputError, ModelAccessError):
            over = False  # the whole run stops with these, and may be resumed
            raise
        finally:
            await self._close(over and self._journal.fault is None)
            self._agents = {}
            self._journal.forget_questions()
        await self.env.score()

    async def _step(self, actions: Mapping[str, AgentAction]) -> None:
        try:
            await self.env.advance(actions)
        except ActionError as error:
            self.failed_role = error.agent
            raise
        except PluginError as error:
            self.failed_role = error.plugin
            raise

    def _took(self, observations: dict[str, Observation], actions: dict[str, AgentAction]) -> None:
        if self._on_turn is not None:
            self._on_turn(self._turn(self._turns, observations, actions))
        self._turns += 1

    async def _ask_all(self, observations: Mapping[str, Observation]) -> dict[str, AgentAction]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {name: group.create_task(self._ask(name, one)) for name, one in observations.items()}
        except BaseExceptionGroup as failures:  # whoever failed first is the cause; the others were cancelled
            raise failures.exceptions[0] from None
        return {name: task.result() for name, task in tasks.items()}

    async def _ask(self, name: str, observation: Observation) -> AgentAction:
        agent = self._agents[name]
        done = self._journal.action(observation.turn, name)
        if done is not None:
            if why := self._journal.why_nothing(observation.turn, name):
                self._stand_in(observation.turn, name, why)
                return done  # the agent never came to act
            doing = f"being told again of turn {observation.turn}"
            await self._tell(name, doing, partial(agent.replay, observation, done))
            return done
        try:
            given = await within(agent.timeout + agent.grace, partial(agent.aact, observation))
        except ModelError as error:
            if self._on_invalid_action == "fail" or not isinstance(error, UnusableReplyError):
                self.failed_role = name
                raise
            self._stand_in(observation.turn, name, one_line(error))
            await self._journal.keep_action(observation.turn, name, NO_ACTION, why_nothing=one_line(error))
            return NO_ACTION
        except BaseException as error:
            raise self._blamed(name, f"at turn {observation.turn}", error) from error
        action = self._checked(name, observation.turn, given)
        if not (agent.recallable and self._journal.has_asked(observation.turn, name)):
            await self._journal.keep_action(observation.turn, name, action)
        return action

    def _stand_in(self, turn: int, name: str, why: str) -> None:
        self._stood_in.setdefault(turn, {})[name] = why

    def _checked(self, name: str, turn: int, action: object) -> AgentAction:
        if isinstance(action, AgentAction) and is_well_formed(action):
            return action
        self.failed_role = name
        if not isinstance(action, AgentAction):
            what = f"it gave {type(action).__name__}, not an AgentAction"
            raise PluginError(self._title(name), f"at turn {turn}", what)
        try:  # one that was made without validation would spoil the record
            valid = AgentAction.model_validate(action.model_dump(warnings=False))
        except ValueError as error:
            raise PluginError(self._title(name), f"at turn {turn}", error) from error
        self.failed_role = ""
        return valid

    async def _observe(self, name: str, observation: Observation) -> None:
        telling = partial(self._agents[name].observe, observation)
        await self._tell(name, f"observing turn {observation.turn}", telling)

    async def _tell(self, name: str, doing: str, telling: Callable[[], Awaitable[None]]) -> None:
        agent = self._agents[name]
        try:
            await within(agent.timeout + agent.grace, telling)
        except ModelError:
            self.failed_role = name
            raise
        except BaseException as error:
            raise self._blamed(name, doing, error) from error

    def _blamed(self, name: str, doing: str, error: BaseException) -> PluginError:
        """Return the fault of an agent that an error is; raises what is nobody's fault, such as a cancellation."""
        pass_on(error)
        self.failed_role = name
        return PluginError(self._title(name), doing, error)

    def _title(self, name: str) -> str:
        return f"{name} ({titled(type(self._agents[name]))})"

    async def _close(self, over: bool) -> None:
        for name, agent in self._agents.items():
            try:
                await within(SECONDS_TO_CLOSE, agent.aclose if over else agent.adjourn)
            except BaseException as error:  # what was played stands, whatever becomes of the agent
                pass_on(error)
                logger.warning("%s failed closing: %s", self._title(name), one_line(error))
