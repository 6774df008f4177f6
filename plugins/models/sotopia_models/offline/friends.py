"""Talk in search of a friend whom both know: who is described, who is recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from sotopia_models.offline import manners, phrases
from sotopia_models.offline.view import LEAVE, Move, View, pick

_PURPOSE = re.compile(r"\bmutual friend|\bcommon friend|\bfriend in common", re.IGNORECASE)
_PERSON = re.compile(r"^ ?([A-Z][\w.'-]{0,30}): (?=\w+(?: \w+)?: )(.{1,400})$", re.MULTILINE)
_TRAIT = re.compile(
    r"(Time Preference|Location Preference|Hobby|Company|School): (.{1,120}?)(?=\s+(?:\w+ )?\w+: |\s*$)"
)
_SAYINGS = {
    "Hobby": "is very fond of {}",
    "Company": "works at {}",
    "School": "went to {}",
    "Time Preference": "likes the {} best",
    "Location Preference": "prefers to be {}s",
}
_GUESS = re.compile(r"\b(?:[Cc]ould that be|[Ii]s it|[Ii]s that|[Cc]an only be) ([A-Z][\w'-]{0,30})[?.]")
_TELLING = ("Hobby", "Company", "School")
_COMMON_NOUNS = ("Hobby", "Time Preference", "Location Preference")


@dataclass(frozen=True, slots=True)
class Friend:
    """One friend: the name, and what there is to tell, by kind."""

    name: str
    traits: tuple[tuple[str, str], ...]

    @property
    def telling(self) -> tuple[str, ...]:
        """The traits that tell people apart, or all where there is only one of these."""
        few = tuple(value for kind, value in self.traits if kind in _TELLING)
        return few if len(few) > 1 else tuple(value for _, value in self.traits)

    def described_in(self, text: str) -> bool:
        """Whether a text names all that is telling about this friend."""
        plain = text.lower()
        return all(value.lower() in plain for value in self.telling)

    def describe(self) -> str:
        """Say what is telling about this friend, without the name."""
        told = [
            _SAYINGS[kind].format(value.lower() if kind in _COMMON_NOUNS else value)
            for kind, value in self.traits
            if value in self.telling
        ]
        return f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else told[0]


@lru_cache(maxsize=512)
def find(goal: str) -> tuple[Friend, ...]:
    """Read the friends off a goal that asks for a mutual one: lines such as ``Ana: Hobby: chess  Company: Sony``."""
    if not _PURPOSE.search(goal):
        return ()
    friends = (Friend(name, tuple(_TRAIT.findall(rest.strip()))) for name, rest in _PERSON.findall(goal))
    return tuple(friend for friend in friends if friend.telling)


def act(view: View, friends: tuple[Friend, ...], random: Random) -> Move:
    """Decide the next move of somebody who searches for a mutual friend."""
    if view.others and (shared := _recognised(view, friends)) is not None:
        voiced = any(line.reading.accepts for line in view.own)
        if voiced:
            return LEAVE
        met = any(line.reading.accepts for line in view.lines)
        return Move(phrases.GLAD_OF_FRIEND if met else phrases.KNOWS_FRIEND, {"friend": shared.name})
    if (move := manners.nothing_left(view)) is not None:
        return move
    if not view.own and not manners.hurried(view):
        return manners.greet(view)
    heard = [line.text for line in view.news if line.kind == "speak"]
    named = [friend for friend in friends if _names(view.said, friend)]
    for text in heard:
        for friend in friends:
            if friend.described_in(text) and friend not in named:
                return Move(phrases.GUESSES, {"friend": friend.name})
    if len(view.own) >= view.patience - 1:
        return manners.part(view, phrases.NO_FRIEND_FOUND)
    untold = [friend for friend in friends if not friend.described_in(view.said)]
    if not untold:
        return manners.part(view, phrases.NO_FRIEND_FOUND)
    facts = {"traits": untold[pick(random, len(untold))].describe()}
    if heard and (guess := _GUESS.search(heard[-1])):
        return Move(phrases.DESCRIBES, {**facts, "friend": guess[1]}, lead=phrases.WRONG_GUESS)
    asked = bool(heard) and heard[-1].rstrip().endswith("?")
    lead = phrases.NO_SUCH_FRIEND if asked and len(view.own) > 1 else ()
    return Move(phrases.DESCRIBES, facts, lead=lead)


def _names(text: str, friend: Friend) -> bool:
    """Whether a text names the friend at the end of a clause, as guesses do, and not as a part of a longer name."""
    return re.search(rf"\b{re.escape(friend.name)}(?=[?!.,;:]|$)", text) is not None


def _recognised(view: View, friends: tuple[Friend, ...]) -> Friend | None:
    """Return the friend whom somebody else named; only a name that stands among one's own friends counts."""
    participants = {word for name in view.names for word in name.split()}
    for line in view.lines:
        if line.sender != view.me and line.kind == "speak":
            for friend in friends:
                if friend.name not in participants and _names(line.text, friend):
                    return friend
    return None
