"""The agent that follows a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, model_validator

from sotopia_core.interfaces import OPERATIONAL, Agent, InputPath
from sotopia_core.messages import NO_ACTION, AgentAction, Observation
from sotopia_core.wording import explain


def _spoken(value: object) -> object:
    return {"action_type": "speak", "argument": value} if isinstance(value, str) else value


ScriptedAction = Annotated[AgentAction, BeforeValidator(_spoken, json_schema_input_type=AgentAction | str)]
"""An action as a script writes it: a table with ``action_type``, ``argument`` and ``to``, or a string to speak."""


class ScriptedAgent(Agent):
    """An agent that takes the actions of its script, one each time it is asked, whatever the others do.

    It does not look at what is open to it: an action that the rules do not allow is for the environment to refuse.
    """

    actions: tuple[ScriptedAction, ...] = Field(
        default=(), description='The script: tables with action_type, argument and to, or strings, such as "Hello!"'
    )
    # Where the file lies cannot change an episode; the actions in it can, and content_options holds them.
    file: Annotated[InputPath | None, OPERATIONAL] = Field(
        default=None, description="A file with the script, one action a line as JSON, in place of actions"
    )
    then: Literal["none", "leave", "repeat"] = Field(
        default="leave", description="What to do after the script: nothing, leave, or start it again"
    )

    _script: tuple[AgentAction, ...] = PrivateAttr(default=())
    _taken: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _one_script(self) -> Self:
        if self.file is not None and self.actions:
            raise ValueError("a script stands in actions or in a file; give one of them")
        self._script = self.actions if self.file is None else read_script(self.file)
        if self.then == "repeat" and not self._script:
            raise ValueError('then = "repeat" needs a script of at least one action')
        return self

    def content_options(self) -> dict[str, Any]:
        """Return the options with the actions that will be taken, wherever they stand."""
        actions = [action.model_dump(mode="json") for action in self._script]
        return {**super().content_options(), "actions": actions}

    async def aact(self, observation: Observation) -> AgentAction:
        """Take the next action of the script."""
        action = self._next()
        self._taken += 1
        return action

    async def replay(self, observation: Observation, action: AgentAction) -> None:
        """Go on by one action, as ``aact`` would."""
        self._taken += 1

    def _next(self) -> AgentAction:
        if self._taken < len(self._script):
            return self._script[self._taken]
        match self.then:
            case "repeat":
                return self._script[self._taken % len(self._script)]
            case "leave":
                return AgentAction(action_type="leave")
            case "none":
                return NO_ACTION


def read_script(path: Path) -> tuple[AgentAction, ...]:
    """Read a script of one action a line; ``ValueError`` names the file, the line and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot read the script {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot read the script {path}: it is not UTF-8 text") from error
    # Not splitlines: JSON strings may hold line separators that it would cut at.
    numbered = ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
    return tuple(_read_action(line, f"script {path}, line {number}") for number, line in numbered)


def _read_action(line: str, where: str) -> AgentAction:
    try:
        return AgentAction.model_validate(_spoken(json.loads(line)))
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: not JSON: {error.msg}") from error
    except ValidationError as error:
        raise ValueError(f"{where}: {explain(error, AgentAction)}") from error
