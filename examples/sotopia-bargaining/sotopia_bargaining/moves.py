"""The moves of a bargain: the lines that bind, read exactly, in whatever else is said."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

MOVE = re.compile(r"(?P<kind>offer|accept): ?(?P<price>[0-9]{1,9}(?:\.[0-9]{1,2})?)", re.IGNORECASE)
LIKE_A_MOVE = re.compile(r"(?:offer|accept)\s*:.*", re.IGNORECASE)
NO_DEAL = re.compile(r"no deal\.?", re.IGNORECASE)


@dataclass(frozen=True)
class Move:
    """What binds: an offer or an acceptance of a price, or the end of the bargaining."""

    kind: Literal["offer", "accept", "no deal"]
    price: Decimal = Decimal(0)


class UnclearError(ValueError):
    """Somebody meant to bind themselves, and it cannot be read to what."""


def read_move(words: str) -> Move | None:
    """Return the one move in what somebody said, or None where nothing in it binds.

    ``UnclearError`` where a line begins like a move and is none, and where there is more than one: what was meant must
    not be guessed.
    """
    moves = [move for line in words.splitlines() if (move := _read_line(line.strip())) is not None]
    if len(moves) > 1:
        raise UnclearError(f"{len(moves)} binding lines at once")
    return moves[0] if moves else None


def _read_line(line: str) -> Move | None:
    if NO_DEAL.fullmatch(line):
        return Move("no deal")
    if found := MOVE.fullmatch(line):
        kind: Literal["offer", "accept"] = "offer" if found["kind"].lower() == "offer" else "accept"
        return Move(kind, Decimal(found["price"]))
    if LIKE_A_MOVE.fullmatch(line):
        raise UnclearError(f"{line!r} binds to nothing that can be read; write a plain number, as in 'offer: 570'")
    return None


def written(kind: Literal["offer", "accept"], price: Decimal) -> str:
    """Write a move as a line that :func:`read_move` reads."""
    return f"{kind}: {price.normalize():f}"
