"""What ``sotopia audit`` looks at, and how it tells what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from sotopia_core.audit import Audit, Reason
from sotopia_core.cli.records import find_record
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.errors import InputError, NotFoundError
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile
from sotopia_core.stores import Store
from sotopia_core.terminal import visible_line
from sotopia_core.wording import shown

EXPLAINED: Final[dict[Reason, str]] = {
    "told aloud": "told aloud before",
    "public too": "also in what they may know",
    "too short": "too short to be recognised",
    "unknown cast": "the cast is not in the store",
}


def episodes_of(store: Store, url: str, pks: Sequence[str], tag: str | None) -> Iterator[EpisodeLog]:
    """Yield the episodes of runs, single ones, or those of a tag; ``InputError`` where there are none."""
    if tag is not None:
        yield from _some(store, {"tag": tag}, f"no episode in {url} has the tag {tag!r}")
    for pk in pks:
        record = find_record(store, pk, url)
        match record:
            case EpisodeLog():
                yield record
            case RunRecord():
                yield from _some(store, {"run": pk}, f"the run {pk} has no episodes yet")
            case _:
                raise InputError(f"{pk} is of the kind {record.kind()}; name runs or episodes")


def _some(store: Store, where: dict[str, str], otherwise: str) -> Iterator[EpisodeLog]:
    any_there = False
    for episode in store.iterate(EpisodeLog, where):
        any_there = True
        yield episode
    if not any_there:
        raise InputError(otherwise)


def combo_in(store: Store, episode: EpisodeLog) -> Combo | None:
    """Return the cast of an episode that keeps none itself, as the store has it; None where that lacks somebody."""
    if episode.combo is not None:
        return None
    try:
        environment = store.get(EnvironmentProfile, episode.environment)
        agents = tuple(store.get(AgentProfile, pk) for pk in episode.agents)
        return Combo(environment=environment, agents=agents)
    except (NotFoundError, ValueError):  # not there, or not the cast of this scenario: the audit says so
        return None


def leak_lines(found: Audit) -> Iterator[str]:
    """Yield a line for each leak: the episode, the turn, who was sent what."""
    for leak in found.leaks:
        text = f"{found.episode}, turn {leak.turn}: {leak.agent} was sent {leak.what}: {shown(leak.text)}"
        yield visible_line(text)


def summary(audits: Sequence[Audit]) -> str:
    """Return in how much was looked for how much, what leaked, and what cannot be decided and why."""
    agents, texts = sum(len(one.agents) for one in audits), sum(one.texts for one in audits)
    leaks = sum(len(one.leaks) for one in audits)
    reasons = Counter(doubt.reason for one in audits for doubt in one.doubts)
    lines = [
        f"{_count(leaks, 'leak')} in {_count(len(audits), 'episode')} with {_count(agents, 'agent')}; "
        f"{_count(texts, 'private text')} looked for"
    ]
    if reasons:
        lines.append("cannot be decided:")
        lines += [f"  {reasons[reason]} {why}" for reason, why in EXPLAINED.items() if reasons[reason]]
        lines.append("(--json names them)")
    return "\n".join(lines)


def document(audits: Sequence[Audit]) -> dict[str, Any]:
    """Return everything that was found as JSON values."""
    return {
        "episodes": len(audits),
        "agents": sum(len(one.agents) for one in audits),
        "texts": sum(one.texts for one in audits),
        "leaks": [{"episode": one.episode, **asdict(leak)} for one in audits for leak in one.leaks],
        "undecided": [{"episode": one.episode, **asdict(doubt)} for one in audits for doubt in one.doubts],
    }


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
