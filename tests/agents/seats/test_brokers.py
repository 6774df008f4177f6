"""The contract of brokers, held to by the one in this process and by Redis, plain and with modules."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from sotopia_agents.seats import in_process, redis_streams
from sotopia_agents.seats.addresses import connect
from sotopia_agents.seats.broker import Broker, Entry, Position
from sotopia_testing.redis_server import RedisServer

SOON = 0.05
LONG = 10.0

Connect = Callable[[], Broker]


def entry(turn: int, step: int = 0, text: str = "") -> Entry:
    return Entry(Position(turn, step), text or f"{turn}.{step}")


class BrokerContract:
    """Tests of what every broker must do: subclass it, and give it the ``url`` of one that nothing was done with."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    async def connections(self, url: str) -> AsyncIterator[Connect]:
        async with AsyncExitStack() as stack:

            def connection() -> Broker:
                made = connect(url)
                stack.push_async_callback(made.aclose)
                return made

            yield connection

    @pytest.fixture
    async def one(self, connections: Connect) -> Broker:
        return connections()

    @pytest.fixture
    async def other(self, connections: Connect) -> Broker:
        return connections()

    async def test_what_one_appends_the_other_receives_in_order(self, one, other):
        sent = [entry(0), entry(0, 1), entry(1), entry(10), entry(10, 100)]
        for each in sent:
            assert await one.append("s", each)
        assert await other.receive("s", "g", LONG) == sent
        assert await other.history("s") == sent
        assert await other.last("s") == Position(10, 100)

    @pytest.mark.parametrize(
        "text", ['{"a": "I <3 you, {goal}"}', "", "\x00\x1b[31m\r\n\t", "李雷 \U0001f600 \u202e \ufeff", "x" * 100_000]
    )
    async def test_text_is_kept_exactly(self, text, one, other):
        await one.append("s", Entry(Position(0), text))
        assert [each.text for each in await other.receive("s", "g", LONG)] == [text]

    async def test_an_empty_stream_has_no_history_and_no_last(self, one):
        assert (await one.history("s"), await one.last("s")) == ([], None)

    async def test_a_position_is_taken_once_and_only_ascends(self, one, other):
        assert await one.append("s", entry(3, 2))
        for late in (entry(3, 2, "again"), entry(3, 1), entry(2, 99), entry(0)):
            assert not await other.append("s", late)
        assert await one.history("s") == [entry(3, 2)]
        assert await other.append("s", entry(3, 3))

    async def test_of_many_who_write_to_one_position_at_once_one_succeeds(self, connections):
        writers = [connections() for _ in range(8)]
        done = await asyncio.gather(*(w.append("s", entry(0, 0, str(at))) for at, w in enumerate(writers)))
        assert done.count(True) == 1
        assert [each.text for each in await writers[0].history("s")] == [str(done.index(True))]

    async def test_whoever_waits_hears_at_once(self, one, other):
        waiting = asyncio.create_task(other.receive("s", "g", LONG))
        await asyncio.sleep(SOON)
        clock = asyncio.get_running_loop().time
        began = clock()
        await one.append("s", entry(0))
        assert await waiting == [entry(0)]
        assert clock() - began < LONG / 5

    async def test_waiting_ends_with_its_time_and_loses_nothing(self, one, other):
        assert await other.receive("s", "g", SOON) == []
        await one.append("s", entry(0))
        assert await other.receive("s", "g", LONG) == [entry(0)]

    async def test_waiting_that_is_cancelled_loses_nothing(self, one, other):
        for turn in range(20):
            waiting = asyncio.create_task(other.receive("s", "g", LONG))
            await asyncio.sleep(0 if turn % 2 else SOON / 10)
            writing = asyncio.create_task(one.append("s", entry(turn)))
            await asyncio.sleep(0)
            waiting.cancel()
            (heard,) = await asyncio.gather(waiting, return_exceptions=True)
            assert await writing
            if isinstance(heard, BaseException):
                heard = await other.receive("s", "g", LONG)
            assert heard == [entry(turn)]

    async def test_many_streams_are_waited_for_at_once(self, one, other):
        waiting = [asyncio.create_task(other.receive(f"s{at}", "g", LONG)) for at in range(50)]
        await asyncio.sleep(SOON)
        late = asyncio.create_task(other.receive("late", "g", LONG))
        for at in reversed(range(50)):
            await one.append(f"s{at}", entry(at))
        await one.append("late", entry(0, 0, "late"))
        assert await asyncio.gather(*waiting) == [[entry(at)] for at in range(50)]
        assert await late == [entry(0, 0, "late")]

    async def test_each_group_receives_everything_once(self, one, other):
        await one.append("s", entry(0))
        assert await one.receive("s", "g", LONG) == await other.receive("s", "h", LONG) == [entry(0)]
        assert await one.receive("s", "g", SOON) == await other.receive("s", "h", SOON) == []

    async def test_what_was_not_acknowledged_comes_to_the_next_connection(self, one, connections):
        sent = [entry(turn) for turn in range(4)]
        for each in sent:
            await one.append("s", each)
        first = connections()
        assert await first.receive("s", "g", LONG) == sent
        await first.acknowledge("s", "g", [sent[0], sent[2]])
        await first.aclose()
        assert await connections().receive("s", "g", LONG) == [sent[1], sent[3]]

    async def test_what_comes_again_and_what_is_new_come_in_order(self, one, connections):
        await one.append("s", entry(0))
        first = connections()
        await first.receive("s", "g", LONG)
        await first.aclose()
        await one.append("s", entry(1))
        second, heard = connections(), []
        while len(heard) < 2:
            heard += await second.receive("s", "g", LONG)
        assert heard == [entry(0), entry(1)]

    async def test_what_was_forgotten_can_be_received_again(self, one, other):
        await one.append("s", entry(0))
        await other.receive("s", "g", LONG)
        await other.forget("s", "g")
        assert await other.receive("s", "g", LONG) == [entry(0)]

    async def test_a_stream_that_was_cleared_begins_anew(self, one, other):
        await one.append("s", entry(7))
        assert await other.receive("s", "g", LONG) == [entry(7)]
        await other.clear("s")
        assert (await one.history("s"), await one.last("s")) == ([], None)
        waiting = asyncio.create_task(other.receive("s", "g", LONG))
        await asyncio.sleep(SOON)
        assert await one.append("s", entry(2))
        assert await waiting == [entry(2)]

    async def test_a_hold_is_one_owners_until_it_ends(self, one, other):
        assert await one.hold("h", "ann", LONG)
        assert not await other.hold("h", "bob", LONG)
        assert await other.owner("h") == "ann"
        assert await one.hold("h", "ann", 2 * SOON)
        await asyncio.sleep(4 * SOON)
        assert await other.owner("h") is None
        assert await other.hold("h", "bob", LONG)

    async def test_a_hold_is_given_back_by_its_owner_only(self, one, other):
        await one.hold("h", "ann", LONG)
        assert not await other.release("h", "bob")
        assert await other.owner("h") == "ann"
        assert await other.release("h", "ann")
        assert not await other.release("h", "ann")
        assert await one.owner("h") is None

    async def test_a_board_holds_each_notice_once_and_the_newest_last(self, one, other):
        for notice in ("a", "b", "a", "c"):
            await one.announce("board", notice)
            await asyncio.sleep(0.002)
        assert await other.announced("board") == ["b", "a", "c"]
        await other.withdraw("board", "a")
        await other.withdraw("board", "a")
        assert await one.announced("board") == ["b", "c"]

    async def test_a_stream_is_bounded(self, one, monkeypatch):
        for module in (in_process, redis_streams):
            monkeypatch.setattr(module, "MOST_ENTRIES", 100)
        for turn in range(500):
            await one.append("s", entry(turn))
        kept = await one.history("s")
        assert 100 <= len(kept) < 300
        assert kept[-1] == entry(499)

    async def test_closing_twice_is_harmless_and_ends_waiting(self, one):
        await one.receive("s", "g", SOON)
        await one.aclose()
        await one.aclose()


class TestInProcessBroker(BrokerContract):
    @pytest.fixture
    def url(self) -> str:
        return f"memory://{secrets.token_hex(8)}"


class TestPlainRedis(BrokerContract):
    @pytest.fixture
    def url(self, plain_redis: RedisServer) -> str:
        return plain_redis.url


class TestRedisStack(BrokerContract):
    @pytest.fixture
    def url(self, redis_stack: RedisServer) -> str:
        return redis_stack.url
