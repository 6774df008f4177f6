"""Servers that die, hang and forget during somebody's turn; runs that are killed; users that may see one seat only."""

from __future__ import annotations

import asyncio

import pytest

from sotopia_agents.seats import BrokerAway, BrokerError, News, SeatCard, TakenSeat, redis_streams, take_seat
from sotopia_agents.seats.addresses import connect
from sotopia_agents.seats.finding import open_seats
from sotopia_testing.redis_server import RedisServer
from tests.agents.seats.table import LONG, a_seat, asked, holding, seated, speak, told, until
from tests.redis_servers import StartRedis

pytestmark = pytest.mark.usefixtures("fast")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that take no longer than 0.3 s, so that a hanging server is noticed soon."""
    monkeypatch.setattr(redis_streams, "SECONDS_FOR_A_COMMAND", 0.3)
    monkeypatch.setattr(redis_streams, "SECONDS_BLOCKED", 0.3)


async def asked_of(seat: TakenSeat) -> News:
    """Return the news that asks for an answer."""
    async with asyncio.timeout(LONG):
        async for news in seat:
            if news.asked:
                return news
    raise AssertionError("nothing was asked")


@pytest.mark.parametrize("append_only", [False, True], ids=["forgetful", "append-only"])
async def test_a_server_killed_and_started_again_while_a_person_thinks(append_only, start_redis: StartRedis):
    server = start_redis(modules=False, append_only=append_only)
    seat = a_seat()
    agent = seated(seat, server.url)
    await agent.observe(told(seat, 0))
    acting = asyncio.create_task(agent.aact(asked(seat, 1)))
    async with take_seat(broker=server.url) as taken:
        assert (await asked_of(taken)).observation == asked(seat, 1)
        server.kill()
        await asyncio.sleep(0.3)
        assert not acting.done()
        server.start()
        await taken.act(speak("Still here."))
        assert await acting == speak("Still here.")
    await agent.observe(told(seat, 2))
    async with take_seat(broker=server.url) as back:  # everything was told again, whatever the server forgot
        there = [await back.news(LONG) for _ in range(3)]
        assert [n.observation for n in there if n is not None] == [told(seat, 0), asked(seat, 1), told(seat, 2)]
    await agent.aclose()


async def test_an_answer_that_a_killed_server_forgot_is_given_again(start_redis: StartRedis):
    server = start_redis(modules=False)
    seat = a_seat()
    agent = seated(seat, server.url)
    await agent.observe(told(seat, 0))
    acting = asyncio.create_task(agent.aact(asked(seat, 1)))
    async with take_seat(broker=server.url) as taken:
        await asked_of(taken)
        acting.cancel()
        await asyncio.wait([acting])
        await agent.adjourn()  # the run stops; the answer reaches a server that will forget it
        await taken.act(speak("Only once."))
        server.kill()
        server.start()
        resumed = seated(seat, server.url)
        await resumed.observe(told(seat, 0))
        assert await resumed.aact(asked(seat, 1)) == speak("Only once.")
        await resumed.aclose()


async def test_a_holder_that_comes_while_the_server_is_down_finds_the_question_when_it_is_up(start_redis: StartRedis):
    server = start_redis(modules=False)
    seat = a_seat()
    agent = seated(seat, server.url)
    acting = asyncio.create_task(agent.aact(asked(seat, 0)))
    await until(lambda: bool(agent._line and agent._line._told), "the question was not put")
    server.kill()
    async with holding(server.url, lambda news, seat: speak("I came anyway.")):
        await asyncio.sleep(0.3)
        server.start()
        assert await acting == speak("I came anyway.")
    await agent.aclose()


async def test_a_server_that_hangs_is_waited_for_and_loses_nothing(start_redis: StartRedis):
    server = start_redis(modules=False)
    seat = a_seat()
    agent = seated(seat, server.url)
    acting = asyncio.create_task(agent.aact(asked(seat, 0)))
    async with take_seat(broker=server.url) as taken:
        await asked_of(taken)
        server.hang()
        answering = asyncio.create_task(taken.act(speak("Patience.")))
        await asyncio.sleep(1.0)
        assert not acting.done()
        assert not answering.done()
        server.wake()
        await answering
        assert await acting == speak("Patience.")
    await agent.aclose()


async def test_a_server_that_stays_away_fails_the_turn_in_bounded_time_and_puts_no_words_into_a_mouth(start_redis):
    server = start_redis(modules=False)
    seat = a_seat()
    agent = seated(seat, server.url, timeout=0.5, on_timeout="none")
    await agent.observe(told(seat, 0))
    server.kill()
    clock = asyncio.get_running_loop().time
    began = clock()
    with pytest.raises(BrokerAway, match=r"no broker answers at redis://127\.0\.0\.1:\d+: .*\(tried \d+ times\)"):
        await agent.aact(asked(seat, 1))
    assert clock() - began < agent.timeout + agent.grace
    await agent.adjourn()


async def test_a_wrong_password_fails_the_turn_at_once(start_redis: StartRedis, monkeypatch):
    server = start_redis(modules=False, password="right")
    monkeypatch.setenv("SOTOPIA_BROKER", server.url.replace("right", "wrong"))
    seat = a_seat()
    agent = seated(seat, None)
    with pytest.raises(
        BrokerError, match=r"the broker at redis://:\*\*\*@127\.0\.0\.1:\d+ refuses to let this user in"
    ):
        await agent.aact(asked(seat, 0))
    await agent.adjourn()


async def test_what_is_no_redis_server_is_told_apart(unused_tcp_port):
    async def web(reader, writer):
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(web, "127.0.0.1", unused_tcp_port):
        broker = connect(f"redis://127.0.0.1:{unused_tcp_port}")
        with pytest.raises(BrokerError, match="what answers at .* is no Redis server"):
            await broker.last("s")
        await broker.aclose()


async def test_one_connection_hears_all_seats_and_a_thousand_need_no_more(plain_redis: RedisServer):
    seats = [a_seat() for _ in range(50)]
    agents = [seated(seat, plain_redis.url) for seat in seats]
    acting = [asyncio.create_task(a.aact(asked(s, 0))) for a, s in zip(agents, seats, strict=True)]
    await until(lambda: all(agent._line and agent._line._told for agent in agents), "a question was not put")
    await asyncio.sleep(0.1)
    assert await connections(plain_redis) <= redis_streams.MOST_CONNECTIONS + 1
    for task in acting:
        task.cancel()
    await asyncio.wait(acting)
    for agent in agents:
        await agent.adjourn()


async def connections(server: RedisServer) -> int:
    """Return how many connections a server has, apart from the one that asks."""
    client = connect(server.url)
    found = await client._do("INFO", "clients")  # type: ignore[attr-defined]
    await client.aclose()
    return int(found["connected_clients"]) - 1


async def test_a_user_of_one_seat_sees_and_answers_no_other(plain_redis: RedisServer):
    rule = "ACL SETUSER mia on >a-password resetkeys ~sotopia:seat:*:0:* ~sotopia:seats ~sotopia:run:* +@all"
    assert plain_redis.command(f"{rule} -@admin -@dangerous") == "+OK"
    mias, leos = a_seat(), a_seat(index=1)
    agents = [seated(mias, plain_redis.url), seated(leos, plain_redis.url)]
    acting = [asyncio.create_task(a.aact(asked(s, 0))) for a, s in zip(agents, (mias, leos), strict=True)]
    hers = plain_redis.url.replace("redis://", "redis://mia:a-password@")
    async with holding(hers, lambda news, seat: speak("Mia here."), agent="Mia Davis"):
        assert await acting[0] == speak("Mia here.")
    broker = connect(hers)
    card = SeatCard(run=leos.run, episode=leos.episode, index=1, agent="Leo Park")
    for forbidden in (broker.history(card.observations), broker.history(card.answers), open_seats(broker)):
        with pytest.raises(BrokerError, match="the broker at .* refuses: .*permissions"):
            await forbidden
    await broker.aclose()
    acting[1].cancel()
    await asyncio.wait(acting)
    for agent in agents:
        await agent.aclose()
    plain_redis.command("ACL DELUSER mia")
