"""What every component must do, whatever its kind: options that are data, errors that are clear, a harmless import."""

# Tests are named by the behaviour they hold a component to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, ClassVar, Final, TypeVar

import pytest
import tomli
from pydantic import ValidationError

from sotopia_core.digests import digest
from sotopia_core.interfaces import Component, Model
from sotopia_core.limits import abandon
from sotopia_core.registry import Registry
from sotopia_core.toml_text import table
from sotopia_testing.casts import with_options

R = TypeVar("R")

PROBE: Final = """
import importlib, logging, os, random, signal, socket, sys, threading

def state():
    return {
        "the environment's variables": dict(os.environ),
        "the working directory": os.getcwd(),
        "the root logger": (logging.root.level, len(logging.root.handlers)),
        "the global random generator": random.getstate(),
        "threads": threading.active_count(),
        "signal handlers": [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)],
    }

def refuse(*_, **__):
    raise AssertionError("importing it opened a connection")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
before = state()
importlib.import_module(sys.argv[1])
after = state()
for what in before:
    if before[what] != after[what]:
        sys.exit(f"importing {sys.argv[1]} changes {what}")
"""
"""Imports a module and says what that changed."""

SECONDS_FOR_AN_IMPORT: Final = 60.0


class Nothing:
    """What no option can be."""


def imported_alone(program: str, *arguments: str) -> str:
    """Run a program in an interpreter of its own, with this one's path; return what it printed, fail where it fails."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(  # noqa: S603 - the interpreter that runs the tests, and a program of this package
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_AN_IMPORT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def otherwise_random(times: int = 20) -> Iterator[int]:
    """Yield numbers, each time with the global random generator in another state; put it back in the end."""
    before = random.getstate()
    try:
        for number in range(times):
            random.seed(number)
            yield number
    finally:
        random.setstate(before)


async def stopped(work: Coroutine[Any, Any, object], *, after: float, within: float) -> bool:
    """Begin some work and cancel it after a while; return whether it ended within the time that it then had."""
    task = asyncio.create_task(work)
    await asyncio.wait({task}, timeout=after)
    task.cancel()
    _, pending = await asyncio.wait({task}, timeout=within)
    for one in pending:
        abandon(one)
    if not pending and not task.cancelled():
        task.exception()  # whatever it raises upon being cancelled is an end, too
    return not pending


async def with_longest_pause(work: Callable[[], Awaitable[R]]) -> tuple[R, float]:
    """Do some work; return what it gave, and the longest time in seconds in which nothing else could go on."""
    longest, last = 0.0, time.monotonic()

    async def tick() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.005)
            now = time.monotonic()
            longest, last = max(longest, now - last), now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        result = await work()
        await asyncio.sleep(0.01)
    finally:
        ticking.cancel()
    return result, longest


class ComponentContract:
    """Tests of what all components have in common; the suites of the kinds bring them along.

    A suite of a kind says which fixture gives the component. Where the component asks models by name,
    :meth:`find_model` says which model a name means: ``"offline"`` is there, and a suite may know others.
    """

    seconds_of_standstill: ClassVar[float] = 2.0
    """How long a component may keep everything else from going on: as good as not at all, with room for slow tests."""

    seconds_to_stop: ClassVar[float] = 5.0
    """How long a component may take to stop when it is cancelled."""

    @pytest.fixture
    def component(self) -> Component:
        """The component under test. To be given by the suite of its kind."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture that returns the component to test")

    def find_model(self, name: str) -> Model:
        """Return the model that a name means: the installed ``offline`` stand-in."""
        if name != "offline":
            raise LookupError(f"the suite knows no model {name!r}; override find_model, or name 'offline'")
        return Registry.installed().component("models", "sotopia-core:Offline", Model)()

    def test_it_says_what_it_is_in_its_docstring(self, component: Component) -> None:
        kind = type(component)
        generic = kind.__pydantic_generic_metadata__["origin"] or kind
        assert (generic.__dict__.get("__doc__") or "").strip(), f"{generic.__name__} has no docstring of its own"

    def test_its_options_cannot_change(self, component: Component) -> None:
        for name in type(component).model_fields:
            with pytest.raises(ValidationError):
                setattr(component, name, getattr(component, name))

    def test_its_options_come_back_from_a_run_file(self, component: Component) -> None:
        options = component.model_dump(mode="json")
        read = tomli.loads(table(options))
        again = type(component).model_validate(read).model_dump(mode="json")
        assert again == options, f"written as TOML and read again, {options} became {again}"

    def test_its_options_are_json(self, component: Component) -> None:
        for options in (component.model_dump(mode="json"), component.content_options()):
            assert json.loads(json.dumps(options, allow_nan=False)) == options
        assert type(component).model_json_schema()["type"] == "object"

    def test_the_same_options_make_an_equal_component(self, component: Component) -> None:
        one, other = with_options(component), with_options(component)
        assert one == other, "two with the same options differ"
        assert digest(one.content_options()) == digest(other.content_options())
        assert one.prompts() == other.prompts()

    def test_its_prompts_are_named_texts(self, component: Component) -> None:
        for name, text in component.prompts().items():
            assert isinstance(name, str), f"prompts() has the name {name!r}"
            assert isinstance(text, str), f"prompts() has {text!r} under {name!r}"

    def test_an_unknown_option_is_refused_by_name(self, component: Component) -> None:
        given = component.model_dump(mode="json", exclude_none=True)
        with pytest.raises(ValidationError) as caught:
            type(component).model_validate({**given, "no_such_option": 1})
        assert caught.value.errors()[0]["loc"] == ("no_such_option",)

    def test_a_wrong_option_is_refused_by_name(self, component: Component) -> None:
        given = component.model_dump(mode="json", exclude_none=True)
        for name, field in type(component).model_fields.items():
            if field.annotation is Any:
                continue
            with pytest.raises(ValidationError) as caught:  # anything else is a crash in the component's own checks
                type(component).model_validate({**given, name: Nothing()})
            assert caught.value.errors()[0]["loc"][:1] == (name,)

    def test_importing_it_changes_nothing(self, component: Component) -> None:
        imported_alone(PROBE, type(component).__module__)
