"""``sotopia plugins check``: the suites over a folder, a file or an installed plugin, whatever it does."""

import json

import pytest

from sotopia_core.cli.plugins.scaffold import scaffold
from tests.cli.command import sotopia

BROKEN = '''
import os
from typing import ClassVar
from pydantic import Field
from sotopia_core import Agent, AgentAction


class Chatty(Agent):
    """Says how often anybody of its kind spoke."""

    spoken: ClassVar[int] = 0

    async def aact(self, observation):
        type(self).spoken += 1
        return AgentAction(action_type="speak", argument=str(type(self).spoken))


class Picky(Agent):
    """Needs a word."""

    word: str = Field(min_length=1)

    async def aact(self, observation):
        return AgentAction(action_type="speak", argument=self.word)
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "birds.py").write_text(BROKEN, encoding="utf-8")
    return tmp_path


def test_a_folder_need_not_be_installed(tmp_path):
    plugin = scaffold("orderings", "quiet-first")
    plugin.write(tmp_path / plugin.distribution)
    done = sotopia("plugins", "check", plugin.distribution, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "quiet_first (plugin): 5 passed\nQuietFirst (orderings): 14 passed\nit conforms\n"


def test_what_does_not_conform_is_named_with_the_cause(folder):
    done = sotopia("plugins", "check", "birds.py", "--set", "Picky.word=hello", "--json", cwd=folder)
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    by_name = {report["name"]: report for report in told["reports"]}
    assert told["conforms"] is False
    assert by_name["Picky"]["failures"] == []
    assert by_name["Picky"]["passed"] == 20
    assert dict(by_name["Chatty"]["failures"])["test_episodes_share_nothing"] == (
        "it acts otherwise beside other episodes"
    )


def test_what_needs_options_is_not_passed_over(folder):
    done = sotopia("plugins", "check", "birds.py", cwd=folder)
    assert done.returncode == 1
    assert (
        "Picky (agents): not checked: Picky: missing key 'word'; give what is missing with --set NAME.OPTION=VALUE\n"
        in done.stdout
    )
    assert done.stdout.splitlines()[-1] == "1 of 2 failed; 1 of 2 not checked"


def test_a_plugin_that_ends_the_process_is_said(folder):
    (folder / "bomb.py").write_text(
        BROKEN.replace("ClassVar[int] = 0", "ClassVar[int] = os._exit(9)"), encoding="utf-8"
    )
    done = sotopia("plugins", "check", "bomb.py", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == "sotopia: error: bomb.py failed being checked: it ended the process with 9: it said nothing\n"


def test_what_a_plugin_prints_does_not_mix_with_the_report(folder):
    (folder / "loud.py").write_text(BROKEN.replace("import os\n", "print('{')\n"), encoding="utf-8")
    done = sotopia("plugins", "check", "loud.py", "--set", "Picky.word=hello", "--json", cwd=folder)
    assert len(json.loads(done.stdout)["reports"]) == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing", "'nothing' is neither a folder, nor a .py file, nor an installed plugin; there are sotopia_agents"),
        ("absent.py", "--load absent.py: no such file"),
        ("empty", "empty holds no distribution: pyproject.toml: No such file or directory"),
        ("sotopia-core", "'sotopia-core' has several plugins: sotopia_agents, "),
    ],
)
def test_what_is_no_plugin_is_one_line(folder, target, message):
    (folder / "empty").mkdir()
    done = sotopia("plugins", "check", target, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
