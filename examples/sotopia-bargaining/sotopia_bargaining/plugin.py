"""What this plugin offers."""

from pathlib import Path

from sotopia_core import Pack, hookimpl


@hookimpl
def sotopia_agents() -> list[str]:
    """Offer somebody who bargains by rule."""
    return ["sotopia_bargaining.agent:Bargainer"]


@hookimpl
def sotopia_dimensions() -> list[str]:
    """Offer what the outcome of a bargain is measured on."""
    return ["sotopia_bargaining.dimensions:BargainDimensions"]


@hookimpl
def sotopia_terminal_evaluators() -> list[str]:
    """Offer the evaluator that computes instead of judging."""
    return ["sotopia_bargaining.evaluator:BargainEvaluator"]


@hookimpl
def sotopia_packs() -> list[Pack]:
    """Offer the sales and the people."""
    folder = Path(__file__).parent / "records"
    return [
        Pack(
            name="bargains",
            description="Sales with limits on both sides, so that who gained what can be computed",
            files=tuple(sorted(folder.glob("*.jsonl"))),
        )
    ]
