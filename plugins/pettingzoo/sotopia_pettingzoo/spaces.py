"""The spaces of observations and actions, in both of which words stand as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from sotopia_core.errors import unicode_text
from sotopia_core.messages import ActionType

SAMPLED: Final = "abcdefghijklmnopqrstuvwxyz "
LONGEST_SAMPLE: Final = 24
LAST_TURN: Final = 2**31 - 1


class AnyText(spaces.Space[str]):
    """Every text of Unicode, of any length; samples are a few lower-case letters.

    Gymnasium's own ``Text`` needs a longest length and a list of all its characters.
    """

    def __init__(self, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(dtype=np.str_, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Texts are no arrays of numbers."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """Return up to 24 letters; texts have no masks, so any that is given is not looked at."""
        length = int(self.np_random.integers(LONGEST_SAMPLE + 1))
        return "".join(SAMPLED[i] for i in self.np_random.integers(len(SAMPLED), size=length))

    def contains(self, x: Any) -> bool:
        """Whether it is text, without halves of surrogate pairs."""
        return isinstance(x, str) and unicode_text(x) == x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyText)

    def __hash__(self) -> int:
        return hash(AnyText)

    def __repr__(self) -> str:
        return "AnyText()"


def observation_space(agents: int, action_types: Sequence[ActionType]) -> spaces.Space[dict[str, Any]]:
    """Return the space of what one of so many agents is sent in a turn."""
    return spaces.Dict(
        {
            "turn": spaces.Box(0, LAST_TURN, shape=(), dtype=np.int32),
            "text": AnyText(),
            "available": spaces.MultiBinary(len(action_types)),
            "present": spaces.MultiBinary(agents),
        }
    )


def action_space(agents: int, action_types: Sequence[ActionType]) -> spaces.Space[dict[str, Any]]:
    """Return the space of what one of so many agents does in a turn."""
    return spaces.Dict(
        {
            "action_type": spaces.Discrete(len(action_types)),
            "argument": AnyText(),
            "to": spaces.MultiBinary(agents),
        }
    )
