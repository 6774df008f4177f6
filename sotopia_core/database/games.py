"""Logs of games, which say for each move what a player was sent and what it replied, read as episodes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from pydantic import Field, model_validator

from sotopia_core.episodes import SimpleMessage
from sotopia_core.messages import ENVIRONMENT, NO_ACTION, AgentAction, Value
from sotopia_core.wording import shown

_TURN: Final = re.compile(r"^Turn #(\d+):", re.MULTILINE)


class Prompt(Value):
    """One message of what a player was sent."""

    role: str
    content: str

    @property
    def text(self) -> str:
        """The content, after the role where that is not the usual one."""
        return self.content if self.role == "user" else f"[{self.role}] {self.content}"


class Move(Value):
    """What one player was sent in one turn, and what it replied."""

    turn_number: int = Field(ge=0)
    agent_name: str
    model_name: str
    prompt: tuple[Prompt, ...] = ()
    response: str

    @property
    def action(self) -> AgentAction | None:
        """The reply as an action; None where it is none."""
        try:
            reply = json.loads(self.response)
            return AgentAction(action_type=reply["action_type"], argument=reply.get("argument", ""))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    @property
    def deed(self) -> str:
        """What the player did, as message logs have it: a reply that is no action does nothing."""
        return (self.action or NO_ACTION).to_natural_language()

    @property
    def says_more(self) -> bool:
        """Whether the reply holds more than the action."""
        if self.action is None:
            return True
        reply: dict[str, object] = json.loads(self.response)
        return not reply.keys() <= {"action_type", "argument"}

    def history(self) -> dict[int, str]:
        """Return what the player had been told of each earlier turn, by the turn's number."""
        told: dict[int, str] = {}
        for prompt in self.prompt:
            parts = _TURN.split(prompt.content)
            told.update((int(number), text) for number, text in zip(parts[1::2], parts[2::2], strict=True))
        return told


class GameLog(Value):
    """A game: the players with their models and outcomes, both in the order of the seats, and their moves."""

    pk: str | None = Field(default=None, min_length=1)
    tag: str = ""
    model_mapping: dict[str, str]
    rewards: tuple[float, ...]
    turns: tuple[Move, ...]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        players = self.model_mapping
        if self.rewards and len(self.rewards) != len(players):
            raise ValueError(f"there are {len(self.rewards)} rewards for {len(players)} players")
        for position, move in enumerate(self.turns):
            if move.agent_name not in players:
                raise ValueError(f"turns[{position}]: {shown(move.agent_name)} is not among the players")
            if move.model_name != players[move.agent_name]:
                raise ValueError(f"turns[{position}]: the model is not the one that model_mapping gives the player")
        return self

    def episode_fields(self) -> dict[str, object]:
        """Return the fields of the episode that this log is of.

        Such logs name no characters and no scenario, so ``agents`` holds the players' names, and ``environment`` and
        the place of the judge's model are empty. The outcomes stand as bare numbers in ``rewards``.
        """
        names = tuple(self.model_mapping)
        return {
            **({} if self.pk is None else {"pk": self.pk}),
            "environment": "",
            "agents": names,
            "agent_names": names,
            "tag": self.tag,
            "models": ("", *self.model_mapping.values()),
            "status": "scored" if self.rewards else "unjudged",
            "verbatim_messages": tuple(self._messages()),
            "rewards": self.rewards,
        }

    def _messages(self) -> Iterator[tuple[SimpleMessage, ...]]:
        """Yield each turn's messages: first everything that the players in turn were sent, then what they did.

        What the model of a player replied beyond an action stands before it, addressed to that player alone.
        """
        told = [_Told(move.agent_name, move.turn_number, move.history()) for move in self.turns]
        for number in sorted({move.turn_number for move in self.turns}):
            moves = [move for move in self.turns if move.turn_number == number]
            sent = [(ENVIRONMENT, move.agent_name, prompt.text) for move in moves for prompt in move.prompt]
            yield (*sent, *(message for move in moves for message in self._done(move, told)))

    def _done(self, move: Move, told: Sequence[_Told]) -> Iterator[SimpleMessage]:
        name = move.agent_name
        if move.says_more:
            yield (name, name, move.response)
        for receiver in self._receivers(move, told):
            yield (name, receiver, move.deed)

    def _receivers(self, move: Move, told: Sequence[_Told]) -> tuple[str, ...]:
        """Return whom a deed reached, as far as the log says: everybody, or those who were told of it later.

        A deed is private where somebody was told of its turn and not of it; one of which nobody was told is the
        player's own.
        """
        line = f"{move.agent_name}: {move.deed}"
        knew: dict[str, bool] = {}
        for later in told:
            if later.player != move.agent_name and later.before > move.turn_number and move.turn_number in later.turns:
                knew[later.player] = line in later.turns[move.turn_number] or knew.get(later.player, False)
        if all(knew.values()):
            return (ENVIRONMENT,)
        return tuple(name for name in self.model_mapping if knew.get(name)) or (move.agent_name,)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a player had been told of each turn before one, by the turn's number."""

    player: str
    before: int
    turns: dict[int, str]
