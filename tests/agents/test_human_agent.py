"""HumanAgent: real processes with a person's lines on a pipe or a terminal."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

PREAMBLE = """
import asyncio, json, os, signal, sys
from sotopia_agents.human import HumanAgent
from sotopia_core.interfaces import Seat
from sotopia_core.messages import ACTION_TYPES, AgentAction, Background, Event, Observation, Participant
from sotopia_core.profiles import AgentProfile

def scene(viewer, names, goals=None, **own):
    others = tuple(Participant(name=n, goal=(goals or {}).get(n)) for n in names)
    mine = Participant(name=viewer, goal="Sell the bike.", **own)
    return Background(viewer=viewer, scenario="A market.",
                      participants=tuple(mine if p.name == viewer else p for p in others))

def seated(name="Ada", names=("Ada", "Bob"), **own):
    agent = HumanAgent()
    background = scene(name, names, **own)
    agent.bind(Seat(index=0, background=background, profile=AgentProfile(first_name=name)))
    return agent

def asked(agent, turn, *events, **changes):
    names = agent.seat.background.names
    return Observation(**({"turn": turn, "agent": agent.seat.name, "events": events, "remaining": names,
        "background": None if turn else agent.seat.background, "available_actions": ACTION_TYPES} | changes))

def said(turn, sender, words, *to, kind="speak"):
    return Event(turn=turn, sender=sender, action=AgentAction(action_type=kind, argument=words, to=to))

def tell(action):
    print(json.dumps([action.action_type, action.argument, list(action.to)]), flush=True)
"""

DEADLINE = 30.0


class Program:
    """A running program: what it was told is typed, what it shows is on standard error."""

    def __init__(self, process: subprocess.Popen[bytes], typing: int, shown: int) -> None:
        self.process = process
        self.typing = typing
        self._shown = shown
        self.text = ""

    def type(self, text: str | bytes) -> None:
        os.write(self.typing, text.encode() if isinstance(text, str) else text)

    def wait_for(self, marker: str) -> str:
        """Wait until the marker is shown, and return what was shown up to its end since the last time."""
        deadline = time.monotonic() + DEADLINE
        while marker not in self.text:
            ready, _, _ = select.select([self._shown], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{marker!r} was not shown within {DEADLINE} s, but {self.text!r}"
            chunk = os.read(self._shown, 65536)
            assert chunk, f"the program ended without showing {marker!r}; it showed {self.text!r}"
            self.text += chunk.decode(errors="surrogateescape").replace("\r\n", "\n")
        before, _, self.text = self.text.partition(marker)
        return before + marker

    def end(self) -> tuple[int, list[Any], str]:
        """Wait for the end. Returns the exit code, the values on standard output, and the rest that was shown."""
        assert self.process.stdout is not None
        code = self.process.wait(DEADLINE)
        values = [json.loads(line) for line in self.process.stdout.read().splitlines()]
        while select.select([self._shown], [], [], 0.1)[0]:
            try:
                chunk = os.read(self._shown, 65536)
            except OSError:  # a terminal whose other side is closed
                break
            if not chunk:
                break
            self.text += chunk.decode(errors="surrogateescape").replace("\r\n", "\n")
        return code, values, self.text


Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start programs whose ``main`` has the given body; at the end, end them."""
    programs: list[Program] = []
    opened: list[int] = []

    def start(body: str, terminal: bool = False) -> Program:
        indented = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
        code = PREAMBLE
        if terminal:  # as a shell would: the terminal controls the process, so its keys send signals
            code += "import fcntl, termios\nos.setsid()\nfcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        code += f"async def main():\n{indented}\nasyncio.run(main())\n"
        if terminal:
            ours, theirs = os.openpty()
            typing = shown = ours
            process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=environment()
            )
            os.close(theirs)
            opened.append(ours)
        else:
            read, typing = os.pipe()
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=read,
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(),
            )
            os.close(read)
            opened.append(typing)
            assert process.stderr is not None
            shown = process.stderr.fileno()
        program = Program(process, typing, shown)
        programs.append(program)
        return program

    yield start
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait(DEADLINE)
        for stream in (program.process.stdout, program.process.stderr):
            if stream is not None:
                stream.close()
    for descriptor in opened:
        try:
            os.close(descriptor)
        except OSError:  # a test closed it, to end the input
            continue


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1"}


