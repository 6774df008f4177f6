"""A fast beat, a broker of the test's own, and runs of one episode whose seats wait for somebody."""

from __future__ import annotations

import secrets

import pytest

from sotopia_agents.seats import beats


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats of 0.1 s, so that nobody waits for signs."""
    monkeypatch.setattr(beats, "BEAT", 0.1)


@pytest.fixture
def url() -> str:
    """A broker in this process that no other test uses."""
    return f"memory://{secrets.token_hex(8)}"
