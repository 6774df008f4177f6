"""The registry: what plugins offer, what goes wrong with which, and how a name becomes a class."""

import subprocess
import sys
import types
from typing import Generic, TypeVar

import pytest
from pydantic import BaseModel, Field

from sotopia_core.errors import ClashError, ConfigError, PluginError, UnknownComponentError
from sotopia_core.hookspecs import hookimpl
from sotopia_core.interfaces import Agent, Ordering, TerminalEvaluator
from sotopia_core.registry import Registry
from tests.core.casts import Fixed, InSeatOrder, Says

D = TypeVar("D", bound=BaseModel)


class Judge(Fixed, Generic[D]):
    """A generic evaluator."""


class Manners(BaseModel):
    """A dimension set."""

    tact: int = Field(ge=0, le=3)


class Inline:
    """A plugin as notebooks write it."""

    @hookimpl
    def sotopia_agents(self):
        return [Says]

    @hookimpl
    def sotopia_orderings(self):
        return [InSeatOrder]

    @hookimpl
    def sotopia_terminal_evaluators(self):
        return [Judge, Fixed]

    @hookimpl
    def sotopia_dimensions(self):
        return [Manners]


@pytest.fixture
def registry():
    registry = Registry()
    registry.register(Inline(), "inline")
    return registry


def test_inline_classes_are_found_by_name(registry):
    assert registry.component("agents", "Says", Agent) is Says
    assert registry.names("orderings") == ["InSeatOrder"]


def test_references_are_imported_when_asked_for_and_not_before():
    class Lazy:
        @hookimpl
        def sotopia_agents(self):
            return ["tests.core.lazily_imported:Late"]

    registry = Registry()
    registry.register(Lazy(), "lazy")
    assert registry.names("agents") == ["Late"]
    assert "tests.core.lazily_imported" not in sys.modules
    assert registry.component("agents", "Late", Agent).__name__ == "Late"
    assert "tests.core.lazily_imported" in sys.modules


def test_a_parameter_is_filled_in(registry):
    judge = registry.component("terminal_evaluators", "Judge[Manners]", TerminalEvaluator)
    assert judge.__name__ == "Judge[Manners]"
    assert judge.__pydantic_generic_metadata__["args"] == (Manners,)


def test_a_run_files_own_dimensions_come_first(registry):
    class Other(BaseModel):
        tact: int = Field(ge=0, le=9)

    judge = registry.component("terminal_evaluators", "Judge[Manners]", TerminalEvaluator, {"Manners": Other})
    assert judge.__pydantic_generic_metadata__["args"] == (Other,)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("agents", "Sayz", "no agent is called 'Sayz'; did you mean 'Says'?"),
        ("agents", "Xyzzy", "no agent is called 'Xyzzy'; there are Says"),
        ("samplers", "Any", "no sampler is called 'Any'; no plugin offers any"),
        ("terminal_evaluators", "Judge[Manner]", "no dimension set is called 'Manner'; did you mean 'Manners'?"),
        ("terminal_evaluators", "Fixed[Manners]", "Fixed takes no parameter; write 'Fixed' instead"),
        ("agents", "Says[", "'Says[' does not name a component; expected Name or Name[Parameter]"),
        ("agents", "", "'' does not name a component"),
    ],
)
def test_an_unknown_name_is_one_line_with_a_way_on(registry, kind, name, message):
    with pytest.raises(UnknownComponentError) as caught:
        registry.component(kind, name, BaseModel)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_plugins_with_one_name_are_an_error_that_names_both_and_a_qualified_name_picks_one(registry):
    class Says2(Says):
        pass

    Says2.__name__ = "Says"

    class Second:
        @hookimpl
        def sotopia_agents(self):
            return [Says2]

    registry.register(Second(), "second", "other-plugin", "2.0")
    with pytest.raises(ClashError) as caught:
        registry.component("agents", "Says", Agent)
    assert "plugin inline (this process)" in str(caught.value)
    assert "plugin second (other-plugin 2.0)" in str(caught.value)
    assert registry.component("agents", "other-plugin:Says", Agent) is Says2


