"""The models that an episode lends those who take part in it: looked up, counted, journaled, and heard of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sotopia_core.asking import ReplyJournal
from sotopia_core.interfaces import AttemptCounter, Model, ModelFinder, ModelHandle
from sotopia_core.models import Completion, ModelRequest, Scene

RoleListener = Callable[[str, ModelRequest[Any], Completion], None]
"""Hears of each completion: the role (an agent's or an evaluator's name), the request, what came of it."""


@dataclass(frozen=True)
class LentModels:
    """One episode's way to models. ``turn`` tells the turn it is at, ``scene`` what a role knows of it."""

    find: ModelFinder | None
    on_call: RoleListener | None
    journal: ReplyJournal | None
    turn: Callable[[], int]
    scene: Callable[[str], Scene]

    def lend(self, role: str, purpose: str, seed: int, answered: list[str] | None = None) -> Lender:
        """Return what a role looks models up with; ``answered`` takes the names that they answer under."""
        return Lender(self, _Role(self, role, answered), purpose, seed)

    def found(self, ref: Model | str) -> Model:
        """Return a model by its name; one that is given is the one; ``LookupError`` where there is none."""
        if isinstance(ref, Model):
            return ref
        if self.find is None:
            raise LookupError(f"no model is called {ref!r} here; give a Model, or find_model=")
        return self.find(ref)


@dataclass(slots=True, eq=False)
class _Role:
    """Somebody who uses models: what they know, and who hears of it. It does not refer to the models."""

    lent: LentModels
    name: str
    answered: list[str] | None

    def scene(self) -> Scene:
        return self.lent.scene(self.name)

    def heard(self, request: ModelRequest[Any], completion: Completion) -> None:
        if self.answered is not None:
            self.answered.append(completion.model)
        if self.lent.on_call is not None:
            self.lent.on_call(self.name, request, completion)


@dataclass(slots=True, eq=False)
class Lender:
    """What one role looks models up with: each once, all counting together what they are asked."""

    lent: LentModels
    role: _Role
    purpose: str
    seed: int
    attempts: AttemptCounter = field(default_factory=AttemptCounter)
    handles: dict[str | int, ModelHandle] = field(default_factory=dict)

    def __call__(self, ref: Model | str) -> ModelHandle:
        """Return a model as the role may use it."""
        key = ref if isinstance(ref, str) else id(ref)
        handle = self.handles.get(key)
        if handle is None:
            handle = self.handles[key] = self._handle(self.lent.found(ref))
        return handle

    def _handle(self, model: Model) -> ModelHandle:
        return ModelHandle(
            model,
            re_ask_model=None if model.re_ask_model is None else self.lent.found(model.re_ask_model),
            purpose=self.purpose,
            seed=self.seed,
            role=self.role.name,
            turn=self.lent.turn,
            scene=self.role.scene,
            attempts=self.attempts,
            journal=self.lent.journal,
            on_call=self.role.heard,
        )
