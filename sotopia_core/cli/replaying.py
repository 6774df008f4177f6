"""What ``sotopia replay`` does and prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sotopia_core.cli.interruption import run_to_end
from sotopia_core.cli.loading import load_modules
from sotopia_core.cli.output import say, say_json
from sotopia_core.cli.playing import EXIT_COMPLETE, EXIT_INCOMPLETE
from sotopia_core.cli.stores import open_to_read
from sotopia_core.config import LoadedConfig
from sotopia_core.engine.replaying import replay_episode
from sotopia_core.episodes import EpisodeLog
from sotopia_core.registry import Registry


def play_again(pk: str, modules: Sequence[Path], *, store: str | None, as_json: bool) -> int:
    """Replay an episode and print what came of it; returns the exit status."""
    opened, _ = open_to_read(store)
    with opened:
        episode = opened.get(EpisodeLog, pk)
        config = episode.provenance.config if episode.provenance else {}
        disabled = LoadedConfig.restored(config, {}).config.plugins.disable if config else ()
        registry = Registry.discover(disabled)
        load_modules(modules, registry)
        replay = run_to_end(replay_episode(opened, episode, registry))
    turns = len(replay.episode.turns)
    messages = sum(len(turn) for turn in replay.episode.messages)
    if as_json:
        say_json(
            {
                "episode": pk,
                "faithful": replay.faithful,
                "turns": turns,
                "messages": messages,
                "recalled": replay.recalled,
                "departures": list(replay.departures),
            }
        )
    elif replay.faithful:
        say(f"episode {pk}: the same {turns} turns, {messages} messages and scores; {replay.recalled} replies recalled")
    else:
        say(f"episode {pk} comes out differently:")
        for departure in replay.departures:
            say(f"  {departure}")
    return EXIT_COMPLETE if replay.faithful else EXIT_INCOMPLETE
