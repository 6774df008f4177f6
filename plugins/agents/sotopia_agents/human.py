"""The agent that a person at the terminal plays."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, PrivateAttr

from sotopia_agents.presence import others_present
from sotopia_agents.terminal import TERMINAL, Unreadable
from sotopia_core.interfaces import OPERATIONAL, Agent
from sotopia_core.messages import (
    NO_ACTION,
    ActionType,
    AgentAction,
    Background,
    Event,
    Observation,
    Participant,
    describe_profile,
)
from sotopia_core.terminal import visible, visible_line

PROMPTS: dict[ActionType, str] = {
    "speak": "What do you say?",
    "non-verbal communication": "What do you show, without words?",
    "action": "What do you do?",
}
"""What is asked for the argument of an action; the actions that are not here have none."""


class EndOfInput(Exception):
    """Nobody types any more."""


class HumanAgent(Agent):
    """A person at this terminal, who is shown what the agent observes and asked what to do.

    At the end of input (Ctrl-D) the agent leaves. With several such agents in one episode, one person is asked at a
    time, by the name of the agent.
    """

    timeout: Annotated[float, OPERATIONAL] = Field(
        default=86_400.0, gt=0, description="Seconds that a person may take for one action; a day"
    )

    exclusive: ClassVar[bool] = True

    _unseen: tuple[str, ...] = PrivateAttr(default=())
    _heard_turn: int = PrivateAttr(default=-1)
    _gone: bool = PrivateAttr(default=False)

    async def aact(self, observation: Observation) -> AgentAction:
        """Show what is new and ask for an action until one is given."""
        self._hear(observation)
        async with TERMINAL.floor:
            self._show_unseen()
            if self._gone:
                return _leave(observation)
            try:
                return await self._ask(observation)
            except EndOfInput:
                self._gone = True
                _say(f"End of input: {visible_line(self.seat.name)} leaves.")
                return _leave(observation)
            except CancelledError:
                _say(f"\n{visible_line(self.seat.name)} is no longer asked.")
                raise

    async def observe(self, observation: Observation) -> None:
        """Show what is new, at once or, while somebody is being asked, before the next question."""
        self._hear(observation)
        if not TERMINAL.floor.locked():
            self._show_unseen()

    async def replay(self, observation: Observation, action: AgentAction) -> None:
        """Keep what was seen and done, to be shown before the next question."""
        self._hear(observation)
        self._unseen += (describe_event(Event(turn=observation.turn, sender=self.seat.name, action=action)),)

    async def aclose(self) -> None:
        """Show what has not been shown yet."""
        self._show_unseen()

    def _hear(self, observation: Observation) -> None:
        if observation.turn <= self._heard_turn:
            return  # asked again after an attempt that failed
        self._heard_turn = observation.turn
        if observation.background is not None:
            self._unseen += (describe_scene(observation.background),)
        self._unseen += tuple(describe_event(event) for event in observation.events if event.sender != self.seat.name)

    def _show_unseen(self) -> None:
        if self._unseen:
            _say(f"\n--- {visible_line(self.seat.name)} sees ---", *self._unseen)
            self._unseen = ()

    async def _ask(self, observation: Observation) -> AgentAction:
        _say(f"\n--- {visible_line(self.seat.name)}, it is turn {observation.turn} and your turn to act ---")
        others = others_present(self.seat, observation)
        while True:
            action_type = await _choose("Your action:", observation.available_actions)
            if action_type not in PROMPTS:
                return AgentAction(action_type=action_type)
            argument = await _answer(PROMPTS[action_type])
            if argument.strip():
                break
            _say("Nothing was typed, so nothing is done yet.")
        # Between two there is nobody to keep a secret from.
        to = await _choose_some("To whom? Nothing for everybody.", others) if len(others) > 1 else ()
        return AgentAction(action_type=action_type, argument=argument, to=to)


def describe_scene(background: Background) -> str:
    """Render what a person knows before anything happens, safe to show."""
    own = background.participant(background.viewer)
    others = [participant for participant in background.participants if participant.name != own.name]
    sections = [("The scene", background.scenario), (f"You are {own.name}", _knowledge(own))]
    sections += [(other.name, _knowledge(other) or "You know nothing but the name.") for other in others]
    sections += [(f"The goal of {other.name}", other.goal) for other in others if other.goal is not None]
    sections.append(("Your goal", own.goal or "You have none."))
    return "\n\n".join(f"{visible_line(head)}\n  {_indented(text)}" for head, text in sections)


def describe_event(event: Event) -> str:
    """Render an event as one paragraph, safe to show; lines after the first are indented."""
    return _indented(event.to_natural_language())


def _indented(text: str) -> str:
    # So that no line of the text can begin where the next event would.
    return visible(text).replace("\n", "\n  ")


def _knowledge(participant: Participant) -> str:
    return describe_profile(participant.profile)


def _leave(observation: Observation) -> AgentAction:
    return AgentAction(action_type="leave") if "leave" in observation.available_actions else NO_ACTION


def _say(*lines: str) -> None:
    TERMINAL.show("\n".join(lines) + "\n")


async def _answer(question: str) -> str:
    while True:
        TERMINAL.show(f"{question}\n> ")
        try:
            line = await TERMINAL.line()
        except Unreadable as error:
            _say(f"Sorry, {error}.")
            continue
        if line is None:
            _say("")
            raise EndOfInput
        return line


async def _choose(question: str, options: Sequence[ActionType]) -> ActionType:
    while True:
        typed = await _answer(f"{question} {_numbered(options)}")
        try:
            return options[find_option(typed, options)]
        except ValueError as error:
            _say(f"Sorry, {error}.")


async def _choose_some(question: str, names: Sequence[str]) -> tuple[str, ...]:
    while True:
        typed = await _answer(f"{question} {_numbered(names)}")
        if not typed.strip():
            return ()
        try:
            chosen = [find_option(part, names) for part in _parts(typed, names)]
        except ValueError as error:
            _say(f"Sorry, {error}.")
        else:
            return tuple(names[position] for position in dict.fromkeys(chosen))


def _numbered(options: Sequence[str]) -> str:
    return "  ".join(f"[{number}] {visible_line(option)}" for number, option in enumerate(options, start=1))


def _parts(typed: str, names: Sequence[str]) -> list[str]:
    if typed.strip().casefold() in [name.casefold() for name in names]:
        return [typed]  # a name may hold a comma itself
    return typed.split(",")


def find_option(typed: str, options: Sequence[str]) -> int:
    """Return the position of the option that was meant: by its number from 1, its name, or how only its name begins.

    Case does not matter. ``ValueError`` says what is wrong, safe to show.
    """
    wanted = typed.strip().casefold()
    if wanted.isdecimal() and 1 <= int(wanted) <= len(options):
        return int(wanted) - 1
    named = [position for position, option in enumerate(options) if option.casefold() == wanted]
    begun = [position for position, option in enumerate(options) if wanted and option.casefold().startswith(wanted)]
    found = named or begun
    if len(found) == 1:
        return found[0]
    if not wanted:
        raise ValueError("nothing was typed; type a number, a name or its first letters")
    if found:
        raise ValueError(
            f"{typed.strip()!r} could be " + " or ".join(visible_line(options[position]) for position in found)
        )
    raise ValueError(f"{typed.strip()!r} is none of these; type a number, a name or its first letters")