def run(body: str, typed: str | bytes, start: Start) -> tuple[list[Any], str]:
    """Run a program on lines that are all there from the start. Returns the actions and what was shown."""
    program = start(body)
    program.type(typed)
    os.close(program.typing)
    code, values, shown = program.end()
    assert code == 0, shown
    return values, shown


ONE_TURN = """
agent = seated()
tell(await agent.aact(asked(agent, 0)))
"""

THREE_PEOPLE = """
agent = seated(names=("Ada", "Bob", "Cy Young"))
tell(await agent.aact(asked(agent, 0)))
"""


def turns(number: int, names: str) -> str:
    """The body of a program that asks a person that many times."""
    return f"""
agent = seated(names={names})
for turn in range({number}):
    tell(await agent.aact(asked(agent, turn)))
"""


def test_an_action_is_chosen_by_number_name_or_first_letters(start: Start):
    choices = ["2", "speak", "s", "SPEAK", " sp "]
    values, _ = run(turns(5, "('Ada', 'Bob')"), "".join(f"{choice}\nby {choice}\n" for choice in choices), start)
    assert values == [["speak", f"by {choice}", []] for choice in choices]


def test_a_whole_name_wins_over_longer_names_that_begin_with_it(start: Start):
    values, _ = run(THREE_PEOPLE.replace('"Bob"', '"Cy"'), "s\nHello!\ncy\n", start)
    assert values == [["speak", "Hello!", ["Cy"]]]


def test_words_are_kept_exactly(start: Start):
    words = '  I <3 you, {goal} [bold]hi[/bold] & "so" – 李雷 \t'
    values, _ = run(ONE_TURN, f"2\n{words}\n", start)
    assert values == [["speak", words, []]]


@pytest.mark.parametrize("action", ["none", "leave"])
def test_actions_without_words_ask_for_none(action: str, start: Start):
    values, _ = run(ONE_TURN, f"{action}\n", start)
    assert values == [[action, "", []]]


def test_only_open_actions_are_offered(start: Start):
    body = ONE_TURN.replace("asked(agent, 0)", 'asked(agent, 0, available_actions=("action", "leave"))')
    values, shown = run(body, "speak\n1\nwalks in\n", start)
    assert values == [["action", "walks in", []]]
    assert "Your action: [1] action  [2] leave\n" in shown
    assert "Sorry, 'speak' is none of these" in shown


def test_standard_output_stays_clean(start: Start):
    program = start(ONE_TURN)
    program.type("2\nHello!\n")
    code, values, shown = program.end()
    assert (code, values) == (0, [["speak", "Hello!", []]])
    assert "What do you say?\n> " in shown


def test_a_wrong_choice_is_explained_and_asked_again(start: Start):
    unknown = "is none of these; type a number, a name or its first letters."
    explained = {
        "6": f"Sorry, '6' {unknown}",
        "0": f"Sorry, '0' {unknown}",
        "²": f"Sorry, '²' {unknown}",
        "hello": f"Sorry, 'hello' {unknown}",
        "n": "Sorry, 'n' could be none or non-verbal communication.",
        "": "Sorry, nothing was typed; type a number, a name or its first letters.",
        "\x1b[A": f"Sorry, '\\x1b[A' {unknown}",
        "9" * 5000: "Sorry, ",
    }
    program = start(ONE_TURN)
    for wrong, message in explained.items():
        program.wait_for("Your action:")
        program.wait_for("> ")
        program.type(f"{wrong}\n")
        assert "\x1b" not in program.wait_for(message)
    program.type("2\nHello!\n")
    assert program.end()[:2] == (0, [["speak", "Hello!", []]])


def test_an_empty_argument_goes_back_to_the_choice(start: Start):
    values, shown = run(ONE_TURN, "2\n   \naction\nwaves\n", start)
    assert values == [["action", "waves", []]]
    assert "Nothing was typed, so nothing is done yet." in shown


def test_a_line_that_is_no_text_is_explained_and_asked_again(start: Start):
    values, shown = run(ONE_TURN, b"2\ncaf\xe9\ncaf\xc3\xa9\n", start)
    assert values == [["speak", "café", []]]
    assert "Sorry, that was not utf-8 text." in shown


