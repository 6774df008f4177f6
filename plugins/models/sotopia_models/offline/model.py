"""The ``Offline`` model: acts and judges by rules, from the facts of a scene and a seed, and from nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ValidationError

from sotopia_core.errors import ModelError
from sotopia_core.interfaces import Model
from sotopia_core.messages import ACTION_TYPES, ENVIRONMENT, ActionType
from sotopia_core.models import Completion, ModelRequest, Scene
from sotopia_models.offline.acting import decide
from sotopia_models.offline.judging import asks_for_judgement, judge

_INTRODUCTION = "I am Sotopia's offline stand-in: I follow rules, and I am no language model."


class Offline(Model):
    """A stand-in for a language model that needs no key and no network. It is none, and does not pretend to be one.

    It lets a demonstration, a test, a benchmark or a first look at a plugin run anywhere, at once and for nothing, and
    the same each time. As an agent it greets, states its aim, bargains over the numbers in its own goal, gives way
    step by step, agrees or not, and leaves; its sentences come from a fixed stock. As a judge it counts what can be
    counted and says so: each reasoning begins with "By rule:". What it had a part in says nothing about the social
    skills of any model, and is marked as a stand-in's work.

    A reply depends on the request's ``scene`` and ``seed`` alone; the messages of the prompt are not read. It costs
    nothing and uses no tokens. It raises ``ModelError`` for requests that are neither an action nor a judgement.
    """

    needs_sockets: ClassVar[bool] = False
    stand_in: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """The name in records and tables: ``"offline"``."""
        return "offline"

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Answer a request to act, or to judge; without a ``response_type``, with a sentence."""
        if request.response_type is None:
            return Completion(text=_sentence(request.scene, request.seed), model=self.label)
        answer = _answer(request.response_type, request.scene, request.seed)
        try:
            value = request.response_type.model_validate(answer, context=request.context)
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise ModelError(
                f"the offline stand-in has no valid answer of type {request.response_type.__name__}: "
                f"{where}: {error.errors()[0]['msg']}"
            ) from error
        return Completion(text=value.model_dump_json(by_alias=True), model=self.label)


def _answer(response_type: type[BaseModel], scene: Scene | None, seed: int) -> Mapping[str, Any]:
    acts = set(response_type.model_fields) == {"action_type", "argument", "to"}
    if not acts and not asks_for_judgement(response_type):
        raise ModelError(
            f"the offline stand-in can only act and judge, and {response_type.__name__} is neither an action nor a "
            "judgement; use a language model for anything else"
        )
    if scene is None:
        raise ModelError(
            "the offline stand-in follows the facts of a scene, and this request has none; "
            "ask it through an agent's or an evaluator's model handle"
        )
    if not acts:
        return judge(scene, response_type)
    action = decide(scene, seed, _allowed(response_type, scene))
    return {"action_type": action.action_type, "argument": action.argument, "to": []}


def _allowed(response_type: type[BaseModel], scene: Scene) -> Collection[ActionType]:
    """The types of action that both the scene and the response type allow; the response type's if they disagree."""
    typed: tuple[ActionType, ...] = get_args(response_type.model_fields["action_type"].annotation) or ACTION_TYPES
    offered = scene.current.available_actions if scene.current is not None else ()
    return [kind for kind in typed if kind in offered] or typed


def _sentence(scene: Scene | None, seed: int) -> str:
    if scene is None or scene.current is None or scene.background.viewer == ENVIRONMENT:
        return _INTRODUCTION
    return decide(scene, seed, ACTION_TYPES).argument or _INTRODUCTION