def test_clashing_plugins_of_one_distribution_are_told_apart_by_their_own_names(registry):
    registry.register(Inline(), "twin")
    with pytest.raises(ClashError, match="write inline:Says or twin:Says"):
        registry.component("agents", "Says", Agent)
    assert registry.component("agents", "twin:Says", Agent) is Says


def _distribution(folder, name, metadata, entry_points):
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(f"[sotopia]\n{entry_points}\n", encoding="utf-8")
    if metadata is not None:
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}", encoding="utf-8"
        )


@pytest.mark.parametrize(
    ("metadata", "entry_points", "cause"),
    [
        (None, "bad = json", ""),
        ("", "bad = not a module!!", ""),
        ("", "bad = no_such_module_at_all", "ModuleNotFoundError"),
        ("Requires-Dist: sotopia_core>=99\n", "bad = json", "it needs sotopia-core>=99"),
        ('Requires-Dist: sotopia-core>=99; python_version > "3"\n', "bad = json", "it needs sotopia-core>=99"),
    ],
)
def test_a_broken_distribution_is_quarantined_and_the_others_work(tmp_path, monkeypatch, metadata, entry_points, cause):
    _distribution(tmp_path, "broken", metadata, entry_points)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry.discover()
    broken = [plugin for plugin in registry.plugins if plugin.state == "quarantined"]
    assert len(broken) == 1
    assert cause in broken[0].cause
    assert registry.find("agents", "LLMAgent")


def _module(name, **hooks):
    module = types.ModuleType(name)
    for hook, value in hooks.items():
        implementation = (lambda given: lambda: given)(value) if not callable(value) else value
        setattr(module, hook, hookimpl(implementation))
    return module


def _raises():
    raise RuntimeError("boom")


def _exits():
    sys.exit(3)


@pytest.mark.parametrize(
    ("hooks", "cause"),
    [
        ({"sotopia_agents": _raises}, "RuntimeError: boom"),
        ({"sotopia_agents": _exits}, "SystemExit: 3"),
        ({"sotopia_agents": ["nonsense"]}, "'nonsense' is neither a class nor 'module:Class'"),
        ({"sotopia_agents": [3]}, "3 is neither a class nor 'module:Class'"),
        ({"sotopia_agents": "a.b:C"}, "it gave str, not a list"),
        ({"sotopia_packs": ["starter"]}, "TypeError: sotopia_packs gave str, not a Pack"),
        ({"sotopia_agentz": []}, "unknown hook 'sotopia_agentz'"),
    ],
)
def test_a_faulty_plugin_is_quarantined_with_its_cause_and_the_others_work(registry, hooks, cause):
    plugin = registry.register(_module("faulty", **hooks), "faulty", "faulty-plugin", "0.1")
    assert plugin.state == "quarantined"
    assert cause in plugin.cause
    assert "Traceback" in plugin.details or plugin.details
    assert registry.component("agents", "Says", Agent) is Says
    with pytest.raises(UnknownComponentError, match=r"plugin faulty \(faulty-plugin 0.1\) could not be loaded: "):
        registry.component("agents", "Missing", Agent)


