"""RedisAgent: what it asks, what it takes for an answer, and what becomes of a turn without one."""

import asyncio

import pytest
from pydantic import ValidationError

from sotopia_agents.seats import Answer, AnswerRefused, BrokerError, Closed, Refused, SeatCard, Settled, take_seat
from sotopia_agents.seats.addresses import connect
from sotopia_agents.seats.agent import RedisAgent
from sotopia_agents.seats.broker import Entry, Position
from sotopia_agents.seats.finding import open_seats
from sotopia_agents.seats.line import BOARD
from sotopia_agents.seats.question import NoAnswer
from sotopia_core.errors import MissingExtraError
from sotopia_core.messages import NO_ACTION, AgentAction, Event
from tests.agents.seats.table import LONG, a_seat, asked, holding, seated, speak, told, until

LEAVE = AgentAction(action_type="leave")
WORDS = 'I <3 you, {goal} [bold]hi[/bold] "so"\n – 李雷 \x1b[31m \u202e'

pytestmark = pytest.mark.usefixtures("fast")


async def opened(url: str) -> None:
    """Wait until a seat is open."""
    broker = connect(url)
    async with asyncio.timeout(LONG):
        while not await broker.announced(BOARD):
            await asyncio.sleep(0.005)
    await broker.aclose()


async def raw(url: str, seat, position: Position, text: str) -> bool:
    """Write to a seat's answers, once it is open, as a program would that does without the client."""
    await opened(url)
    broker = connect(url)
    card = SeatCard(run=seat.run, episode=seat.episode, index=seat.index, agent=seat.name)
    added = await broker.append(card.answers, Entry(position, text))
    await broker.aclose()
    return added


# --- an answer that comes ---------------------------------------------------------------------------------------------


async def test_the_answer_of_the_holder_is_the_action(url):
    seat = a_seat()
    agent = seated(seat, url)
    async with holding(url, lambda news, seat: speak(WORDS, "Leo Park"), run=seat.run, agent=seat.name) as heard:
        assert await agent.aact(asked(seat, 0)) == speak(WORDS, "Leo Park")
    assert [news.observation for news in heard] == [asked(seat, 0)]
    await agent.aclose()


async def test_the_holder_is_told_all_and_asked_what_is_its_turn(url):
    seat = a_seat()
    agent = seated(seat, url)
    heard_words = Event(turn=0, sender="Leo Park", action=speak("Hello!"))
    async with holding(url, lambda news, seat: speak("Hi.")) as heard:
        await agent.observe(told(seat, 0))
        assert await agent.aact(asked(seat, 1, heard_words)) == speak("Hi.")
        await agent.observe(told(seat, 2))
        await agent.aclose()
        await until(lambda: len(heard) == 4, "the end was not told")
    assert [news.observation for news in heard[:3]] == [told(seat, 0), asked(seat, 1, heard_words), told(seat, 2)]
    assert [news.asked for news in heard] == [False, True, False, False]
    assert isinstance(heard[3].envelope, Closed)


async def test_a_holder_that_comes_late_finds_the_open_question_and_what_was_before(url):
    seat = a_seat()
    agent = seated(seat, url)
    await agent.observe(told(seat, 0))
    acting = asyncio.create_task(agent.aact(asked(seat, 1)))
    await asyncio.sleep(0.05)
    async with holding(url, lambda news, seat: speak("Sorry, I am late.")) as heard:
        assert await acting == speak("Sorry, I am late.")
    assert [(news.past, news.asked) for news in heard] == [(True, False), (False, True)]
    await agent.aclose()


async def test_a_holder_that_comes_back_is_not_asked_again_for_what_it_answered(url):
    seat = a_seat()
    agent = seated(seat, url)
    async with holding(url, lambda news, seat: speak("One.")):
        await agent.aact(asked(seat, 0))
    async with holding(url, lambda news, seat: pytest.fail("asked again")) as heard:
        await until(lambda: len(heard) == 1, "the history was not told")
        assert (heard[0].past, heard[0].asked) == (True, False)
    async with holding(url, lambda news, seat: speak("Two.")):
        assert await agent.aact(asked(seat, 1)) == speak("Two.")
    await agent.aclose()


