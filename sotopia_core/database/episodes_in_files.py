"""Episodes as files have them: our own, logs of Sotopia, those of its exporter, and logs of games."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter, ValidationError

from sotopia_core.database.games import GameLog
from sotopia_core.database.names import GAME
from sotopia_core.episodes import EpisodeLog, EpisodeStatus, RewardEntry
from sotopia_core.errors import RecordError
from sotopia_core.evaluation import OVERALL, Reward
from sotopia_core.messages import ENVIRONMENT
from sotopia_core.records import Written
from sotopia_core.wording import explain

DERIVED: Final = (
    "scenario",
    "codename",
    "agents_background",
    "social_goals",
    "social_interactions",
    "rewards",
    "scores",
)
"""What Sotopia's exporter adds to an episode: it derives from the messages, the rewards and the scenario's record."""

RAW: Final = ("raw_messages", "raw_rewards")
"""What the exporter derives it from, and so what must be there."""

_EPISODE: Final = TypeAdapter(EpisodeLog)
_NULL: Final = re.compile(rb"null")
_UNUSUAL: Final = re.compile(rb"\\u00(?:3[Aa]|6[CcEe]|75)")
"""Spellings of a colon, and of the letters in ``null``, in which they are not written again."""

FAILED: Final = "the log has 0.0 in its place, by which Sotopia marks that scoring failed"
ABSENT: Final = "the log gives no score"


def episode_fields(value: Mapping[str, object]) -> Mapping[str, object]:
    """Return the fields of an episode without what only repeats others, and a game's as those of an episode.

    Raises ``RecordError`` where something would be lost.
    """
    if value.keys() >= GAME:
        try:
            return GameLog.model_validate(value).episode_fields()
        except ValidationError as error:
            raise RecordError(explain(error, GameLog)) from None
    for name in ("rewards", "raw_rewards"):
        if _holds_boolean(value.get(name)):
            raise RecordError(f"{name}: expected scores, found true or false among them")
    if not value.keys() & set(RAW):
        return _without_repeated_messages(value)
    missing = [name for name in RAW if name not in value]
    if missing:
        raise RecordError(f"missing key {missing[0]!r}; what the exporter derived from it does not replace it")
    _check_derived_rewards(value["raw_rewards"], value.get("rewards"))
    return {name: item for name, item in value.items() if name not in DERIVED}


def _without_repeated_messages(value: Mapping[str, object]) -> Mapping[str, object]:
    """Leave out the messages that derive from the turns, as ``sotopia show --json`` writes them beside these."""
    if not value.get("turns") or "messages" not in value:
        return value
    return {name: item for name, item in value.items() if name != "messages"}


def _check_derived_rewards(raw: object, derived: object) -> None:
    """Refuse scores by dimension that are not those among the raw rewards: one of them would be lost."""
    if not isinstance(raw, list) or not isinstance(derived, list):
        return
    scores = [entry[1] if isinstance(entry, list) and len(entry) == 2 else entry for entry in raw]
    for seat, (one, other) in enumerate(zip(scores, derived, strict=False)):
        if isinstance(one, dict) and isinstance(other, dict) and one != other:
            raise RecordError(f"rewards[{seat}]: is not what raw_rewards[{seat}] holds; keep one of them")


def _holds_boolean(value: object) -> bool:
    """Whether true or false stands where pydantic would take it for a number."""
    if isinstance(value, dict | list):
        return any(map(_holds_boolean, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool)


def complete_log(log: EpisodeLog) -> EpisodeLog:
    """Return an episode of Sotopia with what its log does not say outright: names, status, which scores are missing.

    The agents' names are those in the messages, if there is one for each agent. A bare 0.0 among the rewards means that
    scoring failed, unless another bare number beside it is not 0: then the numbers are a game's outcomes. A score that
    is missing is None in ``rewards``, and ``outcome`` says why.
    """
    names = log.agent_names or _names_in(log)
    outcomes = [entry for entry in log.rewards if isinstance(entry, float)]
    rewards = log.rewards if any(outcomes) else tuple(None if entry == 0.0 else entry for entry in log.rewards)
    return log.model_copy(
        update={
            "agent_names": names,
            "rewards": rewards,
            "outcome": log.outcome or _outcome(names or log.agents, log.rewards, rewards),
            "status": status_of(rewards, len(log.agents)),
        }
    )


def status_of(rewards: tuple[RewardEntry, ...], agents: int) -> EpisodeStatus:
    """Tell from its rewards whether an episode is scored."""
    if not rewards:
        return "unjudged"
    return "scored" if len(rewards) == agents and None not in rewards else "unscored"


def _names_in(log: EpisodeLog) -> tuple[str, ...]:
    """Return the names of those who are sent messages or send them, as they come; none where that leaves doubt."""
    ends: dict[str, None] = {}
    for turn in log.messages:
        for sender, receiver, _ in turn:
            ends[receiver] = ends[sender] = None
    names = tuple(end for end in ends if end != ENVIRONMENT)
    return names if len(names) == len(log.agents) else ()


def _outcome(
    names: tuple[str, ...], written: tuple[RewardEntry, ...], rewards: tuple[RewardEntry, ...]
) -> dict[str, Reward]:
    """Say for each agent what it came to; nothing where no score is missing, since ``rewards`` say it all."""
    if None not in rewards or len(rewards) != len(names):
        return {}
    outcome: dict[str, Reward] = {}
    for name, before, entry in zip(names, written, rewards, strict=True):
        match entry:
            case None:
                outcome[name] = Reward(overall=None, scores={}, reasons=(ABSENT if before is None else FAILED,))
            case (overall, scores):
                there = {dimension: score for dimension, score in scores.items() if dimension != OVERALL}
                outcome[name] = Reward(overall=overall, scores=there)
            case bare:
                outcome[name] = Reward(overall=bare, scores={})
    return outcome


def native_episode(line: bytes) -> Written | None:
    """Read an episode of ours off a line of JSONL, faster than by way of its JSON value.

    None for anything else, and for whatever needs a closer look: what this takes, the other way takes with the same
    result.
    """
    if b'"status":' not in line or b'"agents":' not in line:
        return None
    try:
        episode = EpisodeLog.model_validate_json(line, strict=True)
        if not {"pk", "status"} <= episode.model_fields_set:
            return None
        document = _EPISODE.dump_json(episode)
        if line.startswith(document) and not line[len(document) :].strip():
            return Written(episode, document)
        return Written(episode) if _holds_the_same(line, _EPISODE.dump_json(episode, exclude_unset=True)) else None
    except ValueError:  # pydantic's errors are among these
        return None


def _holds_the_same(line: bytes, written: bytes) -> bool:
    """Whether a line has no key twice and no number that JSON has not, told from what was read of it, written again.

    Of a key that stands twice pydantic takes the last and is silent: then fewer colons are written than were read. For
    a number like NaN it writes null. Nothing else makes either differ, and where it is in doubt, the answer is no.
    """
    if line.count(b":") != written.count(b":") or _UNUSUAL.search(line):
        return False
    return len(_NULL.findall(line)) == len(_NULL.findall(written))  # faster than bytes.count
