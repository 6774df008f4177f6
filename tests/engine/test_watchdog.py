"""Code that waits without awaiting: named while it does, stopped once it took longer than it may."""

import asyncio
import logging
import signal
import time

import pytest

from sotopia_core.engine.interaction import Interaction
from sotopia_core.engine.watchdog import watching
from sotopia_core.environment import ParallelSotopiaEnv
from sotopia_core.errors import PluginError
from sotopia_core.interfaces import Agent
from sotopia_core.plugins import Plugin
from tests.core.casts import After, InSeatOrder, combo, speak

PLUGINS = [Plugin("naps", "sotopia-naps", "1.0", "tests.engine.test_watchdog", "loaded")]


class Sleeper(Agent):
    """Sleeps where it should await."""

    seconds: float = 0.5

    async def aact(self, observation):
        time.sleep(self.seconds)
        return speak("zzz")


class Stubborn(Sleeper):
    """Takes no notice of exceptions."""

    async def aact(self, observation):
        for _ in range(50):
            try:
                time.sleep(0.1)
            except Exception:
                continue
        return speak("zzz")


def said(caplog):
    return [record for record in caplog.records if record.name == "sotopia.plugins"]


async def play(agent, turns=1, said_after=0.2):
    env = ParallelSotopiaEnv(combo(), evaluators=[After(turns=turns)], ordering=InSeatOrder())
    interaction = Interaction(env, [agent, Sleeper(seconds=0)])
    with watching(PLUGINS, said_after=said_after):
        await interaction.play()


async def test_what_keeps_the_loop_standing_still_is_named_with_its_place(caplog):
    logging.getLogger("sotopia").propagate = True
    await play(Sleeper())
    record = said(caplog)[0]  # on a busy machine the kernel's own steps may be slow enough to follow
    assert record.getMessage().startswith("Sleeper of plugin naps (sotopia-naps 1.0) has kept everything else waiting")
    assert "in aact (tests.engine.test_watchdog, line " in record.getMessage()
    assert record.getMessage().endswith("it should await, or work in a thread (asyncio.to_thread)")


@pytest.mark.parametrize("agent", [Sleeper(seconds=30, timeout=0.3), Stubborn(timeout=0.3)], ids=["asleep", "stubborn"])
async def test_what_takes_longer_than_it_may_is_stopped_where_it_is(agent):
    began = time.monotonic()
    with pytest.raises(PluginError, match=r"failed at turn 0: Standstill: it kept everything else waiting for \d+ s"):
        await play(agent)
    assert time.monotonic() - began < 3


async def test_what_lets_others_go_on_is_left_alone(caplog):
    logging.getLogger("sotopia").propagate = True

    class Patient(Sleeper):
        async def aact(self, observation):
            await asyncio.sleep(0.5)
            return speak("here")

    await play(Patient())
    assert [record for record in said(caplog) if "in aact" in record.getMessage()] == []


async def test_a_signal_that_is_in_use_is_left_to_whoever_uses_it(caplog):
    logging.getLogger("sotopia").propagate = True
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(True))
    try:
        await play(Sleeper(timeout=0.1))
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [True]
    assert len(said(caplog)) >= 1


async def test_nothing_is_left_behind():
    await play(Sleeper(seconds=0))
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