async def test_answers_that_came_while_the_run_was_away_are_taken_up_and_nobody_is_asked_twice(url):
    seat = a_seat()
    keeps_the_broker = connect(url)
    first = seated(seat, url)
    acting = asyncio.create_task(first.aact(asked(seat, 0)))
    async with holding(url, lambda news, seat: speak("Zero.") if news.observation.turn == 0 else None):
        assert await acting == speak("Zero.")
        acting = asyncio.create_task(first.aact(asked(seat, 1)))
        await asyncio.sleep(0.05)
        acting.cancel()
        await asyncio.wait([acting])
        await first.adjourn()
    asked_turns = []

    def answer(news, taken):
        asked_turns.append(taken.asked.turn)
        return speak("One.")

    async with holding(url, answer, agent=seat.name) as heard:  # nobody plays the run now; the question is there
        await until(lambda: asked_turns == [1], "the question was not found")
        await asyncio.sleep(0.05)
        second = seated(seat, url)
        await second.replay(asked(seat, 0), speak("Zero."))
        assert await second.aact(asked(seat, 1)) == speak("One.")
        await second.observe(told(seat, 2))
        await until(lambda: len(heard) == 3, "the resumed run told nothing")
    assert asked_turns == [1]
    await second.aclose()
    await keeps_the_broker.aclose()


async def test_an_answer_that_was_taken_but_not_kept_is_there_for_the_resumed_run(url):
    seat = a_seat()
    keeps_the_broker = connect(url)
    killed = seated(seat, url)
    async with holding(url, lambda news, seat: speak("Once.")):
        assert await killed.aact(asked(seat, 0)) == speak("Once.")
    await killed.adjourn()  # before it could tell that the answer is kept
    resumed = seated(seat, url)
    assert await resumed.aact(asked(seat, 0)) == speak("Once.")
    await resumed.aclose()
    await keeps_the_broker.aclose()


# --- an answer that cannot be used ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (speak("psst", "Nobody"), "nobody here is called 'Nobody'; there are Mia Davis, Leo Park"),
        (LEAVE, "'leave' is not among the actions here: none, speak"),
    ],
)
async def test_an_invalid_answer_is_told_back_with_the_reason_and_asked_again(wrong, reason, url):
    seat = a_seat()
    agent = seated(seat, url)
    answers = [wrong, speak("Better.")]
    async with holding(url, lambda news, seat: answers.pop(0)) as heard:
        assert await agent.aact(asked(seat, 0, available_actions=("none", "speak"))) == speak("Better.")
    refused = heard[1].envelope
    assert isinstance(refused, Refused)
    assert (refused.turn, refused.step, refused.reason) == (0, 1, reason)
    assert heard[1].asked
    await agent.aclose()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "it cannot be read: it is not JSON"),
        ("[1]", "it cannot be read: it is list, not an object"),
        (
            '{"kind": "answer", "version": 2, "action": {}}',
            "it is written in version 2 and this side speaks version 1",
        ),
        ('{"kind": "answer", "action": {"action_type": "shout"}}', "action_type: expected"),
        ('{"kind": "answer", "action": "Hello!"}', "expected a table of keys and values"),
        ('{"kind": "answer", "action": {"action_type": "speak", "argument": "\\ud800"}}', "it cannot be read: "),
        ('{"kind": "closed"}', "it is no answer but 'closed'"),
        ('{"kind": "song"}', "it cannot be read: "),
    ],
)
async def test_what_is_no_answer_at_all_is_told_back_too(text, reason, url):
    seat = a_seat()
    agent = seated(seat, url)
    acting = asyncio.create_task(agent.aact(asked(seat, 0)))
    assert await raw(url, seat, Position(0), text)
    async with holding(url, lambda news, seat: speak("Hello!") if heard_refusal(news) else None) as heard:
        assert await acting == speak("Hello!")
    (refused,) = [news.envelope for news in heard if heard_refusal(news)]
    assert reason in refused.reason
    await agent.aclose()


def heard_refusal(news) -> bool:
    return isinstance(news.envelope, Refused)


@pytest.mark.parametrize(("outcome", "action"), [("none", NO_ACTION), ("leave", LEAVE)])
async def test_after_too_many_invalid_answers_the_run_file_says_what_becomes_of_the_turn(outcome, action, url):
    seat = a_seat()
    agent = seated(seat, url, tries=2, on_invalid=outcome)
    async with holding(url, lambda news, seat: speak("psst", "Nobody")) as heard:
        assert await agent.aact(asked(seat, 0)) == action
        await until(lambda: len(heard) == 3, "the end of the turn was not told")
    assert isinstance(heard[1].envelope, Refused)
    settled = heard[2].envelope
    assert isinstance(settled, Settled)
    assert (settled.cause, settled.outcome) == ("invalid", outcome)
    await agent.aclose()


async def test_too_many_invalid_answers_fail_the_episode_unless_told_otherwise(url):
    seat = a_seat()
    agent = seated(seat, url)
    async with holding(url, lambda news, seat: speak("psst", "Nobody")) as heard:
        with pytest.raises(NoAnswer, match="none of 3 answers could be used"):
            await agent.aact(asked(seat, 0))
    assert sum(heard_refusal(news) for news in heard) <= 2
    await agent.aclose()


