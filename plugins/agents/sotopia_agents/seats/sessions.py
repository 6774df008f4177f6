"""What passed through a seat, as the records that front ends of Sotopia exchange: a session and its messages."""

from __future__ import annotations

from pydantic import ValidationError

from sotopia_agents.seats.broker import Broker, Entry
from sotopia_agents.seats.envelopes import Answer, EnvelopeError, Observed, Refused, SeatCard, read_envelope
from sotopia_core.digests import canonical_json, derive_pk
from sotopia_core.messages import AgentAction
from sotopia_core.transactions import MessageTransaction, SessionTransaction


async def session_of(broker: Broker, card: SeatCard) -> SessionTransaction:
    """Return what a seat has exchanged so far.

    A session is one seat of one episode: the server is the run, the client is the agent whose seat it is, and the
    client may act while a question is open.
    """
    told = await broker.history(card.observations)
    answered = await broker.history(card.answers)
    both = [(entry.position, 0, entry) for entry in told] + [(entry.position, 1, entry) for entry in answered]
    in_order = [entry for *_, entry in sorted(both, key=lambda one: one[:2])]
    return SessionTransaction(
        pk=derive_pk("session", card.key),
        session_id=f"{card.episode}/{card.index}",
        client_id=card.agent,
        server_id=card.run,
        client_action_lock="action" if _is_open(told, answered) else "no action",
        message_list=tuple(_messages(in_order, card)),
    )


def _is_open(told: list[Entry], answered: list[Entry]) -> bool:
    """Whether the last thing the holder was told asks for an answer that has not come."""
    if not told:
        return False
    envelope = read_envelope(told[-1].text)
    asks = isinstance(envelope, Refused) or (isinstance(envelope, Observed) and envelope.observation.in_turn)
    return asks and (not answered or answered[-1].position < told[-1].position)


def _messages(entries: list[Entry], card: SeatCard) -> list[MessageTransaction]:
    found = []
    for entry in entries:
        try:
            envelope = read_envelope(entry.text)
        except EnvelopeError:  # an answer that could not be read was refused, and the refusal is there
            continue
        match envelope:
            case Observed():
                sender, text = card.run, envelope.observation.to_natural_language()
            case Refused():
                sender, text = card.run, f"Refused: {envelope.reason}"
            case Answer():
                sender, text = card.agent, _said(envelope.action)
            case _:
                continue
        found.append(MessageTransaction(timestamp_str=envelope.at, sender=sender, message=text))
    return found


def _said(action: object) -> str:
    try:
        return AgentAction.model_validate(action).to_natural_language()
    except ValidationError:
        return canonical_json(action)
