"""A model that replies as a test says, in the same process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, Field, InstanceOf, PrivateAttr, ValidationError

from sotopia_core.errors import ModelError
from sotopia_core.interfaces import Model
from sotopia_core.models import ModelReply, ModelRequest, Usage

T = TypeVar("T", bound=BaseModel)

ScriptedReply = str | BaseModel
"""What a scripted model says: text, or a value, which is said as its JSON."""


class ScriptedModel(Model):
    """A model for tests: it gives ``replies`` in order, or asks a function for each, and keeps what it was asked.

    ::

        model = ScriptedModel(replies=["Hi!", AgentAction(action_type="leave")])
        judge = ScriptedModel(replies=lambda request: Verdict(score=len(request.messages)))

    Where a request has a ``response_type``, the reply must be of that type: a value that is one, or the JSON of one.
    A reply that is not, and a request beyond the last reply, raise ``ModelError``, as a model that fails does; so a
    test of failures can script text that no type fits.
    """

    needs_sockets: ClassVar[bool] = False
    stand_in: ClassVar[bool] = True

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

    async def generate(self, request: ModelRequest[T]) -> ModelReply[T]:
        """Give the next reply; ``ModelError`` where there is none left, or where it is not of the type asked for."""
        self._requests.append(request)
        scripted = self._next(request)
        text = scripted if isinstance(scripted, str) else scripted.model_dump_json(by_alias=True)
        value = None if request.response_type is None else self._value(request.response_type, scripted)
        return ModelReply(
            text=text,
            value=value,
            model=self.name,
            usage=Usage(calls=1),
            obtained="text" if value is None else "schema",
        )

    def _next(self, request: ModelRequest[Any]) -> ScriptedReply:
        if callable(self.replies):
            return self.replies(request)
        asked = len(self._requests)
        if asked > len(self.replies):
            raise ModelError(f"{self.name} has {len(self.replies)} scripted replies, and was asked {asked} times")
        return self.replies[asked - 1]

    def _value(self, response_type: type[T], scripted: ScriptedReply) -> T:
        if isinstance(scripted, response_type):
            return scripted
        if isinstance(scripted, BaseModel):
            given, wanted = type(scripted).__name__, response_type.__name__
            raise ModelError(f"{self.name} was asked for {wanted}, and the script has {given}")
        try:
            return response_type.model_validate_json(scripted)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(str(step) for step in problem["loc"]) or "the whole"
            reason = f"{self.name}'s scripted reply is no {response_type.__name__}: {where}: {problem['msg']}"
            raise ModelError(reason, raw=scripted) from None