async def test_an_answer_to_a_turn_that_was_not_asked_is_refused_and_blocks_nothing(url):
    seat = a_seat()
    agent = seated(seat, url)
    acting = asyncio.create_task(agent.aact(asked(seat, 0)))
    assert await raw(url, seat, Position(7), Answer(action=speak("early").model_dump()).model_dump_json())
    async with holding(url, lambda news, seat: speak("In time.") if heard_refusal(news) else None) as heard:
        assert await acting == speak("In time.")
    assert "it answers turn 7, and the turn is 0" in [n.envelope.reason for n in heard if heard_refusal(n)]
    await agent.aclose()


# --- an answer that does not come -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "action"), [("none", NO_ACTION), ("leave", LEAVE)])
async def test_when_nobody_answers_in_time_the_run_file_says_what_becomes_of_the_turn(outcome, action, url):
    seat = a_seat()
    agent = seated(seat, url, timeout=0.15, on_timeout=outcome)
    async with holding(url, lambda news, seat: None) as heard:
        assert await agent.aact(asked(seat, 0)) == action
        await until(lambda: len(heard) == 2, "the end of the turn was not told")
    settled = heard[1].envelope
    assert isinstance(settled, Settled)
    assert (settled.turn, settled.cause, settled.outcome) == (0, "timeout", outcome)
    await agent.aclose()


async def test_when_nobody_answers_in_time_the_episode_fails_unless_told_otherwise(url):
    seat = a_seat()
    agent = seated(seat, url, timeout=0.1)
    with pytest.raises(NoAnswer, match=r"nobody answered within 0\.1 s"):
        await agent.aact(asked(seat, 0))
    await agent.aclose()


async def test_an_agent_that_may_not_leave_does_nothing(url):
    seat = a_seat()
    agent = seated(seat, url, timeout=0.05, on_timeout="leave")
    assert await agent.aact(asked(seat, 0, available_actions=("speak",))) == NO_ACTION
    await agent.aclose()


async def test_what_was_settled_stays_so_for_the_resumed_run(url):
    seat = a_seat()
    keeps_the_broker = connect(url)
    killed = seated(seat, url, timeout=0.05, on_timeout="leave")
    assert await killed.aact(asked(seat, 0)) == LEAVE
    await killed.adjourn()
    resumed = seated(seat, url, on_timeout="none")
    assert await resumed.aact(asked(seat, 0)) == LEAVE
    await resumed.aclose()
    await keeps_the_broker.aclose()


async def test_a_turn_that_failed_is_asked_again_when_the_episode_is_tried_again(url):
    seat = a_seat()
    keeps_the_broker = connect(url)
    failed = seated(seat, url, timeout=0.05)
    await failed.observe(told(seat, 0))
    with pytest.raises(NoAnswer):
        await failed.aact(asked(seat, 1))
    await failed.aclose()
    again = seated(seat, url)
    await again.observe(told(seat, 0))
    async with holding(url, lambda news, seat: speak("This time.")) as heard:
        assert await again.aact(asked(seat, 1)) == speak("This time.")
        await again.aclose()
        await until(lambda: len(heard) == 3, "the end was not told")
    assert isinstance(heard[2].envelope, Closed)
    await keeps_the_broker.aclose()


async def test_a_late_answer_is_refused_and_says_why(url):
    seat = a_seat()
    agent = seated(seat, url, timeout=0.2, on_timeout="none")
    acting = asyncio.create_task(agent.aact(asked(seat, 0)))
    await opened(url)
    async with take_seat(broker=url) as taken:
        news = await taken.news(LONG)
        assert news is not None
        assert news.asked
        await acting
        with pytest.raises(AnswerRefused, match="turn 0 was settled without you: timeout, .* 'none'"):
            await taken.act(speak("too late"))
        await agent.observe(told(seat, 1))
        assert isinstance((await taken.news(LONG)).envelope, Settled)
        assert (await taken.news(LONG)).observation == told(seat, 1)
    await agent.aclose()


async def test_a_second_answer_to_one_question_is_refused(url):
    seat = a_seat()
    agent = seated(seat, url)
    acting = asyncio.create_task(agent.aact(asked(seat, 0)))
    async with take_seat(broker=url) as taken:
        await taken.news(LONG)
        answer = Answer(action=speak("from elsewhere").model_dump()).model_dump_json()
        assert await raw(url, seat, Position(0), answer)
        with pytest.raises(AnswerRefused, match="turn 0 has been answered already"):
            await taken.act(speak("from here"))
        assert await acting == speak("from elsewhere")
        with pytest.raises(AnswerRefused, match="nothing is asked of Mia Davis now"):
            await taken.act(speak("and again"))
    await agent.aclose()


