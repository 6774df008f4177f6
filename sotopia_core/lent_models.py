"""The models that an episode lends those who take part in it: looked up, counted, journaled, and heard of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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

    def lend(
        self, role: str, purpose: str, seed: int, answered: list[str] | None = None
    ) -> Callable[[Model | str], ModelHandle]:
        """Return what a role looks models up with; ``answered`` takes the names that they answer under."""
        handles: dict[str | int, ModelHandle] = {}
        attempts = AttemptCounter()

        def heard(request: ModelRequest[Any], completion: Completion) -> None:
            if answered is not None:
                answered.append(completion.model)
            if self.on_call is not None:
                self.on_call(role, request, completion)

        def model(ref: Model | str) -> ModelHandle:
            key = ref if isinstance(ref, str) else id(ref)
            if key not in handles:
                found = self._found(ref)
                handles[key] = ModelHandle(
                    found,
                    re_ask_model=None if found.re_ask_model is None else self._found(found.re_ask_model),
                    purpose=purpose,
                    seed=seed,
                    role=role,
                    turn=self.turn,
                    scene=lambda: self.scene(role),
                    attempts=attempts,
                    journal=self.journal,
                    on_call=heard,
                )
            return handles[key]

        return model

    def _found(self, ref: Model | str) -> Model:
        if isinstance(ref, Model):
            return ref
        if self.find is None:
            raise LookupError(f"no model is called {ref!r} here; give a Model, or find_model=")
        return self.find(ref)
