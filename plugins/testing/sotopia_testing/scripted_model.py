"""A model that replies as a test says, in the same process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, InstanceOf, PrivateAttr

from sotopia_core.errors import ModelError
from sotopia_core.interfaces import Model
from sotopia_core.models import Completion, ModelRequest

ScriptedReply = str | BaseModel
"""What a scripted model says: text, or a value, which is said as its JSON."""


class ScriptedModel(Model):
    """A model for tests: it gives ``replies`` in order, or asks a function for each, and keeps what it was asked.

    ::

        model = ScriptedModel(replies=["Hi!", AgentAction(action_type="leave")])
        judge = ScriptedModel(replies=lambda request: Verdict(score=len(request.messages)))

    Where a request has a ``response_type``, a usable reply is a value of that type, or its JSON. What is not usable is
    asked for again, ``re_asks`` times, by default never: a test of re-asking scripts both replies. A request beyond the
    last reply raises ``ModelError``, as a model that fails does.
    """

    needs_sockets: ClassVar[bool] = False
    stand_in: ClassVar[bool] = True

    re_asks: int = Field(default=0, ge=0, le=10, description="How often an unusable reply is asked for again")
    replies: Annotated[
        tuple[str | InstanceOf[BaseModel], ...] | Callable[[ModelRequest[Any]], ScriptedReply],
        Field(description="Replies in order, or a function from a request to its reply", exclude=True),
    ]
    name: str = Field(default="scripted", min_length=1, description="What records show as the model")

    _requests: list[ModelRequest[Any]] = PrivateAttr(default_factory=list)

    @property
    def label(self) -> str:
        """The name it was given."""
        return self.name

    @property
    def requests(self) -> tuple[ModelRequest[Any], ...]:
        """All requests so far, in order, those included that got no reply."""
        return tuple(self._requests)

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Give the next reply; ``ModelError`` where there is none left."""
        self._requests.append(request)
        scripted = self._next(request)
        text = scripted if isinstance(scripted, str) else scripted.model_dump_json(by_alias=True)
        return Completion(text=text, model=self.name)

    def _next(self, request: ModelRequest[Any]) -> ScriptedReply:
        if callable(self.replies):
            return self.replies(request)
        asked = len(self._requests)
        if asked > len(self.replies):
            raise ModelError(f"{self.name} has {len(self.replies)} scripted replies, and was asked {asked} times")
        return self.replies[asked - 1]
