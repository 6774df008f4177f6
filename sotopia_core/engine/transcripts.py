"""The transcript of a stored episode, for judges: out of its turns, or out of the messages of an imported log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sotopia_core.episodes import EpisodeLog, SimpleMessage
from sotopia_core.errors import InputError
from sotopia_core.interfaces import Transcript
from sotopia_core.messages import ENVIRONMENT, NO_ACTION, AgentAction, Background, Event, Participant
from sotopia_core.visibility import background_for_judge

SETTING: Final = "What each participant was told at the beginning is given below, as it was logged."
AIM: Final = "as in what this participant was told"
DID_NOTHING: Final = NO_ACTION.to_natural_language()


def transcript_of(episode: EpisodeLog) -> Transcript:
    """Return everything that happened in an episode; ``InputError`` where nothing of it is kept.

    Of an imported log, the setting is what each participant was told at the beginning, word for word, and deeds are
    taken back from the words that logs render them with. What is rendered in no such way is given word for word, too.
    """
    if episode.turns:
        return _played(episode)
    if episode.verbatim_messages:
        return _logged(episode.verbatim_messages)
    raise InputError(f"episode {episode.pk} has neither turns nor messages, so there is nothing to judge")


def _played(episode: EpisodeLog) -> Transcript:
    combo = episode.combo
    return Transcript(
        background=background_for_judge(combo) if combo is not None else _pieced_together(episode),
        turn=episode.turns[-1].number,
        events=episode.events,
        left=frozenset(event.sender for event in episode.events if event.action.action_type == "leave"),
        game_metadata=(combo.environment.game_metadata or {}) if combo is not None else {},
    )


def _pieced_together(episode: EpisodeLog) -> Background:
    """Put together what each participant knew of itself: all that there is to know but for passages for the judge."""
    known = [o.background for o in episode.turns[0].observations.values() if o.background is not None]
    if not known:
        raise InputError(f"episode {episode.pk} does not say what its agents were told, so it cannot be judged")
    participants = tuple(background.participant(background.viewer) for background in known)
    return Background(viewer=ENVIRONMENT, scenario=known[0].scenario, participants=participants)


def _logged(messages: Sequence[Sequence[SimpleMessage]]) -> Transcript:
    ends = (end for turn in messages for sender, receiver, _ in turn for end in (receiver, sender))
    names = [name for name in dict.fromkeys(ends) if name != ENVIRONMENT]
    told = {receiver: text for sender, receiver, text in messages[0] if sender == ENVIRONMENT}
    participants = tuple(
        Participant(name=name, profile={"was told": told[name]} if name in told else {}, goal=AIM) for name in names
    )
    events = [event for number, turn in enumerate(messages) for event in _events(number, turn)]
    return Transcript(
        background=Background(viewer=ENVIRONMENT, scenario=SETTING, participants=participants),
        turn=len(messages) - 1,
        events=tuple(events),
        left=frozenset(event.sender for event in events if event.action.action_type == "leave"),
    )


def _events(turn: int, messages: Sequence[SimpleMessage]) -> list[Event]:
    """Return the deeds of a turn. Logs say of whoever was not in turn that it did nothing: that is left out."""
    deeds = [(sender, receiver, text) for sender, receiver, text in messages if sender != ENVIRONMENT]
    happened = [deed for deed in deeds if deed[2] != DID_NOTHING] or deeds
    return [
        Event(turn=turn, sender=sender, action=action_of(text, () if receiver == ENVIRONMENT else (receiver,)))
        for sender, receiver, text in happened
    ]


def action_of(text: str, to: tuple[str, ...] = ()) -> AgentAction:
    """Return the action that logs render as this text: the inverse of ``AgentAction.to_natural_language``.

    How the text begins tells them apart, whatever the words are. A text that no action is rendered as becomes one of
    the type ``action``, whole.
    """
    guesses = [
        AgentAction(action_type="none", to=to),
        AgentAction(action_type="leave", to=to),
        AgentAction(action_type="speak", argument=text[7:-1], to=to),
        AgentAction(action_type="action", argument=text.removeprefix("[action] "), to=to),
        AgentAction(
            action_type="non-verbal communication", argument=text.removeprefix("[non-verbal communication] "), to=to
        ),
    ]
    exact = [guess for guess in guesses if guess.to_natural_language() == text]
    return exact[0] if exact else AgentAction(action_type="action", argument=text, to=to)
