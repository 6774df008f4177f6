"""Asking a person at the terminal for an action, and showing what an agent knows and hears, safe to show."""

from __future__ import annotations

from collections.abc import Sequence

from sotopia_agents.terminal import TERMINAL, Unreadable
from sotopia_core.messages import (
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


async def ask(name: str, observation: Observation, others: Sequence[str]) -> AgentAction:
    """Ask the person who plays an agent for an action until one is given; ``EndOfInput`` where nobody types any more.

    ``others`` are those whom the agent can still address.
    """
    say(f"\n--- {visible_line(name)}, it is turn {observation.turn} and your turn to act ---")
    while True:
        action_type = await _choose("Your action:", observation.available_actions)
        if action_type not in PROMPTS:
            return AgentAction(action_type=action_type)
        argument = await _answer(PROMPTS[action_type])
        if argument.strip():
            break
        say("Nothing was typed, so nothing is done yet.")
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


def say(*lines: str) -> None:
    """Write lines that are safe to show."""
    TERMINAL.show("\n".join(lines) + "\n")


async def _answer(question: str) -> str:
    while True:
        TERMINAL.show(f"{question}\n> ")
        try:
            line = await TERMINAL.line()
        except Unreadable as error:
            say(f"Sorry, {error}.")
            continue
        if line is None:
            say("")
            raise EndOfInput
        return line


async def _choose(question: str, options: Sequence[ActionType]) -> ActionType:
    while True:
        typed = await _answer(f"{question} {_numbered(options)}")
        try:
            return options[find_option(typed, options)]
        except ValueError as error:
            say(f"Sorry, {error}.")


async def _choose_some(question: str, names: Sequence[str]) -> tuple[str, ...]:
    while True:
        typed = await _answer(f"{question} {_numbered(names)}")
        if not typed.strip():
            return ()
        try:
            chosen = [find_option(part, names) for part in _parts(typed, names)]
        except ValueError as error:
            say(f"Sorry, {error}.")
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