@pytest.mark.parametrize(
    ("offer", "cause"),
    [
        ("no_such_module:Thing", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("json:Thing", "AttributeError: module 'json' has no attribute 'Thing'"),
        ("json:JSONDecoder", "json:JSONDecoder is no subclass of Ordering"),
    ],
)
def test_a_reference_that_leads_nowhere_is_the_plugins_fault(registry, offer, cause):
    registry.register(_module("odd", sotopia_orderings=[offer]), "odd")
    with pytest.raises(PluginError) as caught:
        registry.component("orderings", offer.partition(":")[2], Ordering)
    assert cause in str(caught.value)
    assert "plugin odd" in str(caught.value)


def test_plugins_add_commands_and_a_faulty_one_is_quarantined(registry):
    import typer

    class Adds:
        @hookimpl
        def sotopia_commands(self, app):
            app.command("greet")(lambda: None)

    class Breaks:
        @hookimpl
        def sotopia_commands(self, app):
            raise RuntimeError("no commands today")

    registry.register(Breaks(), "breaks")
    registry.register(Adds(), "adds")
    app = typer.Typer()
    registry.host.add_commands(app)
    assert [command.name for command in app.registered_commands] == ["greet"]
    assert {plugin.name: plugin.state for plugin in registry.plugins} == {
        "inline": "loaded",
        "adds": "loaded",
        "breaks": "quarantined",
    }
    assert registry.component("agents", "Says", Agent) is Says


def test_every_built_in_is_discovered():
    registry = Registry.discover()
    assert [plugin.cause for plugin in registry.plugins if plugin.state != "loaded"] == []
    offered = {(offer.kind, offer.name) for offer in registry.offers}
    assert {
        ("agents", "LLMAgent"),
        ("agents", "ScriptedAgent"),
        ("agents", "HumanAgent"),
        ("orderings", "RoundRobin"),
        ("orderings", "Random"),
        ("orderings", "Simultaneous"),
        ("samplers", "UniformSampler"),
        ("samplers", "CombosSampler"),
        ("response_evaluators", "RuleBasedTerminatedEvaluator"),
        ("terminal_evaluators", "ReachGoalLLMEvaluator"),
        ("dimensions", "SotopiaDimensions"),
        ("dimensions", "GoalDimension"),
        ("models", "LiteLLM"),
        ("models", "Offline"),
        ("storage", "SQLite"),
        ("storage", "Memory"),
    } <= offered
    assert [pack.name for _, pack in registry.packs] == ["starter"]


def test_a_disabled_plugin_is_left_alone_and_said():
    registry = Registry.discover(["sotopia_models"])
    with pytest.raises(UnknownComponentError, match=r"plugin sotopia_models \(sotopia-core [\d.]+\) is disabled"):
        registry.find("models", "Offline")


def test_disabling_what_is_not_there_is_an_error():
    with pytest.raises(
        ConfigError, match="cannot disable 'sotopia_model': no such plugin; did you mean 'sotopia_models'"
    ):
        Registry.discover(["sotopia_model"])


LIGHT = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")
socket.socket.connect = socket.socket.bind = socket.create_connection = socket.getaddrinfo = refuse
{statement}
heavy = [name for name in ("litellm", "redis", "redis_om", "openai", "aiohttp") if name in sys.modules]
assert not heavy, heavy
"""


COMMAND = """
sys.argv = ["sotopia", {arguments}]
from sotopia_core.cli.app import main
try:
    main()
except SystemExit as stopped:
    assert not stopped.code
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import sotopia_core; [getattr(sotopia_core, name) for name in sotopia_core.__all__]",
        COMMAND.format(arguments="'--help'"),
        COMMAND.format(arguments="'plugins', 'list'"),
    ],
    ids=["import", "help", "plugins list"],
)
def test_the_kernel_and_the_help_import_nothing_heavy_and_open_no_socket(statement):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(statement=statement)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_public_is_there():
    import sotopia_core

    for name in sotopia_core.__all__:
        assert getattr(sotopia_core, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        sotopia_core.nonsense  # noqa: B018


def test_samplers_have_their_documented_import_path():
    from sotopia_core.samplers import UniformSampler

    assert UniformSampler.__name__ == "UniformSampler"
    with pytest.raises(ImportError, match="NoSuchSampler"):
        from sotopia_core.samplers import NoSuchSampler  # noqa: F401


def test_a_hook_that_gained_an_argument_still_calls_old_implementations():
    import pluggy

    from sotopia_core.hookspecs import hookspec

    class Newer:
        @hookspec
        def sotopia_turn_taken(self, run, pk, turn, weather):
            """A later version of the hook."""

    class Old:
        @hookimpl
        def sotopia_turn_taken(self, pk):
            heard.append(pk)

    heard = []
    manager = pluggy.PluginManager("sotopia")
    manager.add_hookspecs(Newer)
    manager.register(Old())
    manager.hook.sotopia_turn_taken(run=None, pk="episode", turn=None, weather="rain")
    assert heard == ["episode"]


def test_a_fault_in_a_hook_is_reported_once_and_counted():
    from sotopia_core.lifecycle import Faults

    faults = Faults()
    for _ in range(3):
        faults(PluginError("plugin x", "in sotopia_turn_taken", "no"))
    faults(PluginError("plugin y", "in sotopia_turn_taken", "no"))
    assert faults.seen == {
        "plugin x failed in sotopia_turn_taken: no": 3,
        "plugin y failed in sotopia_turn_taken: no": 1,
    }
    assert faults.first == "plugin x failed in sotopia_turn_taken: no"


class Grumpy(Says):
    """Does what a faulty agent does, wherever it is told to."""

    when: str = "never"

    def model_post_init(self, context):
        if self.when == "made":
            raise RuntimeError("not today")

    def prompts(self):
        if self.when == "asked":
            raise RuntimeError("no words")
        return {}

    async def aact(self, observation):
        if self.when == "exit":
            sys.exit(4)
        return 3 if self.when == "nonsense" else await super().aact(observation)


class Shapeless(Fixed):
    """An evaluator with no dimensions."""

    @property
    def dimensions(self):
        raise RuntimeError("none")


class Moody(Fixed):
    """An evaluator that fails when it should judge."""

    async def evaluate(self, transcript, context):
        raise RuntimeError("no opinion")


class Trouble:
    @hookimpl
    def sotopia_agents(self):
        return [Grumpy]

    @hookimpl
    def sotopia_terminal_evaluators(self):
        return [Shapeless, Moody]


@pytest.fixture
def run_with_trouble(tmp_path):
    """Wire and play a run file in which a plugin of a third party misbehaves; return the episode."""
    import asyncio

    from sotopia_core.config import load_config
    from sotopia_core.database.pool import find_pool
    from sotopia_core.engine.run import draw_combos, play_run
    from sotopia_core.lifecycle import log_fault
    from sotopia_core.wiring import wire

    def run(when, evaluator=""):
        text = f'[[agents]]\nuse = "Grumpy"\nwhen = "{when}"\n[pool]\npacks = ["starter"]\n'
        text += f'[[terminal_evaluators]]\nuse = "{evaluator}"\n' if evaluator else ""
        (tmp_path / "run.toml").write_text(text, encoding="utf-8")
        registry = Registry.discover()
        registry.register(Trouble(), "trouble", "sotopia-trouble", "6.6")
        wiring = wire(load_config([tmp_path / "run.toml"]), registry)
        pool = find_pool(wiring.config.pool, wiring.base, registry, None, relationships=False).pool
        return asyncio.run(play_run(wiring, draw_combos(wiring, pool), None, registry.notifier(log_fault))).only

    return run


@pytest.mark.parametrize(
    ("when", "cause"),
    [("exit", "SystemExit: 4"), ("nonsense", "it gave int, not an AgentAction")],
)
def test_what_fails_in_use_is_named_with_its_plugin_and_distribution(run_with_trouble, when, cause):
    episode = run_with_trouble(when)
    assert episode.status == "failed"
    assert "(Grumpy of plugin trouble (sotopia-trouble 6.6)) failed at turn 0: " in episode.cause
    assert episode.cause.endswith(cause)


@pytest.mark.parametrize(
    ("when", "evaluator", "message"),
    [
        (
            "made",
            "",
            "Grumpy of plugin trouble (sotopia-trouble 6.6) failed being made for agents[0]: RuntimeError: not today",
        ),
        (
            "asked",
            "",
            "Grumpy of plugin trouble (sotopia-trouble 6.6) failed being made for agents[0]: RuntimeError: no words",
        ),
        ("never", "Shapeless", "Shapeless of plugin trouble (sotopia-trouble 6.6) failed being made for "),
    ],
)
def test_what_fails_before_the_run_is_named_with_its_plugin_and_distribution(
    run_with_trouble, when, evaluator, message
):
    with pytest.raises(PluginError) as caught:
        run_with_trouble(when, evaluator)
    assert message in str(caught.value)


def test_an_evaluator_that_fails_leaves_its_name_and_distribution_beside_the_cause(run_with_trouble):
    episode = run_with_trouble("never", "Moody")
    assert episode.status == "unscored"
    (reason,) = {reason for reward in episode.outcome.values() for reason in reward.reasons}
    assert reason == "Moody: RuntimeError: no opinion (Moody of plugin trouble (sotopia-trouble 6.6))"
