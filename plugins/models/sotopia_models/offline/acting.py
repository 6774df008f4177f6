"""From a scene to an action: which kind of talk it is, and the words for the move that the talk wants to make."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from random import Random

from sotopia_core.digests import generator
from sotopia_core.messages import ActionType, AgentAction
from sotopia_core.models import Scene
from sotopia_models.offline import aims, friends, phrases, price, shares, times
from sotopia_models.offline.phrases import Stock
from sotopia_models.offline.view import LEAVE, Move, View, first_name, pick
from sotopia_models.offline.words import given_away

MOST_ACTS = 10
"""After how many acts of its own an agent leaves at the latest, whatever the others keep saying."""

_INSTEAD: Mapping[ActionType, tuple[ActionType, ...]] = {
    "speak": ("non-verbal communication", "action", "none", "leave"),
    "non-verbal communication": ("action", "speak", "none", "leave"),
    "action": ("non-verbal communication", "speak", "none", "leave"),
    "leave": ("none", "non-verbal communication", "action", "speak"),
    "none": ("leave",),
}
_SPARE: Mapping[ActionType, Stock] = {
    "speak": phrases.REFLECTIONS,
    "non-verbal communication": phrases.GESTURES,
    "action": phrases.DEEDS,
}


def decide(scene: Scene, seed: int, allowed: Collection[ActionType]) -> AgentAction:
    """Return what the agent does next: a function of its scene and the seed, among the types of action allowed."""
    view = View.of(scene)
    random = generator(seed)
    move = _move(view, random)
    for kind in (move.kind, *_INSTEAD[move.kind]):
        if kind not in allowed:
            continue
        if kind in ("none", "leave"):
            return AgentAction(action_type=kind)
        wanted = move if kind == move.kind else Move(_SPARE[kind], kind=kind)
        if text := _words(view, wanted, random):
            return AgentAction(action_type=kind, argument=text)
    return AgentAction(action_type="none")


def _move(view: View, random: Random) -> Move:
    if len(view.own) >= MOST_ACTS:
        return LEAVE
    if bargain := price.find(view.goal, view.scenario):
        return price.act(view, bargain, random)
    if division := shares.find(view.goal, view.scenario):
        return shares.act(view, division, random)
    if known := friends.find(view.goal):
        return friends.act(view, known, random)
    if free := times.find(view.goal):
        return times.act(view, free, random)
    return aims.act(view, random)


def _words(view: View, move: Move, random: Random) -> str | None:
    facts = {"me": first_name(view.me), "other": view.partner, **move.facts}
    text = _fresh(view, move.stock, facts, random)
    if text is None or not move.lead:
        return text
    named = facts["other"] in text
    lead = _fresh(view, tuple(one for one in move.lead if not (named and "{other}" in one.template)), facts, random)
    return text if lead is None else f"{lead} {text}"


def _fresh(view: View, stock: Stock, facts: Mapping[str, str], random: Random) -> str | None:
    """Fill in a phrase that nobody has used, else one that is not what this agent said last; no secret among them."""
    if not stock:
        return None
    start = pick(random, len(stock))
    ordered = stock[start:] + stock[:start]
    unused = [phrase for phrase in ordered if phrase.mark not in view.said]
    last = next((line.text for line in reversed(view.lines) if line.sender == view.me), "")
    for phrase in (*unused, *ordered):
        text = phrase.template.format(**facts)
        if text not in last and not given_away(view.secret, (text,)):
            return text
    return None
