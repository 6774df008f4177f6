"""Every error that this software raises on purpose.

SotopiaError
├── InputError                what the user gave cannot be used; the command line exits with 2
│   ├── ConfigError           a run file, or a --set
│   ├── RecordError           a profile, a scenario or another record, in a file or a store
│   ├── UnknownComponentError no plugin offers that name
│   ├── ClashError            two plugins offer that name
│   ├── MissingExtraError     the component is there, what it needs is not installed
│   └── StorageError          a store that cannot be opened, read or written
│       ├── NotFoundError     no record has that pk
│       └── JournalError      a journal entry that is already there
├── PluginError               a plugin's fault; names the plugin and its distribution
├── ActionError               an action that the rules do not allow; ends its episode
├── EpisodeOverError          a step after the end
├── RunCancelledError         somebody asked for the run to end
├── OverdueError              something took longer than it may
└── ModelError                a model that gave no usable reply
    ├── UnusableReplyError    it did reply, and no value could be found in what it said, however often it was asked
    └── ModelAccessError      no key, wrong key, no such model: no retry can help, the run stops
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from difflib import get_close_matches


class SotopiaError(Exception):
    """The root of the hierarchy: ``str()`` of any of these is one line, fit for a person."""


class InputError(SotopiaError):
    """Something the user gave cannot be used. The message says what, where, and what to do."""


class ConfigError(InputError):
    """A run file, or an override of one, is not valid."""


class RecordError(InputError):
    """A record is not valid. The message names the file and the line or the pk."""


class UnknownComponentError(InputError):
    """No plugin offers a component of that kind and name."""


class ClashError(InputError):
    """Two plugins offer the same name. The message names both and how to choose."""


class MissingExtraError(InputError):
    """A component needs packages that are not installed. The message says which extra brings them."""


class StorageError(InputError):
    """A store cannot be opened, read or written."""


class NotFoundError(StorageError):
    """No record of that kind has that pk."""


class JournalError(StorageError):
    """An episode's journal already holds an entry under that key."""


class PluginError(SotopiaError):
    """A plugin failed. The cause, with its traceback, is ``__cause__``."""

    def __init__(self, plugin: str, doing: str, cause: BaseException | str) -> None:
        self.plugin = plugin
        self.doing = doing
        reason = cause if isinstance(cause, str) else one_line(cause)
        super().__init__(f"{plugin} failed {doing}: {reason}")


class ActionError(SotopiaError):
    """An agent's action is against the rules of the environment. ``agent`` is whose it is, where one is to blame."""

    def __init__(self, message: str, agent: str = "") -> None:
        self.agent = agent
        super().__init__(message)


class EpisodeOverError(SotopiaError):
    """The episode has ended; it takes no more actions. Call ``reset`` to play another."""


class ModelError(SotopiaError):
    """A model gave no usable reply. ``raw`` keeps what it did say last, if anything."""

    def __init__(self, message: str, raw: str | None = None) -> None:
        self.raw = raw
        super().__init__(message)


class UnusableReplyError(ModelError):
    """A model replied, and the value that was asked for is not in what it said; ``raw`` keeps its last words."""


class ModelAccessError(ModelError):
    """The model refused for good (no key, wrong key, no such model): the run stops instead of trying again."""


class RunCancelledError(SotopiaError):
    """Somebody asked, from another process, for the run to end."""


class OverdueError(SotopiaError):
    """Something took longer than it may."""


def pass_on(error: BaseException) -> None:
    """Raise again what is nobody's fault: Ctrl-C, and the cancellation of the running task.

    Everything else that a plugin raises is its own fault, ``sys.exit`` and a cancellation out of nowhere included.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    asyncio = sys.modules.get("asyncio")  # where it was never imported, nothing can have been cancelled
    if asyncio is not None and isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise error


def unicode_text(text: str) -> str:
    r"""Return the text with what is no Unicode scalar value, half a surrogate pair, written out as in ``\udc80``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(error: BaseException) -> str:
    """Say an error in one line: the message of our own errors, ``Type: message`` of all others."""
    try:
        text = unicode_text(" ".join(str(error).split()))
    except BaseException as broken:  # a plugin's exception may not even be able to say what it is
        pass_on(broken)
        text = ""
    if isinstance(error, SotopiaError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def nearest(wrong: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` when a known name is close to the wrong one, else an empty string."""
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    found = get_close_matches(wrong.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"; did you mean {by_lower[found[0]]!r}?" if found else ""
