"""Taking seats: who gets one, who keeps it, what a session is, and what is said in another version."""

import asyncio

import pytest

from sotopia_agents.seats import Closed, NoSeatError, Observed, SeatCard, SeatLost, beats, take_seat
from sotopia_agents.seats.addresses import broker_url, connect, without_password
from sotopia_agents.seats.broker import BrokerAway, Entry, Position
from sotopia_agents.seats.envelopes import Answer, Refused, Settled, read_envelope
from sotopia_core.database import use_storage
from sotopia_core.messages import Event
from sotopia_core.transactions import SessionTransaction
from tests.agents.seats.table import LONG, a_seat, asked, holding, seated, speak, told, until

pytestmark = pytest.mark.usefixtures("fast")


@pytest.mark.parametrize(
    "envelope",
    [
        Observed(observation=asked(a_seat(), 0), seconds=300.0),
        Observed(observation=told(a_seat(), 3, Event(turn=2, sender="Leo Park", action=speak("\x00<b>{goal}", "Mia")))),
        Refused(turn=2, step=1, reason="because"),
        Settled(turn=2, cause="timeout", outcome="none"),
        Closed(),
        Answer(holder="me", action={"action_type": "speak"}),
    ],
    ids=lambda one: one.kind,
)
def test_envelopes_are_read_as_they_were_written(envelope):
    assert read_envelope(envelope.model_dump_json()) == envelope
    assert '"version":1' in envelope.model_dump_json()


async def test_one_seat_has_one_holder_and_is_free_when_that_one_goes(url):
    seat = a_seat()
    agent = seated(seat, url)
    await agent.observe(told(seat, 0))
    async with take_seat(broker=url):
        with pytest.raises(NoSeatError, match=r"every seat is taken: Mia Davis by .*; one is free again 0\.3 s after"):
            async with take_seat(broker=url, seconds=0.2):
                pass
    async with take_seat(broker=url, seconds=0.2) as taken:
        assert taken.card.agent == "Mia Davis"
    await agent.aclose()


async def test_two_who_want_any_seat_get_different_ones(url):
    run = a_seat().run
    seats = [a_seat(run, 0), a_seat(run, 1)]
    agents = [seated(seat, url) for seat in seats]
    for agent, seat in zip(agents, seats, strict=True):
        await agent.observe(told(seat, 0))
    async with take_seat(broker=url) as one, take_seat(run, broker=url) as other:
        assert [one.card.agent, other.card.agent] == ["Mia Davis", "Leo Park"]
    for agent in agents:
        await agent.aclose()


async def test_a_seat_that_somebody_else_took_meanwhile_is_lost(url):
    seat = a_seat()
    agent, broker = seated(seat, url), connect(url)
    await agent.observe(told(seat, 0))
    async with take_seat(broker=url) as taken:
        await taken.news(LONG)
        await broker.release(taken.card.held, await broker.owner(taken.card.held) or "")
        await broker.hold(taken.card.held, "ann:1", LONG)
        with pytest.raises(SeatLost, match="the seat of Mia Davis was taken by ann:1 meanwhile"):
            async for _ in taken:
                pass
    await agent.aclose()
    await broker.aclose()


async def test_whoever_waits_gets_the_seat_that_opens(url):
    keeps_the_broker = connect(url)
    seat = a_seat()
    agent = seated(seat, url)

    async def answer():
        async with take_seat(seat.run, agent="Mia Davis", broker=url) as taken:
            async for news in taken:
                if news.asked:
                    await taken.act(speak("I was here first."))

    waiting = asyncio.create_task(answer())
    await asyncio.sleep(0.05)
    assert await agent.aact(asked(seat, 0)) == speak("I was here first.")
    await agent.aclose()
    await asyncio.wait_for(waiting, LONG)
    await keeps_the_broker.aclose()


async def test_without_a_seat_it_is_said_what_there_is(url):
    with pytest.raises(NoSeatError, match='no seat is open; play a run file with use = "RedisAgent"'):
        async with take_seat(broker=url, seconds=0.0):
            pass
    seat = a_seat()
    agent = seated(seat, url)
    await agent.observe(told(seat, 0))
    with pytest.raises(NoSeatError, match=r"^no seat of run X for 'Mia' is open; there are Mia Davis in run \w{26}$"):
        async with take_seat("X", agent="Mia", broker=url, seconds=0.0):
            pass
    await agent.aclose()


async def test_a_run_that_speaks_another_version_is_not_guessed_at(url):
    seat = a_seat()
    agent, broker = seated(seat, url), connect(url)
    await agent.observe(told(seat, 0))
    card = SeatCard(run=seat.run, episode=seat.episode, index=0, agent=seat.name)
    await broker.append(card.observations, Entry(Position(1), '{"version": 2, "kind": "observed", "picture": "..."}'))
    with pytest.raises(SeatLost, match="cannot be read: it is written in version 2 and this side"):
        async with take_seat(broker=url):
            pass
    await agent.aclose()
    await broker.aclose()


async def test_a_session_is_a_seat_and_its_messages_are_what_passed_through_it(url):
    use_storage("memory://")
    seat = a_seat()
    agent = seated(seat, url)
    answers = [speak("Psst.", "Nobody"), speak("Hello!", "Leo Park")]
    async with holding(url, lambda news, seat: answers.pop(0) if answers else None) as heard:
        await agent.aact(asked(seat, 0))
        acting = asyncio.create_task(agent.aact(asked(seat, 1)))
        await until(lambda: len(heard) == 3, "the second question was not heard")
    async with take_seat(broker=url) as taken:
        session = await taken.session()
    assert (session.session_id, session.client_id, session.server_id) == (f"{seat.episode}/0", "Mia Davis", seat.run)
    assert session.client_action_lock == "action"
    assert [(message.sender, message.message) for message in session.message_list] == [
        (seat.run, asked(seat, 0).to_natural_language()),
        ("Mia Davis", 'said: "Psst."'),
        (seat.run, "Refused: nobody here is called 'Nobody'; there are Mia Davis, Leo Park"),
        ("Mia Davis", 'said: "Hello!"'),
        (seat.run, asked(seat, 1).to_natural_language()),
    ]
    session.save()
    assert SessionTransaction.get(session.pk) == session
    acting.cancel()
    await asyncio.wait([acting])
    await agent.aclose()


async def test_a_beat_is_missed_while_the_broker_is_away_and_the_next_one_comes():
    signs = []

    async def sign():
        signs.append(len(signs))
        if signs[-1] == 1:
            raise BrokerAway("gone")
        return len(signs) < 4

    await asyncio.wait_for(beats.each_beat(sign), LONG)
    assert signs == [0, 1, 2, 3]


def test_the_broker_is_the_one_given_else_that_of_the_environment(monkeypatch):
    for name in ("SOTOPIA_BROKER", "REDIS_OM_URL"):
        monkeypatch.delenv(name, raising=False)
    assert broker_url() == "redis://localhost:6379"
    monkeypatch.setenv("REDIS_OM_URL", "redis://om")
    assert broker_url() == "redis://om"
    monkeypatch.setenv("SOTOPIA_BROKER", "redis://ours")
    assert broker_url() == "redis://ours"
    assert broker_url("redis://given") == "redis://given"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379", "redis://host:6379"),
        ("redis://me:secret@host:6379/1", "redis://me:***@host:6379/1"),
        ("redis://:p%40ss@host", "redis://:***@host"),
        ("redis://host?password=secret&db=1", "redis://host?password=***&db=1"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("me:secret@host:6379", "me:***@host:6379"),
        (":secret@host", ":***@host"),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert without_password(url) == shown
