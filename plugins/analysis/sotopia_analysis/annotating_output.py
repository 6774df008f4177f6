"""What ``sotopia annotate`` does: shows one episode after the other, and asks."""

from __future__ import annotations

import sys
from typing import Any, Final

from sotopia_analysis.annotating import HELP, Session, SkippedError, StoppedError, blind, dimensions_for, to_annotate
from sotopia_analysis.tables import counted
from sotopia_core.cli.conditions import read_conditions
from sotopia_core.cli.output import say, say_json
from sotopia_core.cli.stores import open_to_read
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import InputError
from sotopia_core.registry import Registry
from sotopia_core.stores import Store
from sotopia_core.terminal import visible

EXIT_ALL: Final = 0
EXIT_SOME_LEFT: Final = 3


def run_annotation(
    annotator: str,
    *,
    tags: list[str],
    where: list[str],
    limit: int | None,
    set_name: str | None,
    reasons: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Let somebody annotate, and return 0 where nothing is left to be annotated, 3 where something is."""
    opened, url = open_to_read(store)
    with opened:
        episodes = _chosen(opened, tags, read_conditions(EpisodeLog, where))
        if not episodes:
            raise InputError(f"no episode in {url} is to be annotated; sotopia list episodes shows what there is")
        left = to_annotate(opened, episodes, annotator)
        done = len(episodes) - len(left)
        ask = _ask_on_stderr if as_json else input
        session = Session(opened, annotator, ask, lambda text: say(visible(text), stderr=as_json), reasons)
        kept = _annotate(session, left[:limit], set_name, total=len(episodes), before=done)
    report = {"annotator": annotator, "annotated": kept, "before": done, "left": len(left) - kept, "store": url}
    if as_json:
        say_json(report)
    else:
        say(f"{counted(kept, 'episode')} annotated by {annotator}, {len(left) - kept} left; the same command goes on")
    return EXIT_SOME_LEFT if len(left) > kept else EXIT_ALL


def _ask_on_stderr(question: str) -> str:
    """Ask where the question disturbs no output that is read by a program."""
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _chosen(store: Store, tags: list[str], conditions: dict[str, Any]) -> list[str]:
    wanted = [{**conditions, "tag": tag} for tag in tags] or [conditions]
    found = (episode for where in wanted for episode in store.iterate(EpisodeLog, where))
    return list(dict.fromkeys(episode.pk for episode in found if episode.status != "failed"))


def _annotate(session: Session, pks: list[str], set_name: str | None, *, total: int, before: int) -> int:
    kept = 0
    if pks:
        session.say(f"For each question type {HELP}.")
    for number, pk in enumerate(pks, before + 1):
        episode = session.store.get(EpisodeLog, pk)
        dimensions = dimensions_for(episode, session.store, Registry.installed(), set_name)
        session.say(f"\nEpisode {number} of {total}\n\n{blind(episode)}\n")
        try:
            session.annotate(episode, dimensions)
        except SkippedError:
            continue
        except StoppedError:
            session.say("")
            break
        kept += 1
    return kept
