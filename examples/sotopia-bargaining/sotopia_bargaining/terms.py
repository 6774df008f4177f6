"""What each side of a bargain can afford, as the scenario's ``game_metadata`` says it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Terms(BaseModel):
    """``{"bargain": {"seller": 0, "buyer": 1, "lowest": 540, "highest": 600}}``: seats from 0, and both limits.

    The seller takes no less than ``lowest``, the buyer pays no more than ``highest``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seller: int = Field(default=0, ge=0)
    buyer: int = Field(default=1, ge=0)
    lowest: Decimal = Field(ge=0)
    highest: Decimal = Field(ge=0)

    @property
    def room(self) -> Decimal:
        """How much there is to share."""
        return self.highest - self.lowest


def terms_of(game_metadata: Mapping[str, Any], seats: int) -> Terms:
    """Return the terms of a scenario; ``ValueError`` says why it has none that can be computed with."""
    if "bargain" not in game_metadata:
        raise ValueError("the scenario's game_metadata has no 'bargain', so what each side can afford is not known")
    try:
        terms = Terms.model_validate(game_metadata["bargain"])
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "bargain"
        raise ValueError(f"the scenario's game_metadata: {where}: {problem['msg']}") from None
    if terms.seller == terms.buyer or max(terms.seller, terms.buyer) >= seats:
        raise ValueError(f"seller {terms.seller} and buyer {terms.buyer} are not two of the {seats} seats, from 0")
    if terms.room <= 0:
        raise ValueError(f"the limits, {terms.lowest} and {terms.highest}, leave nothing to share")
    return terms
