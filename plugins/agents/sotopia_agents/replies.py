"""The form in which a model says what its agent does: one pydantic type for each set of open actions."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model, field_validator

from sotopia_core.messages import ActionType, AgentAction
from sotopia_core.structured import json_schema_for


@dataclass(frozen=True, slots=True)
class Company:
    """Who is asked, and the names of those who can be addressed: the validation context of an action."""

    name: str
    others: tuple[str, ...]


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

    @field_validator("to")
    @classmethod
    def _can_be_addressed(cls, to: list[str], info: Any) -> list[str]:  # beartype cannot check ValidationInfo
        """Count recipients named twice once, and drop the agent's own name beside others'.

        On its own it is refused: dropping it would turn a note to oneself into a public speech.
        """
        once = list(dict.fromkeys(to))
        if not isinstance(info.context, Company):
            return once
        company = info.context
        recipients = [name for name in once if name != company.name] or once
        for name in recipients:
            if name not in company.others:
                whom = " or ".join(map(repr, company.others))
                raise ValueError(f"{name!r} cannot be addressed; " + (f"write {whom}" if whom else "nobody is left"))
        return recipients

    @classmethod
    def schema_within(cls, context: Hashable) -> dict[str, Any]:
        """Return the strict JSON schema in which ``to`` lists the names of those who can be addressed."""
        schema = json_schema_for(cls)
        if isinstance(context, Company) and context.others:
            schema["properties"]["to"]["items"]["enum"] = list(context.others)
        return schema

    def action(self) -> AgentAction:
        """Return the action that was replied."""
        return AgentAction.trusted(action_type=self.action_type, argument=self.argument, to=tuple(self.to))


@cache
def reply_type(actions: tuple[ActionType, ...]) -> type[ActionReply]:
    """Return the type of the replies of an agent who may take ``actions``."""
    described = ActionReply.model_fields["action_type"].description
    fields: dict[str, Any] = {"action_type": (Literal.__getitem__(actions), Field(description=described))}
    return create_model("ActionReply", __base__=ActionReply, __doc__=ActionReply.__doc__, **fields)
