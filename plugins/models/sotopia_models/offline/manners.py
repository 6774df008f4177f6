"""How any talk opens and closes, whatever it is about."""

from __future__ import annotations

from sotopia_models.offline import phrases
from sotopia_models.offline.phrases import Stock
from sotopia_models.offline.view import LEAVE, Move, View


def greet(view: View) -> Move:
    """Say hello: to a room, to somebody known, or to a stranger; first or in return."""
    greeted = bool(view.lines)
    if len(view.others) > 1:
        return Move(greet_all(view))
    if view.acquainted:
        return Move(phrases.GREETING_FRIEND_BACK if greeted else phrases.GREETING_FRIEND_FIRST)
    return Move(phrases.GREETING_BACK if greeted else phrases.GREETING_FIRST)


def greet_all(view: View) -> Stock:
    """Return the words with which to greet a room, first or in return."""
    return phrases.GREETING_ALL_BACK if view.lines else phrases.GREETING_ALL_FIRST


def part(view: View, farewell: Stock) -> Move:
    """Say farewell in these words, once, and then leave."""
    return LEAVE if view.parted else Move(farewell)


def hurried(view: View) -> bool:
    """Whether so many take part that a greeting has to be said in one breath with what matters."""
    return view.patience < 5


def nothing_left(view: View) -> Move | None:
    """Leave an empty room; answer a farewell with a farewell, and leave after it. None while the talk goes on."""
    if not view.others:
        return LEAVE
    if view.parted:
        return LEAVE
    if view.others_parted and len(view.own) > 0:
        return Move(phrases.PARTING_BACK)
    if len(view.own) >= view.patience:
        return LEAVE
    return None
