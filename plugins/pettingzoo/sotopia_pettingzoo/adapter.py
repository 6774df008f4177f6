"""``SotopiaParallelEnv``: an episode behind PettingZoo's parallel API, synchronous and with spaces."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import nan
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from sotopia_core.digests import derive_seed
from sotopia_core.environment import ParallelSotopiaEnv, Step
from sotopia_core.messages import NO_ACTION, AgentAction, Observation
from sotopia_pettingzoo.spaces import action_space, observation_space

Spoken = dict[str, Any]
"""An observation or an action, as a value of its space."""


class SotopiaParallelEnv(ParallelEnv[str, Spoken, Spoken]):
    """A ``ParallelSotopiaEnv`` for tools that expect PettingZoo's ``ParallelEnv``::

        env = SotopiaParallelEnv(ParallelSotopiaEnv(scenario, cast, [RuleBasedTerminatedEvaluator()]))
        observations, infos = env.reset(seed=7)
        while env.agents:
            actions = {name: env.action_space(name).sample(infos[name]["action_mask"]) for name in env.agents}
            observations, rewards, terminations, truncations, infos = env.step(actions)

    All agents give an action in every turn; those of agents that are not in turn, or have left, count for nothing. All
    agents stay until the interaction is over, so that each gets its score; an agent without one gets NaN. Evaluators
    are waited for, in a thread of this environment's own, which ``close`` ends.
    """

    metadata = {"name": "sotopia_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012 (not ours to annotate)
    render_mode = None

    def __init__(self, env: ParallelSotopiaEnv) -> None:
        self.env = env
        self.possible_agents = list(env.names)
        self.agents: list[str] = []
        self.action_types = env.action_types if "none" in env.action_types else ("none", *env.action_types)
        """The action types, in the order in which ``action_type`` numbers them."""
        self.observation_spaces = {name: observation_space(len(env.names), self.action_types) for name in env.names}
        self.action_spaces = {name: action_space(len(env.names), self.action_types) for name in env.names}
        self._seed = 0
        # A thread with an event loop of its own, since the caller's may be running, as in a notebook.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sotopia")
        self._runner = asyncio.Runner()
        self._closed = False

    def observation_space(self, agent: str) -> spaces.Space[Spoken]:
        """Return the space of an agent's observations: ``turn``, ``text``, ``available`` and ``present``.

        ``text`` is all that the agent is sent; ``available`` has a 1 for each action type it may take, ``present`` for
        each agent that has not left, in the order of ``possible_agents``.
        """
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Spoken]:
        """Return the space of an agent's actions: ``action_type``, ``argument``, and ``to``, a 1 for each recipient."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Spoken], dict[str, dict[str, Any]]]:
        """Begin anew. Without a seed a new one is derived from the last; there are no ``options``."""
        self._seed = derive_seed(self._seed, "reset") if seed is None else seed
        observations = self.env.reset(self._seed)
        self.agents = list(self.possible_agents)
        infos = {name: self._info(observations[name], "", None) for name in self.agents}
        return {name: self._value(observations[name]) for name in self.agents}, infos

    def step(
        self, actions: dict[str, Spoken]
    ) -> tuple[
        dict[str, Spoken],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Take a turn. ``ActionError`` where an agent in turn gives no action, or one that the rules do not allow."""
        taken = {name: self._action(actions[name]) for name in self.env.in_turn if name in actions}
        step: Step = self._thread.submit(self._runner.run, self.env.astep(taken)).result()
        names = self.agents
        over = self.env.done
        if over:
            self.agents = []
        return (
            {name: self._value(step.observations[name]) for name in names},
            {name: nan if (reward := step.rewards[name]) is None else reward for name in names},
            dict.fromkeys(names, over),
            dict.fromkeys(names, False),
            {
                name: self._info(
                    step.observations[name], step.infos[name]["comments"], step.infos[name]["complete_rating"]
                )
                for name in names
            },
        )

    def close(self) -> None:
        """End the thread in which evaluators are waited for; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._thread.submit(self._runner.close).result()
            self._thread.shutdown()

    def _value(self, observation: Observation) -> Spoken:
        return {
            "turn": np.array(observation.turn, dtype=np.int32),
            "text": observation.to_natural_language(),
            "available": self._available(observation),
            "present": self._present(observation),
        }

    def _available(self, observation: Observation) -> np.ndarray[Any, np.dtype[np.int8]]:
        return np.array([one in observation.available_actions for one in self.action_types], dtype=np.int8)

    def _present(self, observation: Observation) -> np.ndarray[Any, np.dtype[np.int8]]:
        return np.array([name in observation.remaining for name in self.possible_agents], dtype=np.int8)

    def _info(self, observation: Observation, comments: str, rating: float | None) -> dict[str, Any]:
        others = [name in observation.remaining and name != observation.agent for name in self.possible_agents]
        mask = {
            "action_type": self._available(observation),
            "argument": None,
            "to": np.array([2 if other else 0 for other in others], dtype=np.int8),  # 2: either way
        }
        return {"comments": comments, "complete_rating": rating, "action_mask": mask}

    def _action(self, value: Mapping[str, Any]) -> AgentAction:
        if self.action_types[int(value["action_type"])] == "none":
            return NO_ACTION
        to = tuple(name for name, named in zip(self.possible_agents, value["to"], strict=True) if named)
        return AgentAction(
            action_type=self.action_types[int(value["action_type"])], argument=str(value["argument"]), to=to
        )
