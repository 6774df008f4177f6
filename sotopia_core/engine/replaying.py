"""A stored episode played again from its journal, offline, and held against what is stored of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from sotopia_core.asking import ReplyKey
from sotopia_core.config import LoadedConfig
from sotopia_core.engine.episode import Stage, Task, play_episode
from sotopia_core.engine.journal import EpisodeJournal
from sotopia_core.engine.resuming import stored_dimensions_of
from sotopia_core.engine.run import ingredients
from sotopia_core.episodes import EpisodeLog, RunRecord, Turn
from sotopia_core.errors import InputError, ModelError, NotFoundError
from sotopia_core.evaluation import Evaluation, Judgement, Scored
from sotopia_core.lifecycle import Faults
from sotopia_core.messages import AgentAction
from sotopia_core.models import Completion, ModelRequest
from sotopia_core.registry import Registry
from sotopia_core.stores import JournalEntry, Store
from sotopia_core.wiring import wire

NOT_THERE: Final = "the journal has no answer to this"


@dataclass(frozen=True)
class Replay:
    """What became of playing an episode again. ``departures`` says, turn by turn, where it came out differently."""

    episode: EpisodeLog
    recalled: int
    departures: tuple[str, ...]

    @property
    def faithful(self) -> bool:
        """Whether it reached the same turns, messages and scores, by the same questions."""
        return not self.departures


class _Recalling(EpisodeJournal):
    """A journal that has every answer, or says that it has not."""

    only_recalled = True

    def __init__(self, episode: str, entries: Sequence[JournalEntry]) -> None:
        super().__init__(episode, None, entries)
        self.recalled = 0
        self.departures: list[str] = []

    def recall(self, key: ReplyKey, request: ModelRequest[Any]) -> Completion:
        completion = super().recall(key, request)
        if completion is None:
            self.departures.append(f"turn {key.turn}: {key.role} asks what the journal has no answer to")
            raise ModelError(NOT_THERE)
        self.recalled += 1
        if not self.was_asked(key, request):
            self.departures.append(f"turn {key.turn}: {key.role} is not asked what it was asked then")
        return completion

    def action(self, turn: int, agent: str) -> AgentAction | None:
        # Whoever asked models acts upon their words again; of all others only the journal knows what they did.
        return None if self.has_asked(turn, agent) else super().action(turn, agent)


async def replay_episode(store: Store, episode: EpisodeLog, registry: Registry) -> Replay:
    """Play an episode again, without asking anybody: models' words come from the journal, and people's deeds.

    Prompts are made, replies read, rules applied and scores aggregated anew, by the components as they are installed
    now. ``InputError`` where there is nothing to play it from.
    """
    where = f"episode {episode.pk}"
    config = episode.provenance.config if episode.provenance else {}
    if episode.combo is None or episode.run is None or episode.draw is None or episode.trial is None or not config:
        raise InputError(f"{where} was not played in a run that was kept, so it cannot be replayed")
    entries = store.read_journal(episode.pk)
    if not entries and episode.turns:
        raise InputError(f"{where} has no journal any more; it was pruned, or the episode came from a file")
    try:
        run = store.get(RunRecord, episode.run)
    except NotFoundError:
        raise InputError(f"{where} belongs to the run {episode.run}, which is not in the store") from None
    loaded = LoadedConfig.restored(config, run.origins)
    wiring = wire(loaded, registry, stored_dimensions_of(store), access=False)
    journal = _Recalling(episode.pk, entries)
    # Nobody hears of it: to plugins that listen, a replay would look like a run.
    silent = Registry().notifier(Faults())
    stage = Stage.of(run.model_copy(update={"config": config, **ingredients(wiring)}), wiring, silent)
    again = (await play_episode(Task(episode.combo, episode.draw, episode.trial), stage, journal))()
    departures = [] if again.status == episode.status == "failed" else list(journal.departures)
    unused = sum(1 for _ in journal.unused())
    if unused and not departures:
        departures.append(f"{unused} answers in the journal were not asked for")
    departures += differences(episode, again)
    return Replay(again, journal.recalled, tuple(departures))


def differences(then: EpisodeLog, now: EpisodeLog) -> Iterator[str]:
    """Say where two records of one episode differ: the first turn that does, how it ended, and each score."""
    for number, (before, after) in enumerate(zip_longest(then.turns, now.turns)):
        if before != after:
            yield f"turn {number}: {_turn_difference(before, after)}"
            break
    if (then.status, then.ended) != (now.status, now.ended):
        yield f"end: {then.status} ({then.ended or then.cause}) became {now.status} ({now.ended or now.cause})"
    old, new = ({evaluation.evaluator: evaluation for evaluation in log.evaluations} for log in (then, now))
    for evaluator in dict.fromkeys([*old, *new]):
        yield from _judgement_differences(evaluator, old.get(evaluator), new.get(evaluator))
    if then.rewards != now.rewards:
        yield f"rewards: {_rewards(then)} became {_rewards(now)}"


def _turn_difference(before: Turn | None, after: Turn | None) -> str:
    if before is None or after is None:
        return "is there only in what is stored" if after is None else "is there only in the replay"
    for name in dict.fromkeys([*before.observations, *after.observations]):
        if before.observations.get(name) != after.observations.get(name):
            return f"{name} was sent something else"
    for name in dict.fromkeys([*before.actions, *after.actions]):
        was, is_ = before.actions.get(name), after.actions.get(name)
        if was != is_:
            return f"{name} {_deed(was)}, and now {_deed(is_)}"
    return "is numbered otherwise"


def _deed(action: AgentAction | None) -> str:
    return "was not in turn" if action is None else action.to_natural_language()


def _judgement_differences(evaluator: str, old: Evaluation | None, new: Evaluation | None) -> Iterator[str]:
    before = old.judgements if old else {}
    after = new.judgements if new else {}
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"scores: {evaluator} gave {name} {_scores(before.get(name))}, and now {_scores(after.get(name))}"


def _scores(judgement: Judgement | None) -> str:
    match judgement:
        case None:
            return "nothing"
        case Scored(scores=scores):
            return ", ".join(f"{name} {score.value:g}" for name, score in scores.items())
        case unscored:
            return f"no score ({unscored.reason})"


def _rewards(log: EpisodeLog) -> str:
    overall = [entry[0] if isinstance(entry, tuple) else entry for entry in log.rewards]
    return ", ".join("none" if value is None else f"{value:.2f}" for value in overall)
