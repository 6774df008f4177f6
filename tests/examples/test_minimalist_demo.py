"""The shortest program: it plays, judges and prints an interaction, and leaves nothing behind."""

import subprocess
import sys

import pytest

from tests.cli.command import EXAMPLES, environment

DEMO = EXAMPLES / "minimalist_demo.py"


@pytest.fixture
def printed(tmp_path):
    done = subprocess.run(
        [sys.executable, DEMO],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "the store holds no scenario, so the starter pack is played\n"
    return done.stdout


def test_it_prints_a_conversation_between_two(printed):
    speakers = {line.partition(" said: ")[0] for line in printed.splitlines() if " said: " in line}
    assert len(speakers) == 2


def test_it_plays_the_same_each_time_and_keeps_nothing(printed, tmp_path):
    again = subprocess.run(
        [sys.executable, DEMO], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True, env=environment()
    )
    assert again.stdout == printed
    assert list(tmp_path.iterdir()) == []


def test_it_is_short():
    assert len(DEMO.read_text(encoding="utf-8").splitlines()) <= 25
