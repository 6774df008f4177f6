"""What front ends and agents exchange through a broker, as Sotopia keeps it: sessions and their messages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sotopia_core.messages import Value
from sotopia_core.records import Record


class MessageTransaction(Value):
    """One message of a session."""

    timestamp_str: str
    sender: str
    message: str


class SessionTransaction(Record):
    """A session between a client and a server; ``client_action_lock`` says whether the client may act."""

    session_id: str
    client_id: str
    server_id: str
    client_action_lock: Literal["no action", "action"] = "no action"
    message_list: tuple[MessageTransaction, ...] = Field(default=())
