"""Talk about a price: how a goal states one, how seller and buyer bargain, and when they have a deal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

from sotopia_models.offline import manners, phrases
from sotopia_models.offline.phrases import Stock
from sotopia_models.offline.reading import NUMBER, SIGN, money
from sotopia_models.offline.view import LEAVE, Line, Move, View

TOLERANCE = 0.15
"""Where a goal names a target and no limit, paying this share more than the target, or taking less, is the limit."""
OFFERS = 4
"""How many figures a bargainer names at most; the last is its limit."""

_LIMIT = re.compile(
    rf"\b(?:walk away|refuse|reject|turn down|do not accept|decline)\b[^.$£€]{{0,40}}"
    rf"\b(below|under|less than|lower than|above|over|more than|higher than) {SIGN} ?({NUMBER})",
    re.IGNORECASE,
)
_TARGET = re.compile(rf"\btarget\b[^.$£€0-9]{{0,30}}({SIGN}) ?({NUMBER})", re.IGNORECASE)
_ROLE = re.compile(
    r"\b(?:you are|you're|as) (?:the |a |an )?(?:\w+ )?(buyer|seller)\b|^\W*(?:you want to )?(sell|buy|purchase)\b",
    re.IGNORECASE,
)
_ITEM_IN_GOAL = re.compile(
    r"^\W*(?:sell|buy|purchase|pass on|take over|acquire) (?:the|your|an?) ([^.,;:$<>(){}\n]{2,50}?)"
    r"(?= (?:to|from|for|at)\b|[.,;:])",
    re.IGNORECASE,
)
_ITEM_IN_SCENARIO = re.compile(
    r"\b(?:offering|selling|sale of) (?:an?|the|their) (?:brand new )?([^.;:$<>(){}\n]{2,60}?)"
    r"(?= (?:for|at)\b| in (?:[A-Z]\w+ ){1,2}for\b)"
)


@dataclass(frozen=True, slots=True)
class Bargain:
    """A goal about a price, from one side. ``limit`` is the worst price to agree to, ``opening`` where to begin."""

    role: Literal["seller", "buyer"]
    target: float
    limit: float
    opening: float
    currency: str
    item: str

    @property
    def sign(self) -> int:
        """1 for the seller, who wants more, and -1 for the buyer."""
        return 1 if self.role == "seller" else -1

    def within(self, price: float) -> bool:
        """Whether a price is no worse than the limit."""
        return self.sign * (price - self.limit) >= 0

    def show(self, price: float) -> str:
        """Write a price as it is spoken of: no decimals where there are none."""
        return f"{self.currency}{price:,.0f}" if price == int(price) else f"{self.currency}{price:,.2f}"

    def rounded(self, price: float) -> float:
        """Round to what people say, the coarser the higher, without leaving the limit or passing the opening."""
        unit = next(
            (unit for bound, unit in ((20, 0.5), (200, 1.0), (2000, 5.0), (20000, 50.0)) if price < bound), 500.0
        )
        low, high = sorted((self.limit, self.opening))
        return min(max(round(price / unit) * unit, low), high)


@lru_cache(maxsize=512)
def find(goal: str, scenario: str) -> Bargain | None:
    """Read a bargain off a goal: which side, the target price, and the limit where one is stated."""
    stated, aimed, role = _LIMIT.search(goal), _TARGET.search(goal), _ROLE.search(goal)
    if aimed is None or not (stated or role):
        return None
    if role is not None:
        seller = (role[1] or role[2]).lower() in ("seller", "sell")
    else:
        seller = stated is not None and stated[1].lower() in ("below", "under", "less than", "lower than")
    sign = 1 if seller else -1
    target = money(aimed[1] + aimed[2])[0]
    limit = money("$" + stated[2])[0] if stated else round(target * (1 - sign * TOLERANCE), 2)
    if target <= 0 or sign * (target - limit) < 0:
        return None
    listed = next(iter(money(scenario)), None)
    return Bargain(
        role="seller" if seller else "buyer",
        target=target,
        limit=limit,
        opening=_opening(sign, target, listed),
        currency=aimed[1],
        item=_item(goal, scenario),
    )


def _opening(sign: int, target: float, listed: float | None) -> float:
    if sign > 0:
        return listed if listed is not None and target <= listed <= 3 * target else target * 1.15
    above = listed - target if listed is not None and listed > target else target / 3
    return max(target - 0.4 * above, target * 0.7)


def _item(goal: str, scenario: str) -> str:
    found = _ITEM_IN_GOAL.search(goal) or _ITEM_IN_SCENARIO.search(scenario)
    return f"the {found[1].strip()}" if found else "the item"


@dataclass(frozen=True, slots=True)
class Deal:
    """A price that was agreed on, and who has said so."""

    price: float
    voices: frozenset[str]


def deal(lines: Iterable[Line]) -> Deal | None:
    """Return the deal that stands after these lines.

    Somebody strikes a deal by accepting a figure that another named last; a different figure or a refusal undoes it.
    """
    standing: dict[str, float] = {}
    struck: Deal | None = None
    last: str | None = None
    for line in lines:
        if line.kind != "speak":
            continue
        read, sender = line.reading, line.sender
        others = [price for name, price in standing.items() if name != sender]
        if struck is not None:
            if read.declines or (read.amount is not None and read.amount != struck.price):
                struck = None
            elif read.accepts or read.amount is not None:
                struck = Deal(struck.price, struck.voices | {sender})
        elif read.accepts and read.amount in others:
            struck = Deal(read.amount, frozenset((sender,)))
        elif read.accepts and read.amount is None and last is not None and last != sender:
            struck = Deal(standing[last], frozenset((sender,)))
        if read.amount is not None:
            standing[sender] = read.amount
            last = sender
    return struck


def act(view: View, bargain: Bargain, random: Random) -> Move:
    """Decide the next move of a bargainer."""
    facts = {"item": bargain.item}
    struck = deal(view.lines)
    if struck is not None and view.others:
        return _close(view, bargain, struck, random)
    if (move := manners.nothing_left(view)) is not None:
        return move
    if not view.own and not manners.hurried(view):
        return Move(_opening_words(view, bargain), facts)
    mine = [line.reading.amount for line in view.own if line.reading.amount is not None]
    theirs = _best(bargain, view)
    if theirs is not None and mine and _takes(bargain, theirs, mine, random):
        return Move(phrases.ACCEPTS_PRICE, {"price": bargain.show(theirs)})
    heard = view.news
    if mine and not any(line.reading.amount is not None or line.reading.declines for line in heard):
        return _press(view)
    # At its limit it holds out for as long as the other may still come up or down to it.
    at_the_limit = bool(mine) and mine[-1] == bargain.limit
    if len(mine) >= OFFERS or (at_the_limit and _most_figures(view) >= OFFERS):
        return Move(phrases.PARTING_NO_DEAL)
    figure = _next(view, bargain, mine, theirs, random)
    stock = _offer_words(view, bargain, mine, theirs, figure)
    return Move(stock, {**facts, "price": bargain.show(figure)})


def _opening_words(view: View, bargain: Bargain) -> Stock:
    if view.lines:
        return phrases.SELLER_ANSWERS if bargain.role == "seller" else phrases.BUYER_ANSWERS
    return phrases.SELLER_OPENS if bargain.role == "seller" else phrases.BUYER_OPENS


def _best(bargain: Bargain, view: View) -> float | None:
    standing = {
        line.sender: line.reading.amount
        for line in view.lines
        if line.reading.amount is not None and line.sender in view.others
    }
    return max(standing.values(), key=lambda price: bargain.sign * price) if standing else None


def _takes(bargain: Bargain, theirs: float, mine: list[float], random: Random) -> bool:
    """Accept what meets the target or one's own last figure; or what is within the limit, as patience grows short."""
    if not bargain.within(theirs):
        return False
    bar = min(bargain.target, mine[-1], key=lambda price: bargain.sign * price)
    tired = len(mine) >= OFFERS - 1 or (len(mine) == OFFERS - 2 and random.random() < 0.4)
    return tired or bargain.sign * (theirs - bar) >= 0


