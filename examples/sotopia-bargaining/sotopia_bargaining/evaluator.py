"""The evaluator that computes who gained what."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from sotopia_bargaining.dimensions import BargainDimensions
from sotopia_bargaining.moves import UnclearError
from sotopia_bargaining.outcome import Outcome, outcome_of
from sotopia_bargaining.terms import Terms, terms_of
from sotopia_core import DimensionSet, EvaluationContext, Score, Scored, TerminalEvaluator, Transcript, Unscored

DIMENSIONS: Final = DimensionSet.from_model(BargainDimensions)


class BargainEvaluator(TerminalEvaluator):
    """Compute each side's gain from the agreed price and the limits in the scenario's ``game_metadata``; ask nobody.

    No agreement is an outcome, with a gain of 0. Where the record does not say what the outcome is, or the scenario not
    what each side can afford, everybody is unscored with the reason.
    """

    @property
    def dimensions(self) -> DimensionSet:
        """The gain, and whether there was an agreement."""
        return DIMENSIONS

    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Mapping[str, Scored | Unscored]:
        """Read the moves, then do the arithmetic."""
        try:
            terms = terms_of(transcript.game_metadata, len(transcript.names))
            seller, buyer = transcript.names[terms.seller], transcript.names[terms.buyer]
            outcome = outcome_of(transcript.events, (seller, buyer))
        except UnclearError as error:
            return dict.fromkeys(transcript.names, Unscored(reason=f"the outcome is unclear: {error}"))
        except ValueError as error:
            return dict.fromkeys(transcript.names, Unscored(reason=str(error)))
        bystander: Scored | Unscored = Unscored(reason="neither the seller nor the buyer")
        scores = dict.fromkeys(transcript.names, bystander)
        return {**scores, seller: _score(outcome, terms, sells=True), buyer: _score(outcome, terms, sells=False)}


def _score(outcome: Outcome, terms: Terms, *, sells: bool) -> Scored:
    limit = terms.lowest if sells else terms.highest
    if outcome.price is None:
        gain, why = Decimal(0), f"no deal, since {outcome.how}"
    else:
        gained = outcome.price - limit if sells else limit - outcome.price
        gain = gained / terms.room
        why = f"{outcome.how}; the limit was {limit}, so {gained} of {terms.room} are gained"
    agreed = Score(value=float(outcome.price is not None), reasoning=outcome.how)
    return Scored(scores={"gain": Score(value=float(gain), reasoning=why), "agreement": agreed})