def test_recipients_are_named_or_numbered_and_none_is_everybody(start: Start):
    recipients = {
        "": [],
        "1": ["Bob"],
        "cy young": ["Cy Young"],
        "c": ["Cy Young"],
        "2, bob": ["Cy Young", "Bob"],
        "1,1": ["Bob"],
    }
    body = turns(len(recipients), "('Ada', 'Bob', 'Cy Young')")
    values, shown = run(body, "".join(f"2\nPsst.\n{typed}\n" for typed in recipients), start)
    assert values == [["speak", "Psst.", to] for to in recipients.values()]
    assert shown.count("To whom? Nothing for everybody. [1] Bob  [2] Cy Young\n") == len(recipients)


def test_wrong_recipients_never_make_it_public(start: Start):
    wrong = ["Zoe", "3", "Bob, Zoe", ",", "Bob,,", "Ada", "[1]"]
    values, shown = run(THREE_PEOPLE, "2\nPsst.\n" + "".join(f"{typed}\n" for typed in wrong) + "Bob\n", start)
    assert values == [["speak", "Psst.", ["Bob"]]]
    assert shown.count("Sorry, ") == len(wrong)


def test_a_name_with_a_comma_can_be_typed(start: Start):
    values, _ = run(THREE_PEOPLE.replace("Cy Young", "King, Jr."), "2\nPsst.\nking, jr.\n", start)
    assert values == [["speak", "Psst.", ["King, Jr."]]]


def test_between_two_nobody_is_asked_for_recipients(start: Start):
    body = THREE_PEOPLE.replace("asked(agent, 0)", 'asked(agent, 0, remaining=("Ada", "Bob"))')
    for two in (ONE_TURN, body):
        values, shown = run(two, "2\nHello!\n", start)
        assert values == [["speak", "Hello!", []]]
        assert "To whom?" not in shown


def test_at_the_end_of_input_the_agent_leaves_and_asks_nothing_more(start: Start):
    body = ONE_TURN + "tell(await agent.aact(asked(agent, 1)))\n"
    values, shown = run(body, "2\n", start)
    assert values == [["leave", "", []], ["leave", "", []]]
    assert shown.count("End of input: Ada leaves.") == 1
    assert shown.count("Your action:") == 1


def test_at_the_end_of_input_an_agent_that_may_not_leave_does_nothing(start: Start):
    body = ONE_TURN.replace("asked(agent, 0)", 'asked(agent, 0, available_actions=("speak",))')
    values, _ = run(body, "", start)
    assert values == [["none", "", []]]


def test_a_last_line_without_an_end_counts(start: Start):
    values, _ = run(ONE_TURN, "2\nHello!", start)
    assert values == [["speak", "Hello!", []]]


def test_without_any_input_the_agent_leaves(start: Start):
    values, _ = run("sys.stdin.close()\n" + ONE_TURN, "", start)
    assert values == [["leave", "", []]]


def test_what_the_agent_knows_is_shown_before_the_first_question(start: Start):
    body = """
agent = seated(goals={"Bob": "Buy it."}, profile={"age": 31, "secret": "It is stolen."})
tell(await agent.aact(asked(agent, 0)))
"""
    _, shown = run(body, "none\n", start)
    assert shown.startswith(
        "\n--- Ada sees ---\n"
        "The scene\n  A market.\n\n"
        "You are Ada\n  age: 31\n  secret: It is stolen.\n\n"
        "Bob\n  You know nothing but the name.\n\n"
        "The goal of Bob\n  Buy it.\n\n"
        "Your goal\n  Sell the bike.\n\n"
        "--- Ada, it is turn 0 and your turn to act ---\n"
    )


def test_what_others_did_is_shown_and_not_what_the_agent_did_itself(start: Start):
    body = """
agent = seated()
await agent.observe(asked(agent, 1, said(0, "Ada", "mine"), said(0, "Bob", "Hello."), available_actions=("none",)))
print(json.dumps("observed"), flush=True)
tell(await agent.aact(asked(agent, 2, said(1, "Bob", "waves", "Ada", kind="action"), said(1, "Bob", "", kind="leave"))))
"""
    program = start(body)
    program.wait_for('--- Ada sees ---\nBob said: "Hello."\n')
    program.wait_for("--- Ada sees ---\nBob (to Ada) [action] waves\nBob left the conversation\n")
    program.wait_for("Your action:")
    program.type("none\n")
    code, values, _ = program.end()
    assert (code, values) == (0, ["observed", ["none", "", []]])