@pytest.mark.parametrize(("outcome", "action"), [("none", NO_ACTION), ("leave", LEAVE)])
async def test_when_the_holder_is_gone_the_run_file_says_what_becomes_of_the_turn(outcome, action, url):
    seat = a_seat()
    agent = seated(seat, url, disconnect_after=0.3, on_disconnect=outcome)
    async with holding(url, lambda news, seat: speak("Here.")):
        await agent.aact(asked(seat, 0))
    clock = asyncio.get_running_loop().time
    began = clock()
    assert await agent.aact(asked(seat, 1)) == action
    assert clock() - began >= 0.3
    await agent.aclose()


async def test_the_episode_fails_without_its_holder_where_the_run_file_says_so(url):
    seat = a_seat()
    agent = seated(seat, url, disconnect_after=0.1, on_disconnect="fail")
    async with holding(url, lambda news, seat: speak("Here.")):
        await agent.aact(asked(seat, 0))
    with pytest.raises(NoAnswer, match=r"was gone for more than 0\.1 s"):
        await agent.aact(asked(seat, 1))
    await agent.aclose()


async def test_whoever_has_not_come_yet_is_not_gone(url):
    seat = a_seat()
    agent = seated(seat, url, timeout=0.5, on_timeout="none", disconnect_after=0.05, on_disconnect="fail")
    assert await agent.aact(asked(seat, 0)) == NO_ACTION
    await agent.aclose()


async def test_a_holder_that_thinks_for_long_is_not_gone(url):
    seat = a_seat()
    agent = seated(seat, url, disconnect_after=0.15, on_disconnect="fail")
    acting = asyncio.create_task(agent.aact(asked(seat, 0)))
    async with take_seat(broker=url) as taken:
        await taken.news(LONG)
        await asyncio.sleep(0.6)
        await taken.act(speak("Well."))
        assert await acting == speak("Well.")
    await agent.aclose()


# --- seats, before and after ------------------------------------------------------------------------------------------


async def test_a_seat_is_announced_while_its_episode_is_played(url):
    seat = a_seat()
    agent, broker = seated(seat, url), connect(url)
    await agent.observe(told(seat, 0))
    (there,) = await open_seats(broker)
    assert (there.card.run, there.card.episode, there.card.agent) == (seat.run, seat.episode, "Mia Davis")
    assert (there.holder, there.run_is_there) == (None, True)
    await agent.aclose()
    assert await open_seats(broker) == []
    await broker.aclose()


async def test_the_seat_of_a_run_that_stopped_stays_open_and_says_that_nobody_plays(url):
    seat = a_seat()
    agent, broker = seated(seat, url), connect(url)
    await agent.observe(told(seat, 0))
    await agent.adjourn()
    (there,) = await open_seats(broker)
    assert not there.run_is_there
    await broker.aclose()


async def test_seats_of_many_runs_are_left_at_once(url):
    seats = [a_seat() for _ in range(5)]
    agents = [seated(seat, url) for seat in seats]
    broker = connect(url)
    await asyncio.gather(*(agent.observe(told(seat, 0)) for agent, seat in zip(agents, seats, strict=True)))
    assert len(await open_seats(broker)) == 5
    await asyncio.gather(*(agent.aclose() for agent in agents))
    assert await open_seats(broker) == []
    await broker.aclose()


async def test_outside_a_run_there_is_no_seat_to_take(url):
    seat = a_seat()
    object.__setattr__(seat, "run", "")
    agent = seated(seat, url)
    await agent.observe(told(seat, 0))
    await agent.replay(asked(seat, 1), speak("Hello!"))
    broker = connect(url)
    assert await open_seats(broker) == []
    await broker.aclose()
    with pytest.raises(LookupError, match="Mia Davis sits outside a run"):
        await agent.aact(asked(seat, 2))
    await agent.aclose()


def test_a_run_file_holds_no_password():
    for url in ("redis://:secret@localhost", "redis://localhost?password=secret", "rediss://ann:secret@host:1/2"):
        with pytest.raises(ValidationError, match="must hold no password; put the URL in SOTOPIA_BROKER") as caught:
            RedisAgent(broker=url)
        assert "secret" not in str(caught.value.errors(include_input=False))


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "sqlite:///x.db", "redis://localhost:port"])
def test_an_address_that_is_none_is_refused(url, monkeypatch):
    with pytest.raises(BrokerError, match=r"is no (address of a broker|URL)"):
        RedisAgent(broker=url)
    monkeypatch.setenv("SOTOPIA_BROKER", url)
    with pytest.raises(BrokerError, match=r"is no (address of a broker|URL)"):
        RedisAgent()


def test_without_redis_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("sotopia_agents.seats.addresses.find_spec", lambda name: None)
    monkeypatch.setenv("SOTOPIA_BROKER", "redis://me:secret@host")
    with pytest.raises(MissingExtraError, match=r"redis://me:\*\*\*@host needs redis.*'sotopia-core\[redis\]'"):
        RedisAgent()
