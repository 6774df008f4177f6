"""An episode's journal: what models said and what people did, durable before it is used, and recalled on resume."""

from __future__ import annotations

import hashlib
from asyncio import Future, get_running_loop
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from pydantic import TypeAdapter, ValidationError

from sotopia_core.asking import ReplyJournal, ReplyKey
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.errors import ModelError, StorageError, one_line, unicode_text
from sotopia_core.messages import AgentAction
from sotopia_core.models import ChatMessage, Completion, ModelRequest, Usage
from sotopia_core.stores import JournalEntry

ACTION: Final = "(action)"
"""The purpose of entries that hold what an agent did."""

WHY_NOTHING: Final = "why_nothing"
"""The key under which such an entry says that no reply could be used, and why."""

GIVEN_UP: Final = "(given up)"
"""The purpose of entries that say that a role's earlier entries of that turn came to nothing and are not recalled."""

ASKED: Final = "asked"
"""The key under which an entry holds the digest of the question that a completion answers."""

_COMPLETION: Final = TypeAdapter(Completion)

Place = tuple[str, str]
"""(role, purpose)."""


class EpisodeJournal(ReplyJournal):
    """One episode's journal: ``entries`` are those of earlier processes, ``writer`` takes the new ones.

    Without a writer nothing is kept. A role's replies in a turn are numbered on, also when what they led to failed and
    the turn is tried again: those that were given up are not recalled, and what they cost is in ``given_up``. After a
    write that failed, ``fault`` says why, and nothing is recalled or kept any more. Where it is ``only_recalled``, the
    episode is played from it alone, and nobody elsewhere should hear of that.
    """

    only_recalled: ClassVar[bool] = False

    def __init__(
        self,
        episode: str,
        writer: StoreWriter | None = None,
        entries: Iterable[JournalEntry] = (),
        on_keep: Callable[[Completion], None] | None = None,
    ) -> None:
        self._on_keep = on_keep
        self.fault: StorageError | None = None
        self.given_up: dict[str, Usage] = {}
        self._episode = episode
        self._writer = writer
        self._replies: dict[ReplyKey, Completion] = {}
        self._questions: dict[ReplyKey, str] = {}
        """The digest of the question that each reply answers."""
        self._digesters: defaultdict[str, Digester] = defaultdict(Digester)
        """By role."""
        self._actions: dict[tuple[int, str], AgentAction] = {}
        self._why_nothing: dict[tuple[int, str], str] = {}
        self._turns: defaultdict[int, _TurnBook] = defaultdict(_TurnBook)
        """What is known of turns that earlier processes came to."""
        self._turn = -1
        self._latest = _TurnBook()
        for entry in entries:
            self._read(entry)
        self.began_empty = not self._turns

    def recall(self, key: ReplyKey, request: ModelRequest[Any]) -> Completion | None:
        """Return what an earlier process kept under the key, if there is anything."""
        if self.fault is not None:
            raise self.fault
        completion = self._replies.pop(key, None)
        if completion is None:
            self._book(key.turn).count(key.role, 1)
        return completion

    async def keep(self, key: ReplyKey, request: ModelRequest[Any], completion: Completion) -> None:
        """Make a completion durable; ``ModelError`` where it is no Unicode text, which nothing can keep."""
        if unicode_text(completion.text) != completion.text:
            raise ModelError(f"{completion.model} used half a surrogate pair, which is no Unicode text")
        book = self._book(key.turn)
        book.count(key.role, -1)
        book.asked.append(key.role)
        payload = _payload(completion, self._digesters[key.role].digest(request))
        written = self._append(key.turn, key.role, key.purpose, payload, key.attempt)
        await self._durable(written)
        if self._on_keep is not None:
            self._on_keep(completion)

    def forget_questions(self) -> None:
        """Let go of the latest questions, which are kept to digest those that begin with them."""
        self._digesters.clear()

    def was_asked(self, key: ReplyKey, request: ModelRequest[Any]) -> bool:
        """Whether the reply under a key answers this very question."""
        return self._questions.get(key) == self._digesters[key.role].digest(request)

    def has_asked(self, turn: int, role: str) -> bool:
        """Whether a role has a reply in a turn, and so need not be told what it did."""
        return role in self._book(turn).asked

    def unused(self) -> Iterator[tuple[str, Completion]]:
        """Yield roles and completions that nobody recalled, since the actions that they led to were at hand."""
        return ((key.role, completion) for key, completion in self._replies.items())

    def action(self, turn: int, agent: str) -> AgentAction | None:
        """Return what an agent did in a turn of an earlier process, if that is known."""
        return self._actions.get((turn, agent))

    def why_nothing(self, turn: int, agent: str) -> str:
        """Return why doing nothing stood in for an agent in a turn of an earlier process; empty where it did not."""
        return self._why_nothing.get((turn, agent), "")

    async def keep_action(self, turn: int, agent: str, action: AgentAction, *, why_nothing: str = "") -> None:
        """Keep what an agent did: durable on return, unless models said what it did, whose replies are.

        ``why_nothing`` is the reason where it did nothing since no reply could be used.
        """
        if self._writer is None:
            return
        if unicode_text(action.argument) != action.argument or any(unicode_text(name) != name for name in action.to):
            return  # the environment refuses it
        payload = action.model_dump(mode="json", exclude_defaults=True)
        if why_nothing:
            payload[WHY_NOTHING] = why_nothing
        written = self._append(turn, agent, ACTION, payload)
        if self.has_asked(turn, agent):
            written.add_done_callback(self._written)
        else:
            await self._durable(written)

    async def give_up(self, turn: int, role: str, cause: str) -> None:
        """Let what a role got in a turn be asked for anew, since it led to a failure.

        Where a question went unanswered, that was the failure, and what was answered before it stands.
        """
        book = self._book(turn)
        if book.unanswered.get(role, 0) <= 0 and any(place[0] == role for place in book.next):
            number = book.next.get((role, GIVEN_UP), 0)
            await self._durable(self._append(turn, role, GIVEN_UP, {"cause": cause}, number))

    def _append(self, turn: int, role: str, purpose: str, payload: dict[str, Any], attempt: int = 0) -> Future[None]:
        number = self._book(turn).number((role, purpose), attempt)
        if self._writer is None:
            done: Future[None] = get_running_loop().create_future()
            done.set_result(None)
            return done
        return self._writer.append_journal((JournalEntry(self._episode, turn, role, purpose, payload, number),))

    def _book(self, turn: int) -> _TurnBook:
        """Return what is known of a turn that is being played; what was known of the one before it is let go."""
        if turn != self._turn:
            self._turn, self._latest = turn, self._turns.pop(turn, _TurnBook())
        return self._latest

    async def _durable(self, written: Future[None]) -> None:
        try:
            await written
        except StorageError as error:
            self.fault = self.fault or error
            raise

    def _written(self, done: Future[None]) -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StorageError) and self.fault is None:
            self.fault = error

    def _read(self, entry: JournalEntry) -> None:
        place, book = (entry.seat, entry.purpose), self._turns[entry.turn]
        number = entry.attempt - book.first.get(place, 0)
        book.next[place] = max(book.next.get(place, 0), entry.attempt + 1)
        try:
            match entry.purpose:
                case purpose if purpose == GIVEN_UP:
                    self._forget(entry.turn, entry.seat)
                case purpose if purpose == ACTION:
                    done = {name: value for name, value in entry.payload.items() if name != WHY_NOTHING}
                    self._actions[entry.turn, entry.seat] = AgentAction.model_validate(done)
                    if why := entry.payload.get(WHY_NOTHING):
                        self._why_nothing[entry.turn, entry.seat] = str(why)
                case purpose:
                    said = {name: value for name, value in entry.payload.items() if name != ASKED}
                    key = ReplyKey(entry.turn, entry.seat, purpose, number)
                    self._replies[key] = _COMPLETION.validate_python(said)
                    self._questions[key] = str(entry.payload.get(ASKED, ""))
                    book.asked.append(entry.seat)
        except ValidationError as error:
            raise StorageError(
                f"the journal of episode {self._episode} cannot be read at turn {entry.turn}, {entry.seat}, "
                f"{entry.purpose}: {one_line(error)}"
            ) from None

    def _forget(self, turn: int, role: str) -> None:
        book = self._turns[turn]
        for place in [place for place in book.next if place[0] == role and place[1] != GIVEN_UP]:
            book.first[place] = book.next[place]
        for key in [key for key in self._replies if (key.turn, key.role) == (turn, role)]:
            self.given_up[role] = self.given_up.get(role, Usage()) + self._replies.pop(key).usage
        self._actions.pop((turn, role), None)
        self._why_nothing.pop((turn, role), None)
        book.asked = [one for one in book.asked if one != role]


