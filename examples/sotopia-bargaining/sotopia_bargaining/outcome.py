"""The outcome of a bargain, from the moves on record and from nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from sotopia_bargaining.moves import Move, UnclearError, read_move
from sotopia_core import Event

BINDING = ("speak", "action")
"""The kinds of action in which a line can bind."""


@dataclass(frozen=True)
class Outcome:
    """The agreed price, or None where there is no deal; ``how`` says in one line how it came to that."""

    price: Decimal | None
    how: str


def outcome_of(events: Sequence[Event], sides: tuple[str, str]) -> Outcome:
    """Return the outcome; ``UnclearError`` where the record does not say. ``sides`` are the names of both sides.

    The first acceptance of the price that the other side offered last is the agreement; what follows it is talk.
    """
    standing: dict[str, Decimal] = {}
    for turn, group in groupby(events, key=lambda event: event.turn):
        moves = [(event.sender, move) for event in group if (move := _move(event, sides)) is not None]
        agreed = {_accepted(name, move, standing, sides, turn) for name, move in moves if move.kind == "accept"}
        if len(agreed) > 1:
            raise UnclearError(f"at turn {turn} each accepted another price: {' and '.join(map(str, sorted(agreed)))}")
        if agreed:
            (price,) = agreed
            return Outcome(price, f"{price} was offered, and accepted at turn {turn}")
        standing |= {name: move.price for name, move in moves if move.kind == "offer"}
        for name, move in moves:
            if move.kind == "no deal":
                return Outcome(None, f"{name} said 'no deal' at turn {turn}")
    if not standing:
        raise UnclearError("nobody made an offer that binds")
    return Outcome(None, "no offer was accepted")


def _move(event: Event, sides: tuple[str, str]) -> Move | None:
    if event.sender not in sides or event.action.action_type not in BINDING:
        return None
    try:
        return read_move(event.action.argument)
    except UnclearError as error:
        raise UnclearError(f"{event.sender}, turn {event.turn}: {error}") from None


def _accepted(name: str, move: Move, standing: dict[str, Decimal], sides: tuple[str, str], turn: int) -> Decimal:
    other = sides[1] if name == sides[0] else sides[0]
    if other not in standing:
        raise UnclearError(f"{name} accepted {move.price} at turn {turn}, when {other} had offered nothing")
    if standing[other] != move.price:
        raise UnclearError(f"{name} accepted {move.price} at turn {turn}, when {other} offered {standing[other]}")
    return move.price
