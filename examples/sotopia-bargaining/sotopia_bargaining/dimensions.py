"""What the outcome of a bargain is measured on."""

from typing import Annotated

from pydantic import BaseModel, Field


class BargainDimensions(BaseModel):
    """The gain is the outcome; whether there is an agreement at all is reported and weighs nothing."""

    gain: Annotated[
        float,
        Field(
            ge=-10,
            le=10,
            description="The distance from the agent's own limit to the agreed price, in units of the distance between "
            "both limits: 1 is everything there was to gain, 0 is nothing, as without an agreement, and negative is "
            "worse than no agreement.",
            json_schema_extra={"weight": 1.0},
        ),
    ]
    agreement: Annotated[
        int,
        Field(
            ge=0,
            le=1,
            description="1 where a price was offered and accepted, 0 where none was.",
            json_schema_extra={"weight": 0.0},
        ),
    ]
