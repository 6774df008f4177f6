"""The form in which a model says what its agent does: one pydantic type for each seat and set of open actions."""

from __future__ import annotations

from functools import lru_cache
from types import GenericAlias
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model, field_validator

from sotopia_core.messages import ActionType, AgentAction


class ActionReply(BaseModel):
    """One action."""

    action_type: ActionType = Field(description="Which kind of action you take in this turn")
    argument: str = Field(
        default="",
        description="Your words if you speak; a description of what you do if you act or communicate without words; "
        "empty if you do nothing or leave",
    )
    to: list[str] = Field(
        default_factory=list,
        description="Empty if everybody may notice the action; for a private one, the names of those who shall",
    )

    def action(self) -> AgentAction:
        """Return the action that was replied."""
        return AgentAction(action_type=self.action_type, argument=self.argument, to=tuple(self.to))


# A type takes some 100 KB: enough are kept for repetitions of a combo, and each agent holds on to its own.
@lru_cache(maxsize=64)
def reply_type(name: str, others: tuple[str, ...], actions: tuple[ActionType, ...]) -> type[ActionReply]:
    """Return the type of the replies of the agent ``name``, who may take ``actions`` and address ``others``.

    Recipients named twice count once, and the agent's own name beside others' is dropped. On its own it is refused:
    dropping it would turn a note to oneself into a public speech.
    """

    def recipients(value: object) -> object:
        if not isinstance(value, list):
            return value
        once = [item for position, item in enumerate(value) if item not in value[:position]]
        return [item for item in once if item != name] or once

    described = {name: field.description for name, field in ActionReply.model_fields.items()}
    someone = GenericAlias(list, (Literal.__getitem__(others),)) if others else list[str]
    fields: dict[str, Any] = {
        "action_type": (Literal.__getitem__(actions), Field(description=described["action_type"])),
        "to": (
            someone,
            Field(default_factory=list, description=described["to"], max_length=None if others else 0),
        ),
    }
    return create_model(
        "ActionReply",
        __base__=ActionReply,
        __doc__=ActionReply.__doc__,
        __validators__={"_recipients": field_validator("to", mode="before")(recipients)},
        **fields,
    )
