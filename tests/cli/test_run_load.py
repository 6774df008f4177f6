"""``sotopia run --load``: components from a file, only when the command line says so."""

import json

import pytest

from tests.cli.command import sotopia

AGENTS = '''
from pydantic import BaseModel, Field
from sotopia_core import Agent, AgentAction


class Polite(Agent):
    """Thanks everybody."""

    thanks: str = "Thank you!"

    async def aact(self, observation):
        return AgentAction(action_type="speak", argument=self.thanks)


class Warmth(BaseModel):
    """One dimension."""

    warmth: int = Field(ge=0, le=3, description="How warm?")


class Address(BaseModel):
    """No dimension set, and no component."""

    street: str
'''
RUN = """
[[agents]]
use = "Polite"
[pool]
packs = ["starter"]
[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[Warmth]"
model = "offline"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_agents.py").write_text(AGENTS, encoding="utf-8")
    (tmp_path / "run.toml").write_text(RUN, encoding="utf-8")
    return tmp_path


def test_agents_and_dimensions_of_a_file_can_be_used(folder):
    done = sotopia("run", "--load", "my_agents.py", "run.toml", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    (pk,) = json.loads(done.stdout)["pks"]
    episode = json.loads(sotopia("show", pk, "--json", cwd=folder).stdout)
    assert episode["turns"][0]["actions"].popitem()[1]["argument"] == "Thank you!"
    assert list(episode["evaluations"][0]["dimensions"]) == ["warmth"]
    assert len(episode["provenance"]["versions"]["my_agents.py"]) == 16


def test_options_of_a_loaded_component_are_checked_as_any(folder):
    done = sotopia("config", "check", "--load", "my_agents.py", "run.toml", "--set", "agents.0.thank=1", cwd=folder)
    assert done.returncode == 2, done.stderr
    assert "unknown key 'thank'; did you mean 'thanks'?" in done.stderr


def test_a_run_file_alone_runs_no_code(folder):
    done = sotopia("run", "run.toml", cwd=folder)
    assert done.returncode == 2
    assert "no agent is called 'Polite'" in done.stderr
    for table in ('load = ["my_agents.py"]\n', '[plugins]\nload = ["my_agents.py"]\n'):
        (folder / "asks.toml").write_text(table + RUN, encoding="utf-8")
        done = sotopia("run", "asks.toml", cwd=folder)
        assert done.returncode == 2
        assert "unknown key 'load'" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "--load mine.py: no such file"),
        ("x = 1\n", "--load mine.py: it defines no component, such as a subclass of sotopia_core.Agent"),
        ("x = 1\nboom\n", "--load mine.py, line 2: NameError: name 'boom' is not defined"),
        ("def f(:\n", "--load mine.py: SyntaxError:"),
        ("import sys\nsys.exit(3)\n", "--load mine.py, line 2: SystemExit: 3"),
        (
            "from sotopia_core import hookimpl\n@hookimpl\ndef sotopia_agentz():\n    return []\n",
            "--load mine.py: PluginValidationError: unknown hook 'sotopia_agentz'",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(folder, text, message):
    if text is not None:
        (folder / "mine.py").write_text(text, encoding="utf-8")
    done = sotopia("run", "--load", "mine.py", "run.toml", cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_an_installed_plugin_has_too_is_an_error_that_says_how_to_choose(folder):
    clash = AGENTS.replace("class Polite", "class ScriptedAgent")
    (folder / "my_agents.py").write_text(clash, encoding="utf-8")
    done = sotopia("run", "--load", "my_agents.py", "run.toml", "--set", "agents.0.use='ScriptedAgent'", cwd=folder)
    assert done.returncode == 2
    assert "plugin sotopia_agents (sotopia-core " in done.stderr
    assert "plugin my_agents (my_agents.py " in done.stderr
    assert "write sotopia-core:ScriptedAgent or my_agents.py:ScriptedAgent" in done.stderr


def test_a_file_that_implements_hooks_is_a_plugin_like_any(folder):
    hooks = AGENTS + (
        "\nfrom sotopia_core import hookimpl\n"
        "@hookimpl\ndef sotopia_agents():\n    return [Polite]\n"
        "@hookimpl\ndef sotopia_dimensions():\n    return [Warmth]\n"
        "@hookimpl\ndef sotopia_run_finished(run):\n    print('run', run.status)\n"
    )
    (folder / "my_agents.py").write_text(hooks, encoding="utf-8")
    done = sotopia("run", "--load", "my_agents.py", "run.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "run finished\n" in done.stdout