def _next(view: View, bargain: Bargain, mine: list[float], theirs: float | None, random: Random) -> float:
    """Name a figure: from the opening by steps towards the limit, halfway to the other's once both have moved.

    The limit itself comes last, where halfway is beyond it or the other has named as many figures as anybody does.
    """
    if not mine:
        return bargain.rounded(bargain.opening + (bargain.target - bargain.opening) * 0.3 * random.random())
    half = None if theirs is None or len(mine) < OFFERS - 2 else (mine[-1] + theirs) / 2
    last = len(mine) == OFFERS - 1
    if half is not None and bargain.within(half) and not (last and _most_figures(view) >= OFFERS):
        return bargain.rounded(half)
    if last:
        return bargain.limit
    return bargain.rounded(mine[-1] + (0.3 + 0.25 * random.random()) * (bargain.limit - mine[-1]))


def _most_figures(view: View) -> int:
    senders = [line.sender for line in view.lines if line.reading.amount is not None]
    return max((senders.count(name) for name in view.others), default=0)


def _offer_words(view: View, bargain: Bargain, mine: list[float], theirs: float | None, figure: float) -> Stock:
    seller = bargain.role == "seller"
    if not mine:
        return phrases.SELLER_ASKS if seller else phrases.BUYER_BIDS
    if figure == bargain.limit:
        return phrases.SELLER_LAST_WORD if seller else phrases.BUYER_LAST_WORD
    halfway = theirs is not None and abs(figure - (mine[-1] + theirs) / 2) <= 0.02 * figure
    if halfway and not any(phrase.mark in view.said for phrase in phrases.MEETS_HALFWAY):
        return phrases.MEETS_HALFWAY
    return phrases.SELLER_YIELDS if seller else phrases.BUYER_YIELDS


def _press(view: View) -> Move:
    pressed = sum(line.reading.asks and line.reading.amount is None for line in view.own)
    return Move(phrases.ASKS_FOR_A_FIGURE if pressed < 2 else phrases.PARTING_OPEN)


def _close(view: View, bargain: Bargain, struck: Deal, random: Random) -> Move:
    facts = {"price": bargain.show(struck.price)}
    if view.me not in struck.voices:
        if not bargain.within(struck.price):
            return manners.part(view, phrases.PARTING_NO_DEAL)
        return Move(phrases.CONFIRMS_PRICE, facts)
    done = view.own[-1].kind == "action" or len(struck.voices) < len(view.names) or len(view.own) >= view.patience
    if done or random.random() < 0.3:
        return LEAVE
    words = phrases.BUYER_PAYS if bargain.role == "buyer" else phrases.SELLER_HANDS_OVER
    return Move(words, facts, kind="action")


def position(bargain: Bargain, price: float) -> float:
    """Return where a price lies for this side: 1 at the target or better, 0 at the limit, below 0 beyond it."""
    room = abs(bargain.target - bargain.limit) or bargain.target
    return min(1.0, bargain.sign * (price - bargain.limit) / room)
