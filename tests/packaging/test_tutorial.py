"""The tutorial, word for word, by somebody who has nothing but the kernel with its testing kit."""

import os

import pytest

from tests.docs.pages import ROOT
from tests.docs.session import Session, play
from tests.packaging.environments import BARE, NEEDS_WHEELHOUSE, OFFLINE, WHEELHOUSE, clean_environment

pytestmark = [
    pytest.mark.xdist_group("packaging"),
    NEEDS_WHEELHOUSE,
    pytest.mark.skipif(not any(WHEELHOUSE.glob("mypy-*")), reason=f"{WHEELHOUSE} has no mypy; make fetches it"),
]


class Newcomer(Session):
    """A session in an environment of its own, in which packages are really installed."""

    binaries = ""

    def _environment(self):
        path = os.pathsep.join([self.binaries, BARE.get("PATH", "")])
        return {**BARE, **OFFLINE, "PATH": path, "PYTHONUNBUFFERED": "1"}


def test_the_tutorial_can_be_followed_word_for_word(wheel, tmp_path, monkeypatch):
    python = clean_environment(tmp_path / "venv", f"{wheel}[testing]", "mypy")
    monkeypatch.setattr(Newcomer, "binaries", str(python.parent))
    (tmp_path / "here").mkdir()
    assert play(ROOT / "docs" / "tutorial-plugin.md", tmp_path / "here", Newcomer) == 14
