"""What a run says when seats of it wait for people or programs: how to take them."""

from __future__ import annotations

import sys
from shlex import quote

from sotopia_core.episodes import RunRecord
from sotopia_core.terminal import visible_line

AGENT = "RedisAgent"


def invite(run: RunRecord) -> None:
    """Say on standard error how to take the seats of a run, where it has any that another process can take."""
    tables = [table for table in run.config.get("agents", ()) if table["use"].rpartition(":")[2] == AGENT]
    if not tables:
        return
    from sotopia_agents.seats.addresses import IN_PROCESS, broker_url

    for named in sorted({table.get("broker") for table in tables}, key=str):
        if not broker_url(named).startswith(f"{IN_PROCESS}:"):
            where = f" --broker {quote(visible_line(named))}" if named else ""
            command = f"sotopia seat {run.pk}{where}"
            print(f"note: seats wait for somebody; in another terminal: {command}", file=sys.stderr, flush=True)
