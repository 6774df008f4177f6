"""What a run file comes to, fact by fact, for people to check before they play it."""

from __future__ import annotations

from sotopia_core.database.locate import find_storage
from sotopia_core.interfaces import Model, model_refs
from sotopia_core.wiring import Blueprint, Wiring


def describe_run(wiring: Wiring) -> list[tuple[str, str]]:
    """Return labelled facts about a run: who plays, on which models, what is drawn, and where episodes go."""
    config = wiring.config
    judges = [
        f"{type(evaluator).__name__}{_models(evaluator.model_label)}" for evaluator in wiring.terminal_evaluators
    ]
    return [
        ("seats", _seats(wiring)),
        ("models", "\n".join(f"{name}: {_model(name, model)}" for name, model in sorted(wiring.models.made.items()))),
    ]
