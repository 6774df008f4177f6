"""Patience with a server as all its requests share it: limits, a common pause, and how it ends."""

import asyncio
import time

import pytest

from sotopia_core.errors import ModelError
from sotopia_core.models import ChatMessage, ModelRequest
from sotopia_models.endpoint import Endpoint, Pace, pause_before
from sotopia_testing.chat_server import ChatServer, Reply
from tests.models.asking import Asking, arrival

REQUEST = ModelRequest(messages=(ChatMessage(role="user", content="x"),))


def test_pauses_double_up_to_a_limit_and_differ():
    for attempt, longest in ((2, 0.5), (3, 1.0), (4, 2.0), (9, 10.0), (10_000, 10.0)):
        pauses = {pause_before(attempt, 10.0) for _ in range(20)}
        assert len(pauses) > 1
        assert all(longest / 2 <= pause <= longest for pause in pauses)


def failed(endpoint: Endpoint, *, ahead: bool = False) -> bool:
    return endpoint.failed("why", limit=3, longest=0.05, asked_to_wait=None, ahead=ahead)


async def test_after_so_many_faults_in_a_row_all_pause_and_one_goes_ahead():
    endpoint = Endpoint()
    assert [failed(endpoint) for _ in range(3)] == [False, False, True]
    assert endpoint.paused
    assert failed(endpoint)  # one that was under way: it does not count against its request
    waiting = [asyncio.create_task(endpoint.wait()) for _ in range(5)]
    done, others = await asyncio.wait(waiting, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [True]
    assert len(others) == 4
    endpoint.succeeded()
    assert await asyncio.gather(*others) == [False] * 4
    assert not endpoint.paused


async def test_where_the_one_that_went_ahead_fails_another_goes_after_a_further_pause():
    endpoint = Endpoint()
    for _ in range(3):
        failed(endpoint)
    assert await endpoint.wait()
    assert failed(endpoint, ahead=True)
    assert await endpoint.wait()
    endpoint.abandoned()  # as when it is cancelled
    assert await endpoint.wait()


async def test_a_success_in_between_begins_the_count_anew():
    endpoint = Endpoint()
    for _ in range(9):
        assert not failed(endpoint)
        assert not failed(endpoint)
        endpoint.succeeded()


async def test_a_pace_spreads_requests_evenly():
    pace = Pace(per_minute=1200.0)
    began = time.monotonic()
    await asyncio.gather(*(pace.wait() for _ in range(5)))
    assert 0.2 <= time.monotonic() - began < 2.0


async def test_no_more_requests_are_under_way_than_may_be(ask: Asking, server: ChatServer):
    await ask()  # the first call of all loads what the client library needs, while the others would wait
    server.reset()
    server.script(*[Reply(text="late", delay=0.3)] * 4)
    model = ask.model(concurrency=2)
    calls = [asyncio.create_task(model.generate(REQUEST)) for _ in range(4)]
    await arrival(server, 2)
    await asyncio.sleep(0.1)
    assert server.count() == 2
    await asyncio.gather(*calls)
    assert server.count() == 4


async def test_requests_keep_their_distance(ask: Asking, server: ChatServer):
    await ask()  # the first call of all loads what the client library needs, while the others would wait
    server.reset()
    model = ask.model(requests_per_minute=300.0)
    await asyncio.gather(*(model.generate(REQUEST) for _ in range(3)))
    times = [request.received for request in server.requests()]
    assert max(times) - min(times) >= 0.25


async def test_while_a_server_is_in_trouble_attempts_are_not_burnt(ask: Asking, server: ChatServer):
    server.script(*[Reply(status=503)] * 6, "Back.", "Back.")
    model = ask.model(attempts=2, pause_after=2, longest_pause=0.1)
    replies = await asyncio.gather(model.generate(REQUEST), model.generate(REQUEST))
    assert [reply.text for reply in replies] == ["Back."] * 2
    assert server.count() == 8


async def test_a_server_that_stays_in_trouble_is_given_up_with_its_last_words(ask: Asking, server: ChatServer):
    server.script(*[Reply(status=503, text="down for today")] * 500)
    with pytest.raises(
        ModelError, match=r"failed \(503\): down for today; waiting for longest_outage = 0.5 seconds did not help$"
    ):
        await ask(attempts=2, pause_after=2, longest_pause=0.2, longest_outage=0.5)


async def test_bodies_that_are_no_completions_are_no_trouble_of_the_server(ask_directly: Asking, server: ChatServer):
    server.script(*[Reply(fault="broken body")] * 3, "There.")
    assert (await ask_directly(attempts=5, pause_after=2)).attempts == 4
