"""``sotopia audit``: runs, episodes and tags looked through, from the command line."""

from __future__ import annotations

import json

import pytest

from sotopia_core.database import EpisodeLog
from sotopia_storage.sqlite import SQLite
from tests.cli.command import EXAMPLES, sotopia


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited")
    arguments = ("--set", "sampler.size=3", "--set", 'run.tag="spring"', "--json")
    done = sotopia("run", EXAMPLES / "quickstart.toml", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def spoilt(folder, pk):
    """Put one agent's secret into what another was sent, and keep that under another pk."""
    with SQLite(path=folder / "sotopia.db").open() as store:
        episode = store.get(EpisodeLog, pk)
        ones, others = episode.agent_names
        secret = episode.combo.agents[0].secret
        first, *rest = episode.turns
        background = first.observations[others].background.model_copy(update={"scenario": f"Psst. {secret}"})
        seen = first.observations[others].model_copy(update={"background": background})
        first = first.model_copy(update={"observations": {**first.observations, others: seen}})
        changes = {"pk": "SPOILT", "tag": "spoilt", "run": None, "turns": (first, *rest)}
        store.put(episode.model_copy(update=changes))
    return ones, others, secret


def test_a_run_an_episode_and_a_tag_are_looked_through(played):
    folder, told = played
    for arguments, episodes in (
        ((told["run"],), 3),
        ((told["pks"][0],), 1),
        (("--tag", "spring"), 3),
        (told["pks"], 3),
    ):
        done = sotopia("audit", *arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
        noun = "episode" if episodes == 1 else "episodes"
        assert done.stdout.startswith(f"no leaks in {episodes} {noun} with {2 * episodes} agents; ")


def test_a_leak_is_told_with_episode_turn_and_agent_and_makes_the_status_1(played):
    folder, told = played
    one, other, secret = spoilt(folder, told["pks"][0])
    done = sotopia("audit", "--tag", "spoilt", cwd=folder)
    assert done.returncode == 1
    leak, summary = done.stdout.splitlines()[:2]
    assert leak.startswith(f"SPOILT, turn 0: {other} was sent the secret of {one}: ")
    assert secret.casefold()[:30] in leak
    assert summary.startswith("1 leak in 1 episode with 2 agents; ")
    found = json.loads(sotopia("audit", "SPOILT", "--json", cwd=folder).stdout)
    assert found["episodes"] == 1
    assert [(one["agent"], one["turn"]) for one in found["leaks"]] == [(other, 0)]
    assert set(found) == {"episodes", "agents", "texts", "leaks", "undecided"}


def test_an_episode_whose_cast_nobody_knows_is_said_to_be_undecided(played):
    folder, _ = played
    with SQLite(path=folder / "sotopia.db").open() as store:
        texts = ((("Environment", "Mia", "Hello."), ("Environment", "Leo", "Hello.")),)
        store.put(EpisodeLog(pk="OLD", environment="E", agents=("A", "B"), verbatim_messages=texts))
    done = sotopia("audit", "OLD", cwd=folder)
    assert done.returncode == 0
    assert "cannot be decided:\n  1 the cast is not in the store\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "name runs or episodes by their pks, or give --tag; sotopia list shows what there is"),
        (("--tag", "x", "y"), "name runs or episodes by their pks, or give --tag; sotopia list shows what there is"),
        (("nothing",), "nothing in {url} has the pk 'nothing'; sotopia list shows what there is"),
        (("--tag", "winter"), "no episode in {url} has the tag 'winter'"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(played, arguments, complaint):
    folder, _ = played
    done = sotopia("audit", *arguments, cwd=folder)
    assert done.returncode == 2
    assert done.stderr.strip() == f"sotopia: error: {complaint.format(url='sqlite:///sotopia.db')}"
