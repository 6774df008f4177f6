"""What this kit offers to the registry."""

from __future__ import annotations

from sotopia_core.hookspecs import hookimpl


@hookimpl
def sotopia_response_evaluators() -> list[str]:
    """Offer the evaluator that ends an interaction by rules."""
    return ["sotopia_evaluators.rules:RuleBasedTerminatedEvaluator"]


@hookimpl
def sotopia_terminal_evaluators() -> list[str]:
    """Offer the evaluator that asks a model for scores."""
    return ["sotopia_evaluators.judge:ReachGoalLLMEvaluator"]


@hookimpl
def sotopia_dimensions() -> list[str]:
    """Offer the seven dimensions of Sotopia, and the goal alone."""
    return [
        "sotopia_evaluators.dimensions:SotopiaDimensions",
        "sotopia_evaluators.dimensions:GoalDimension",
    ]
