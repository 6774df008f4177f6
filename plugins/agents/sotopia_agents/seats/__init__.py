"""Seats over a broker: an agent whose actions come from somebody elsewhere, and the other side, who takes the seat."""

from sotopia_agents.seats.broker import Broker, BrokerAway, BrokerError
from sotopia_agents.seats.envelopes import Answer, Closed, Observed, Refused, SeatCard, Settled
from sotopia_agents.seats.finding import NoSeatError
from sotopia_agents.seats.holder import AnswerRefused, News, SeatLost, TakenSeat, take_seat

__all__ = [
    "Answer",
    "AnswerRefused",
    "Broker",
    "BrokerAway",
    "BrokerError",
    "Closed",
    "News",
    "NoSeatError",
    "Observed",
    "Refused",
    "SeatCard",
    "SeatLost",
    "Settled",
    "TakenSeat",
    "take_seat",
]