@dataclass(slots=True)
class _TurnBook:
    """What must be known of one turn while it is being played."""

    asked: list[str] = field(default_factory=list)
    """The roles that got a reply, once for each."""
    unanswered: dict[str, int] = field(default_factory=dict)
    """How many questions of each role have no answer, or none yet."""
    next: dict[Place, int] = field(default_factory=dict)
    """The number of the next entry in each place."""
    first: dict[Place, int] = field(default_factory=dict)
    """The number of the first entry in each place that was not given up, where that is not 0."""

    def count(self, role: str, questions: int) -> None:
        """Add to how many of a role's questions have no answer."""
        self.unanswered[role] = self.unanswered.get(role, 0) + questions

    def number(self, place: Place, attempt: int) -> int:
        """Return the number of the entry for an attempt that is counted from what was not given up."""
        number = self.first.get(place, 0) + attempt
        self.next[place] = max(self.next.get(place, 0), number + 1)
        return number


def _payload(completion: Completion, asked: str) -> dict[str, Any]:
    """Return what an entry holds of a completion: all of it, but what is as it is by default."""
    usage = completion.usage
    payload: dict[str, Any] = {
        "text": completion.text,
        "model": completion.model,
        "usage": {
            "calls": usage.calls,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost": usage.cost,
        },
        "latency": completion.latency,
        ASKED: asked,
    }
    if completion.attempts != 1:
        payload["attempts"] = completion.attempts
    if completion.finish_reason != "stop":
        payload["finish_reason"] = completion.finish_reason
    return payload


class Digester:
    """Digests the questions of one role. Each mostly begins with all of the one before, which is not read again."""

    def __init__(self) -> None:
        self._messages: tuple[ChatMessage, ...] = ()
        self._told = hashlib.blake2b(digest_size=8)

    def digest(self, request: ModelRequest[Any]) -> str:
        """Return 16 hexadecimal digits that depend on all that a model was asked: the words, the form, the options."""
        known = len(self._messages)
        if request.messages[:known] != self._messages:
            known, self._told = 0, hashlib.blake2b(digest_size=8)
        for message in request.messages[known:]:
            self._told.update(message.as_json())
        self._messages = request.messages
        asked = self._told.copy()
        form = None if request.response_type is None else request.response_type.__name__
        asked.update(f"{form} {request.temperature} {request.max_tokens}".encode())
        return asked.hexdigest()