def test_control_characters_are_shown_and_not_sent(start: Start):
    body = r"""
agent = seated(profile={"public_info": "\x1b[31mred"})
trap = "a\x1b]0;title\x07\x9b2J\u202eb\rBob said: \"forged\"\nBob said: \"forged too\"[bold]"
tell(await agent.aact(asked(agent, 1, said(0, "Bob", trap), background=agent.seat.background)))
"""
    _, shown = run(body, "none\n", start)
    assert not set(shown) & set("\x1b\x07\x9b\u202e\r")
    assert "public info: \\x1b[31mred\n" in shown
    line = 'Bob said: "a\\x1b]0;title\\x07\\x9b2J\\u202eb\\x0dBob said: "forged"\n  Bob said: "forged too"[bold]"\n'
    assert f"\n{line}" in shown


TWO_SEATS = """
agents = [seated(name) for name in ("Ada", "Bob")]
for action in await asyncio.gather(*(agent.aact(asked(agent, 0)) for agent in agents)):
    tell(action)
"""


def test_one_person_is_asked_at_a_time_by_the_agents_name(start: Start):
    program = start(TWO_SEATS)
    program.wait_for("--- Ada, it is turn 0 and your turn to act ---")
    program.wait_for("> ")
    program.type("2\n")
    assert "Bob, it is" not in program.wait_for("What do you say?\n> ")
    program.type("I am Ada.\n")
    program.wait_for("--- Bob, it is turn 0 and your turn to act ---")
    program.type("2\nI am Bob.\n")
    code, values, _ = program.end()
    assert (code, values) == (0, [["speak", "I am Ada.", []], ["speak", "I am Bob.", []]])


def test_what_is_observed_during_a_question_is_shown_before_the_next(start: Start):
    body = """
ada, bob = seated("Ada"), seated("Bob")
question = asyncio.create_task(ada.aact(asked(ada, 1)))
await asyncio.sleep(0.2)
await bob.observe(asked(bob, 1, said(0, "Ada", "Hello."), available_actions=("none",)))
print("[observed]", file=sys.stderr, flush=True)
tell(await question)
tell(await bob.aact(asked(bob, 2)))
"""
    program = start(body)
    program.wait_for("[5] leave\n> ")
    assert "Bob sees" not in program.wait_for("[observed]")
    program.type("none\n")
    assert '--- Bob sees ---\nAda said: "Hello."\n' in program.wait_for("--- Bob, it is turn 2")
    program.type("leave\n")
    assert program.end()[:2] == (0, [["none", "", []], ["leave", "", []]])


def test_what_was_not_shown_is_shown_at_the_end(start: Start):
    body = """
ada, bob = seated("Ada"), seated("Bob")
question = asyncio.create_task(ada.aact(asked(ada, 1)))
await asyncio.sleep(0.2)
await bob.observe(asked(bob, 1, said(0, "Ada", "Farewell."), available_actions=("none",)))
await question
await bob.aclose()
"""
    _, shown = run(body, "none\n", start)
    assert shown.endswith('\n--- Bob sees ---\nAda said: "Farewell."\n')


def test_a_question_does_not_hold_up_the_program(start: Start):
    body = """
agent = seated()
question = asyncio.create_task(agent.aact(asked(agent, 0)))
for _ in range(20):
    await asyncio.sleep(0.01)
print(json.dumps(question.done()), flush=True)
tell(await question)
"""
    program = start(body)
    assert program.process.stdout is not None
    assert program.process.stdout.readline() == b"false\n"
    program.type("none\n")
    assert program.end()[1] == [["none", "", []]]


def test_a_line_typed_after_a_question_was_given_up_goes_to_the_next(start: Start):
    body = """
agent = seated()
try:
    async with asyncio.timeout(0.3):
        await agent.aact(asked(agent, 0))
except TimeoutError:
    print(json.dumps("given up"), flush=True)
tell(await agent.aact(asked(agent, 1)))
"""
    program = start(body)
    program.wait_for("Your action:")
    program.wait_for("\nAda is no longer asked.\n")
    program.type("speak\n")
    program.wait_for("What do you say?\n> ")
    program.type("Hello!\n")
    code, values, _ = program.end()
    assert (code, values) == (0, ["given up", ["speak", "Hello!", []]])


