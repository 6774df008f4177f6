"""Every hook is called, with all that its specification names: by the registry, the command line, or a run."""

import ast
import asyncio
import inspect
from pathlib import Path

import pytest
import typer

from sotopia_core import hookspecs
from sotopia_core.config import load_config
from sotopia_core.database.pool import find_pool
from sotopia_core.engine.run import draw_combos, play_run
from sotopia_core.episodes import EpisodeLog, RunRecord, Turn
from sotopia_core.hookspecs import hookimpl
from sotopia_core.lifecycle import log_fault
from sotopia_core.models import Completion, ModelRequest
from sotopia_core.profiles import Combo
from sotopia_core.registry import Registry
from sotopia_core.wiring import wire

SPECS = [
    node
    for node in ast.parse(Path(hookspecs.__file__).read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and any(ast.unparse(mark) == "hookspec" for mark in node.decorator_list)
]
ARGUMENTS = {node.name: [argument.arg for argument in node.args.args] for node in SPECS}
OFFERS = [name for name, arguments in ARGUMENTS.items() if not arguments]
TYPES = {
    "run": RunRecord,
    "pk": str,
    "combo": Combo,
    "trial": int,
    "turn": Turn,
    "role": str,
    "request": ModelRequest,
    "completion": Completion,
    "episode": EpisodeLog,
    "app": typer.Typer,
}
RUN = """
[[agents]]
use = "LLMAgent"
model = "offline"
[pool]
packs = ["starter"]
"""


class Recorder:
    """Implements every hook with all of its arguments, and keeps what each call was given."""

    def __init__(self):
        self.calls = []
        for name, arguments in ARGUMENTS.items():
            namespace = {"calls": self.calls}
            given = ", ".join(f"{argument}={argument}" for argument in arguments)
            exec(f"def {name}({', '.join(arguments)}): calls.append(({name!r}, dict({given})))", namespace)
            setattr(self, name, hookimpl(namespace[name]))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.toml"
    path.write_text(RUN, encoding="utf-8")
    recorder, registry = Recorder(), Registry.discover()
    assert registry.register(recorder, "recorder").state == "loaded"
    registry.host.add_commands(typer.Typer())
    wiring = wire(load_config([path]), registry)
    pool = find_pool(wiring.config.pool, wiring.base, registry, None, relationships=False).pool
    asyncio.run(play_run(wiring, draw_combos(wiring, pool), None, registry.notifier(log_fault)))
    return recorder


@pytest.mark.parametrize("hook", ARGUMENTS)
def test_every_hook_is_called_with_what_its_specification_names(recorder, hook):
    calls = [given for name, given in recorder.calls if name == hook]
    assert calls
    for given in calls:
        assert list(given) == ARGUMENTS[hook]
        assert {name for name, value in given.items() if not isinstance(value, TYPES[name])} == set()


def test_hooks_that_offer_are_called_once_each(recorder):
    assert sorted(name for name, _ in recorder.calls if name in OFFERS) == sorted(OFFERS)


def test_a_run_is_told_in_order(recorder):
    lifecycle = [name for name, given in recorder.calls if "run" in given]
    assert lifecycle[:2] == ["sotopia_run_started", "sotopia_episode_started"]
    assert lifecycle[-2:] == ["sotopia_episode_finished", "sotopia_run_finished"]
    assert lifecycle.index("sotopia_model_called") < lifecycle.index("sotopia_turn_taken")


@pytest.mark.parametrize("hook", ARGUMENTS)
def test_every_hook_says_what_it_is_for(hook):
    assert (inspect.getdoc(getattr(hookspecs, hook)) or "").endswith(".")


def test_an_implementation_may_leave_arguments_out_and_a_misspelt_one_is_refused():
    class Short:
        @hookimpl
        def sotopia_turn_taken(self, pk):
            return None

    class Wrong:
        @hookimpl
        def sotopia_turn_taken(self, pk, weather):
            return None

    registry = Registry()
    assert registry.register(Short(), "short").state == "loaded"
    refused = registry.register(Wrong(), "wrong")
    assert refused.state == "quarantined"
    assert "weather" in refused.cause
