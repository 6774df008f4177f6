"""What every agent must do, as tests that the author of an agent runs over it."""

# Tests are named by the behaviour they hold an agent to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from sotopia_core.asking import ReplyJournal
from sotopia_core.engine.interaction import Interaction
from sotopia_core.episodes import Turn
from sotopia_core.interfaces import Agent, Component, model_refs
from sotopia_core.messages import AgentAction, Event
from sotopia_core.models import ModelRequest
from sotopia_core.profiles import Combo
from sotopia_testing.casts import Kept, Silent, cast, environment, marks, seated, with_options
from sotopia_testing.components import ComponentContract, stopped, with_longest_pause


class AgentContract(ComponentContract):
    """Tests of what an agent must do: subclass it, and give it an ``agent`` that has no seat yet.

    A whole test module of a plugin with an agent that repeats what it heard::

        import pytest

        from sotopia_parrot.agent import Parrot
        from sotopia_testing.agents import AgentContract


        class TestParrot(AgentContract):
            @pytest.fixture
            def agent(self) -> Parrot:
                return Parrot()

    The suite plays whole episodes in which an agent with the same options sits in every seat, ``turns`` long. An agent
    that draws on something other than its seat, its seed and its observations (a person, the time) sets ``repeatable =
    False``; then it is not held to repeating itself.
    """

    turns: ClassVar[int] = 6
    """How many turns an episode lasts, if nobody leaves."""

    repeatable: ClassVar[bool] = True
    """Whether the same seed and the same observations lead to the same actions."""

    @pytest.fixture
    def agent(self) -> Agent:
        """The agent under test, without a seat. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'agent' that returns the agent to test")

    def cast(self, seats: int = 2, episode: int = 0) -> Combo:
        """Return the scenario and cast of an episode. Override it to add what the agent looks for in its goal."""
        return cast(seats, episode)

    @pytest.fixture
    def component(self, agent: Agent) -> Component:
        return agent

    def test_every_action_is_one_that_is_open_to_it(self, agent: Agent) -> None:
        for turn in asyncio.run(self._played(agent, self.cast())):
            for name, action in turn.actions.items():
                assert type(action) is AgentAction
                assert action.action_type in (*turn.observations[name].available_actions, "none")
                assert AgentAction.model_validate_json(action.model_dump_json()) == action

    def test_it_plays_with_two_or_more_others(self, agent: Agent) -> None:
        assert asyncio.run(self._played(agent, self.cast(3, episode=7)))
        assert asyncio.run(self._played(agent, self.cast(4, episode=8)))

    def test_the_same_seed_repeats_the_same_actions(self, agent: Agent) -> None:
        if self.repeatable:
            one, other = (asyncio.run(self._played(agent, self.cast(), seed=11)) for _ in range(2))
            assert actions(one) == actions(other), "it acts otherwise the second time"

    def test_episodes_share_nothing(self, agent: Agent) -> None:
        if not self.repeatable or type(agent).exclusive:
            return
        combos = [self.cast(2 + episode % 2, episode) for episode in range(5)]
        alone = [asyncio.run(self._played(agent, combo)) for combo in combos]

        async def at_once() -> list[Sequence[Turn]]:
            return await asyncio.gather(*(self._played(agent, combo) for combo in combos))

        together = asyncio.run(at_once())
        assert list(map(actions, together)) == list(map(actions, alone)), "it acts otherwise beside other episodes"

    def test_its_options_are_the_same_after_an_episode(self, agent: Agent) -> None:
        async def played() -> Mapping[str, Agent]:
            env = environment(self.cast(), self.turns, self.find_model)
            agents = {name: with_options(agent) for name in env.names}
            await Interaction(env, list(agents.values())).play()
            return agents

        before = agent.model_dump_json()
        for name, one in asyncio.run(played()).items():
            assert one.model_dump_json() == before, f"{name} changed its options; what it remembers is no option"

    def test_it_neither_says_nor_asks_what_it_was_never_told(self, agent: Agent) -> None:
        combo = self.cast(3, episode=5)
        told = {name: set(marks(5, seat)) for seat, name in enumerate(combo.names)}
        everything = set().union(*told.values())
        asked: list[tuple[str, str]] = []

        def heard(role: str, request: ModelRequest[Any]) -> None:
            asked.append((role, "\n".join(message.content for message in request.messages)))

        turns = asyncio.run(self._played(agent, combo, heard=heard))
        for turn in turns:
            for name, observation in turn.observations.items():
                told[name] |= {word for word in everything if word in observation.model_dump_json()}
            for name, action in turn.actions.items():
                leaked = {word for word in everything if word in action.argument} - told[name]
                assert not leaked, f"{name} said at turn {turn.number} what nobody told them"
        for role, text in asked:
            leaked = {word for word in everything if word in text} - told[role]
            assert not leaked, f"{role} asked a model with what nobody told them"

    def test_a_resumed_agent_goes_on_as_if_nothing_had_happened(self, agent: Agent) -> None:
        if not self.repeatable:
            return
        turns = asyncio.run(self._played(agent, self.cast(episode=6), seed=3))
        for cut in range(1, len(turns)):
            resumed = asyncio.run(self._resumed(agent, self.cast(episode=6), turns[:cut], turns[cut]))
            assert resumed == turns[cut].actions, f"replayed up to turn {cut - 1}, it acts otherwise at turn {cut}"

    def test_if_it_is_recallable_the_same_replies_lead_to_the_same_actions(self, agent: Agent) -> None:
        if not type(agent).recallable:
            return
        journal = Kept()
        one, other = (asyncio.run(self._played(agent, self.cast(episode=9), journal=journal)) for _ in range(2))
        assert actions(one) == actions(other), "it says that it is recallable, and acts otherwise upon the same replies"

    def test_it_lets_others_go_on(self, agent: Agent) -> None:
        async def watched() -> float:
            return (await with_longest_pause(lambda: self._played(agent, self.cast())))[1]

        pause = asyncio.run(watched())
        assert pause < self.seconds_of_standstill, f"nothing else could go on for {pause:.1f} s; await, do not wait"

    def test_it_stops_when_it_is_cancelled(self, agent: Agent) -> None:
        asked = with_options(agent, **{option: Silent() for option in model_refs(agent)})

        async def cancelled() -> bool:
            env = environment(self.cast(), self.turns, self.find_model)
            agents = seated(asked, env)
            observations = env.reset()
            (name,) = env.in_turn
            return await stopped(agents[name].aact(observations[name]), after=0.05, within=self.seconds_to_stop)

        assert asyncio.run(cancelled()), "it goes on after it was cancelled"

    def test_it_can_be_closed_at_any_time(self, agent: Agent) -> None:
        async def closed() -> None:
            await with_options(agent).aclose()
            env = environment(self.cast(), self.turns, self.find_model)
            for one in seated(agent, env).values():
                await one.aclose()
                await one.aclose()

        asyncio.run(closed())

    async def _played(
        self,
        agent: Agent,
        combo: Combo,
        *,
        seed: int = 0,
        heard: Callable[[str, ModelRequest[Any]], None] | None = None,
        journal: ReplyJournal | None = None,
    ) -> Sequence[Turn]:
        env = environment(combo, self.turns, self.find_model, seed=seed, heard=heard, journal=journal)
        interaction = Interaction(env, [with_options(agent) for _ in env.names])
        await interaction.play()
        return interaction.turns

    async def _resumed(
        self, agent: Agent, combo: Combo, before: Sequence[Turn], now: Turn
    ) -> Mapping[str, AgentAction]:
        """Replay turns into new agents, as the kernel does on resume, and ask those in turn."""
        env = environment(combo, self.turns, self.find_model, seed=3)
        agents = seated(agent, env)
        env.reset()
        for turn in before:
            for name, observation in turn.observations.items():
                if name in turn.actions:
                    await agents[name].replay(observation, turn.actions[name])
                else:
                    await agents[name].observe(observation)
            await env.astep(turn.actions)
        acted = {name: await agents[name].aact(now.observations[name]) for name in now.actions}
        for one in agents.values():
            await one.aclose()
        return acted


def actions(turns: Sequence[Turn]) -> list[Event]:
    """Return what was done, in order."""
    return [
        Event(turn=turn.number, sender=name, action=action) for turn in turns for name, action in turn.actions.items()
    ]