def test_a_question_in_a_later_event_loop_gets_the_line_too(start: Start):
    program = start(LATER_LOOP)
    program.wait_for("Ada is no longer asked.")
    program.type("none\n")
    code, values, shown = program.end()
    assert (code, values) == (0, [["none", "", []]])
    assert "Traceback" not in shown


LATER_LOOP = """
import threading
def first_and_second():
    agent = seated()
    async def give_up():
        try:
            async with asyncio.timeout(0.3):
                await agent.aact(asked(agent, 0))
        except TimeoutError:
            pass
    asyncio.run(give_up())
    async def again():
        tell(await agent.aact(asked(agent, 1)))
    asyncio.run(again())
await asyncio.to_thread(first_and_second)
"""


def test_a_program_can_end_while_a_question_is_open(start: Start):
    body = """
agent = seated()
question = asyncio.create_task(agent.aact(asked(agent, 0)))
await asyncio.sleep(0.3)
"""
    program = start(body)
    program.wait_for("Your action:")
    code, _, shown = program.end()  # its input is still open
    assert code == 0, shown
    assert "Fatal" not in shown


def test_an_input_that_does_not_block_is_waited_for(start: Start):
    program = start("os.set_blocking(0, False)\n" + ONE_TURN)
    program.wait_for("Your action:")
    time.sleep(0.3)
    program.type("none\n")
    assert program.end()[:2] == (0, [["none", "", []]])


def test_a_resumed_person_is_shown_what_was_seen_and_done_and_not_asked_again(start: Start):
    body = """
agent = seated()
await agent.replay(asked(agent, 0), AgentAction(action_type="speak", argument="My offer."))
await agent.observe(asked(agent, 1, said(0, "Ada", "My offer."), available_actions=("none",)))
tell(await agent.aact(asked(agent, 2, said(1, "Bob", "Too much."))))
"""
    values, shown = run(body, "none\n", start)
    assert values == [["none", "", []]]
    assert shown.count("My offer.") == 1
    order = ["The scene", 'Ada said: "My offer."', 'Bob said: "Too much."', "Ada, it is turn 2"]
    assert sorted(order, key=shown.index) == order
    assert shown.count("Your action:") == 1


# At a terminal


def test_at_a_terminal_lines_are_typed_and_answered(start: Start):
    program = start(THREE_PEOPLE, terminal=True)
    program.wait_for("[5] leave\n> ")
    program.type("s\n")
    program.wait_for("What do you say?\n> ")
    program.type("Grüezi, 李雷!\n")
    program.wait_for("[2] Cy Young\n> ")
    program.type("\n")
    assert program.end()[:2] == (0, [["speak", "Grüezi, 李雷!", []]])


def test_at_a_terminal_ctrl_d_leaves(start: Start):
    program = start(ONE_TURN, terminal=True)
    program.wait_for("[5] leave\n> ")
    program.type("\x04")
    program.wait_for("End of input: Ada leaves.")
    assert program.end()[:2] == (0, [["leave", "", []]])


def test_at_a_terminal_ctrl_d_of_one_person_does_not_silence_the_next(start: Start):
    program = start(TWO_SEATS, terminal=True)
    program.wait_for("[5] leave\n> ")
    program.type("\x04")
    program.wait_for("--- Bob, it is turn 0 and your turn to act ---")
    program.wait_for("[5] leave\n> ")
    program.type("none\n")
    assert program.end()[:2] == (0, [["leave", "", []], ["none", "", []]])


def test_at_a_terminal_ctrl_c_ends_the_program_at_once(start: Start):
    program = start(ONE_TURN, terminal=True)
    program.wait_for("[5] leave\n> ")
    began = time.monotonic()
    program.type("\x03")
    code, values, shown = program.end()
    assert time.monotonic() - began < 10
    assert code == -signal.SIGINT
    assert values == []
    assert "Ada is no longer asked." in shown
    assert "Fatal" not in shown
