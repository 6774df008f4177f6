"""Playing from Python: ``run_async_server``, as Sotopia documents it, and ``play``, one episode from components."""

from sotopia_core.server.async_server import ActionOrder, EpisodeMessages, run_async_server
from sotopia_core.server.combos import ComboLike
from sotopia_core.server.single import play

__all__ = ["ActionOrder", "ComboLike", "EpisodeMessages", "play", "run_async_server"]
