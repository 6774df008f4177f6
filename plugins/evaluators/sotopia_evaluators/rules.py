"""Rules that say when an interaction is over."""

from __future__ import annotations

from itertools import takewhile
from typing import Final

from pydantic import Field

from sotopia_core.interfaces import EvaluationContext, ResponseEvaluator, Transcript, Verdict

GOES_ON: Final = Verdict(terminated=False)


class RuleBasedTerminatedEvaluator(ResponseEvaluator):
    """End the interaction when it is long enough, when too few remain, or when nobody does anything any more."""

    max_turn_number: int = Field(default=20, ge=1, description="The turn number at which the interaction ends")
    max_stale_turn: int = Field(
        default=2, ge=0, description="How many actions in a row may be 'none'; one more ends the interaction"
    )

    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Verdict:
        """Hold the transcript against the three rules; ``comments`` gives every rule that ends it."""
        reasons = []
        if transcript.turn >= self.max_turn_number:
            reasons.append(f"turn {transcript.turn} reached the maximum of {self.max_turn_number}")
        if len(transcript.remaining) < 2:
            gone = [name for name in transcript.names if name in transcript.left]
            reasons.append(f"{' and '.join(gone)} left, and fewer than two agents remain")
        idle = sum(1 for _ in takewhile(lambda event: event.action.action_type == "none", reversed(transcript.events)))
        if idle > self.max_stale_turn:
            last = "action was" if idle == 1 else f"{idle} actions were"
            reasons.append(f"the last {last} 'none', and at most {self.max_stale_turn} may be")
        return Verdict(terminated=True, comments="; ".join(reasons)) if reasons else GOES_ON
