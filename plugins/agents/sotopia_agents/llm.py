"""The agent that a language model plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr, field_validator

from sotopia_agents import templates
from sotopia_agents.presence import others_present
from sotopia_agents.replies import Company, reply_type
from sotopia_core.errors import ConfigError
from sotopia_core.interfaces import OPERATIONAL, Agent, InputPath, ModelRef
from sotopia_core.messages import (
    ACTION_TYPES,
    ActionType,
    AgentAction,
    Background,
    Event,
    Observation,
    Participant,
    describe_profile,
)
from sotopia_core.models import ChatMessage
from sotopia_core.profiles import AgentProfile
from sotopia_core.quotation import quoted

WORDLESS = ("none", "leave")
"""The actions that have no argument to tell."""


_OPEN = frozenset(ACTION_TYPES)


@dataclass(slots=True)
class _Mind:
    """What one agent remembers: the chat so far, what it has not answered yet, and the question of its turn."""

    opening: ChatMessage | None = None
    chat: list[ChatMessage] = field(default_factory=list)
    unanswered: list[Event] = field(default_factory=list)
    turn: int = -1
    question: ChatMessage | None = None


class LLMAgent(Agent):
    """An agent that asks a language model for each of its actions.

    The chat is a system message, made from the background, and then one user message for each time the agent was asked
    (all that others did since) and one assistant message for each action it took. The messages of one request begin
    with all the messages of the request before, so providers can cache them, unless ``memory`` cuts the chat short.
    """

    recallable: ClassVar[bool] = True

    model: ModelRef = Field(description="The model that plays the agent")
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="Sampling temperature; the model's own when not given"
    )
    max_tokens: int | None = Field(
        default=None, ge=1, description="Limit of one reply, in tokens; the model's own when not given"
    )
    memory: int | None = Field(
        default=None,
        ge=1,
        description="How many of its latest turns the agent has in mind besides the current one; all when not given",
    )
    # Where the file lies cannot change an episode; what it says can, and that is among the prompts.
    template: Annotated[InputPath | None, OPERATIONAL] = Field(
        default=None, description="A Jinja file to use in place of the kit's prompts/system.jinja"
    )

    _system: str = PrivateAttr(default="")

    @cached_property
    def _mind(self) -> _Mind:
        return _Mind()

    @field_validator("template")
    @classmethod
    def _template_works(cls, path: Path | None) -> Path | None:
        if path is not None:
            templates.check(templates.read(path), str(path), _system_variables(SAMPLE))
        return path

    def model_post_init(self, context: Any, /) -> None:
        """Keep the text of the system template, so that later changes of the file cannot split an episode in two."""
        super().model_post_init(context)
        self._system = templates.packaged("system") if self.template is None else templates.read(self.template)

    def prompts(self) -> Mapping[str, str]:
        """Return the templates ``system`` (the custom one, if there is one) and ``turn``."""
        return {"system": self._system, "turn": templates.packaged("turn")}

    async def aact(self, observation: Observation) -> AgentAction:
        """Ask the model. ``ModelError`` if it gives no usable reply; the same observation can then be asked again."""
        mind = self._hear(observation)
        chat = mind.chat if self.memory is None else mind.chat[-2 * self.memory :]
        reply = await self.seat.model(self.model).generate(
            (self._opening(observation), *chat, self._question(observation)),
            reply_type(observation.available_actions),
            context=Company(self.seat.name, others_present(self.seat, observation)),
            temperature=self.temperature,
            max_tokens=self.max_tokens,
        )
        assert reply.value is not None
        action = reply.value.action()
        self._do(observation, action)
        return action

    async def observe(self, observation: Observation) -> None:
        """Remember what happened for the next time the agent is asked."""
        self._hear(observation)

    async def replay(self, observation: Observation, action: AgentAction) -> None:
        """Remember having been asked upon the observation and having answered with the action, as ``aact`` would."""
        self._hear(observation)
        self._do(observation, action)

    def _hear(self, observation: Observation) -> _Mind:
        mind = self._mind
        if observation.turn > mind.turn:  # else it is asked again after a failed reply
            mind.turn = observation.turn
            mind.question = None
            self._opening(observation)
            own = self.seat.name
            mind.unanswered += [event for event in observation.events if event.sender != own]
        return mind

    def _do(self, observation: Observation, action: AgentAction) -> None:
        mind = self._mind
        mind.chat += (self._question(observation), ChatMessage(role="assistant", content=action.model_dump_json()))
        mind.unanswered.clear()

    def _opening(self, observation: Observation) -> ChatMessage:
        mind = self._mind
        if mind.opening is None:
            background = self.seat.background if observation.background is None else observation.background
            where = "the system prompt" if self.template is None else str(self.template)
            try:
                content = templates.render(self._system, where, _system_variables(background))
            except ValueError as error:
                raise ConfigError(f"{error} (for {self.seat.name})") from error
            mind.opening = ChatMessage(role="system", content=content)
        return mind.opening

    def _question(self, observation: Observation) -> ChatMessage:
        mind = self._mind
        if mind.question is None:
            mind.question = self._render_question(observation)
        return mind.question

    def _render_question(self, observation: Observation) -> ChatMessage:
        present = others_present(self.seat, observation)
        everybody = len(present) + 1 == len(self.seat.background.names)
        content = templates.macro("turn", "turn_prompt")(
            observation.turn,
            [_Heard.of(event, self.seat.name) for event in self._mind.unanswered],
            None if everybody else present,
            None if _OPEN.issubset(observation.available_actions) else observation.available_actions,
        )
        return ChatMessage(role="user", content=content)


@dataclass(slots=True)
class _Heard:
    """An event as the turn prompt tells it."""

    turn: int
    sender: str
    kind: ActionType
    to: list[str]
    words: str | None

    @classmethod
    def of(cls, event: Event, viewer: str) -> _Heard:
        action = event.action
        to = ["you" if name == viewer else name for name in action.to]
        words = None if action.action_type in WORDLESS else quoted(action.argument)
        return cls(event.turn, event.sender, action.action_type, to, words)


def _system_variables(background: Background) -> dict[str, object]:
    own = background.participant(background.viewer)
    return {
        "name": own.name,
        "scenario": background.scenario,
        "about": describe_profile({key: value for key, value in own.profile.items() if key != "secret"}),
        "profile": own.profile,
        "secret": own.profile.get("secret", ""),
        "goal": own.goal,
        "others": [
            {"name": other.name, "about": describe_profile(other.profile), "profile": other.profile, "goal": other.goal}
            for other in background.participants
            if other.name != own.name
        ],
    }


def _sample_participant(name: str) -> Participant:
    profile = dict.fromkeys(AgentProfile.model_fields, "some text") | {"age": 40, "moral_values": ("Care", "Fairness")}
    return Participant(name=name, profile=profile, goal="A goal.")


SAMPLE = Background(
    viewer="Ada Example",
    scenario="Two people meet.",
    participants=(_sample_participant("Ada Example"), _sample_participant("Ben Example")),
)
"""A background in which everything is there, to try custom templates on."""
