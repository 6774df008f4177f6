"""The abstract classes that components implement, and what the kernel hands them.

A component is a frozen pydantic model whose fields are its options; the table that names it in a run file fills them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Annotated, Any, ClassVar, Final, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo

from sotopia_core.asking import ReplyJournal, ReplyKey, ask
from sotopia_core.digests import canonical_json, generator, seed_of
from sotopia_core.errors import PluginError
from sotopia_core.evaluation import DimensionSet, Judgement
from sotopia_core.messages import AgentAction, Background, Event, Observation, Value
from sotopia_core.models import ChatMessage, Completion, ModelReply, ModelRequest, Scene
from sotopia_core.profiles import AgentProfile, Combo, Pool
from sotopia_core.records import Record
from sotopia_core.stores import Store

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R", bound=Record)


class Operational:
    """Marks an option that cannot change an episode's content (a URL, a limit); fingerprints leave it out."""


OPERATIONAL: Final = Operational()


def _beside_the_run_file(path: Path, info: Any) -> Path:
    # pydantic's ValidationInfo is a protocol that cannot be checked at runtime, so beartype refuses it as a hint.
    base_of = (info.context or {}).get("base_of")
    return path if base_of is None else base_of(info.field_name) / path.expanduser()


InputPath = Annotated[Path, AfterValidator(_beside_the_run_file)]
"""A file to read: in a run file, relative to the folder of the run file.

Validation takes the folder from its context: ``{"base_of": function from field name to folder}``."""


class Component(BaseModel, ABC):
    """What a plugin offers: options as fields, behaviour as methods. Two with the same options are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def prompts(self) -> Mapping[str, str]:
        """Return the texts of the templates that this component prompts with, by name; episodes record digests."""
        return {}

    def content_options(self) -> dict[str, Any]:
        """Return the options that can change an episode's content, as JSON values: all but the operational ones."""
        operational = {
            name
            for name, info in type(self).model_fields.items()
            if any(isinstance(mark, Operational) for mark in info.metadata)
        }
        return self.model_dump(mode="json", exclude=operational)


class _NamesAModel:
    """Marks an option that names a model, so that a run can look it up before it begins."""


class Model(Component):
    """A language model, or something that answers in its place.

    A provider implements ``complete``; what the text holds is found here. One instance serves all episodes of a run,
    many at a time.
    """

    re_asks: int = Field(
        default=2,
        ge=0,
        le=10,
        description="How often an unusable reply is asked for again, with what was wrong with it",
    )
    re_ask_model: Annotated[str | None, _NamesAModel()] = Field(
        default=None, min_length=1, description="The model that is asked again, by its name; none: the same one"
    )

    needs_sockets: ClassVar[bool] = True
    """Whether each call in flight holds a network connection, and so a file descriptor."""
    stand_in: ClassVar[bool] = False
    """Whether this is no language model; whatever it had a part in is marked."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The name under which records and tables show this model."""

    @abstractmethod
    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Answer one request with text; where it has a ``response_type``, with that type's JSON.

        Empty, cut off or misshapen text is returned as it is: whoever asked puts the question again. Raises
        ``ModelError`` where there is no text, ``ModelAccessError`` where there never will be.
        """

    async def generate(self, request: ModelRequest[T]) -> ModelReply[T]:
        """Answer one request; with a ``response_type`` the reply's ``value`` is an instance of it.

        Raises ``ModelError`` where no reply can be used, also after ``re_asks`` more.
        """

        async def put(messages: tuple[ChatMessage, ...], re_ask: int) -> Completion:
            return await self.complete(replace(request, messages=messages, re_ask=re_ask) if re_ask else request)

        return await ask(
            put, request.messages, request.response_type, request.context, label=self.label, re_asks=self.re_asks
        )

    def estimated_cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """Return about what so many tokens cost, in US dollars, without asking anybody; None where that is unknown."""
        return 0.0 if self.stand_in else None

    def check_access(self) -> None:
        """Raise ``ModelAccessError`` if it is plain before any call that none can succeed, as without a key."""

    async def aclose(self) -> None:
        """Give back what was opened, such as connections."""


def _dump_model_ref(value: Model | str) -> str:
    return value if isinstance(value, str) else value.label


ModelRef = Annotated[
    str | InstanceOf[Model],
    _NamesAModel(),
    PlainSerializer(_dump_model_ref, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "description": 'A name from [models], "offline", or a LiteLLM id such as "openai/gpt-4o"',
        }
    ),
]
"""An option that names a model: in a run file a string, from Python also a ``Model``."""


def model_refs(component: Component) -> dict[str, Model | str]:
    """Return the options of a component that name models, and what they name."""
    return {
        name: value
        for name, info in type(component).model_fields.items()
        if names_a_model(info) and isinstance(value := getattr(component, name), str | Model)
    }


def names_a_model(option: FieldInfo) -> bool:
    """Whether an option of a component is a ``ModelRef``."""
    return _is_marked(option.annotation, option.metadata)


def _is_marked(annotation: object, metadata: Sequence[object] = ()) -> bool:
    marks = (*metadata, *getattr(annotation, "__metadata__", ()))
    return any(isinstance(mark, _NamesAModel) for mark in marks) or any(map(_is_marked, get_args(annotation)))


ModelFinder = Callable[[str], Model]
"""Finds the model behind a name, as a run's [models] and the registry know it."""


CallListener = Callable[[ModelRequest[Any], Completion], None]
"""Hears of each completion: a new one, or one recalled from the journal."""


class AttemptCounter:
    """Counts what one role has asked in the current turn, so that each of its completions has a key of its own."""

    def __init__(self) -> None:
        self._turn = -1
        self._attempts = 0

    def next(self, turn: int) -> int:
        """Return the number of the next attempt in a turn, from 0."""
        self._attempts = self._attempts + 1 if turn == self._turn else 0
        self._turn = turn
        return self._attempts


class ModelHandle:
    """A model as one role (an agent or an evaluator) of one episode may use it: counted, seeded and journaled.

    ``re_ask_model`` is asked where a reply cannot be used, the same model where there is none. ``turn`` tells the turn
    that the episode is at; ``on_call`` hears of each completion. Handles of one role share their ``attempts``. The
    kernel makes these; plugins only call :meth:`generate`.
    """

    def __init__(
        self,
        model: Model,
        *,
        purpose: str,
        seed: int,
        role: str = "",
        re_ask_model: Model | None = None,
        turn: Callable[[], int] = lambda: 0,
        scene: Callable[[], Scene | None] = lambda: None,
        attempts: AttemptCounter | None = None,
        journal: ReplyJournal | None = None,
        on_call: CallListener | None = None,
    ) -> None:
        self._model = model
        self._purpose = purpose
        self._quoted_purpose = canonical_json(purpose)
        self._seed = seed
        self._role = role
        self._re_ask_model = model if re_ask_model is None else re_ask_model
        self._turn = turn
        self._scene = scene
        self._attempts = AttemptCounter() if attempts is None else attempts
        self._journal = journal
        self._on_call = on_call

    @property
    def label(self) -> str:
        """The model's name in records and tables."""
        return self._model.label

    def generate(
        self,
        messages: Sequence[ChatMessage],
        response_type: type[T] | None = None,
        *,
        context: Hashable = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Coroutine[Any, Any, ModelReply[T]]:
        """Ask the model; with a ``response_type`` the reply's ``value`` is an instance of it, or ``ModelError``.

        ``context`` is what the validators of the ``response_type`` must know.
        """

        model = self._model
        put = partial(self._put, response_type, context, temperature, max_tokens)
        return ask(put, tuple(messages), response_type, context, label=model.label, re_asks=model.re_asks)

    async def _put(
        self,
        response_type: type[BaseModel] | None,
        context: Hashable,
        temperature: float | None,
        max_tokens: int | None,
        messages: tuple[ChatMessage, ...],
        re_ask: int,
    ) -> Completion:
        """Recall the completion, or ask for it and keep it before anybody uses it."""
        turn = self._turn()
        key = ReplyKey(turn, self._role, self._purpose, self._attempts.next(turn))
        request: ModelRequest[Any] = ModelRequest(
            messages=messages,
            response_type=response_type,
            context=context,
            temperature=temperature,
            max_tokens=max_tokens,
            seed=seed_of(f"[{self._seed},{turn},{self._quoted_purpose},{key.attempt}]"),
            purpose=self._purpose,
            re_ask=re_ask,
            scene=self._scene(),
        )
        completion = None if self._journal is None else self._journal.recall(key, request)
        if completion is None:
            model = self._re_ask_model if re_ask else self._model
            completion = await model.complete(request)
            if not isinstance(completion, Completion):
                given = type(completion).__name__
                raise PluginError(model.label, "answering", f"it gave {given}, not a Completion")
            if self._journal is not None:
                await self._journal.keep(key, request, completion)
        if self._on_call is not None:
            self._on_call(request, completion)
        return completion


@dataclass(frozen=True, kw_only=True)
class Seat:
    """An agent's place in one episode: who it is and what it was given. Nothing in it is another agent's secret.

    ``run`` and ``episode`` are primary keys, empty outside a run.
    """

    index: int
    background: Background
    profile: AgentProfile
    run: str = ""
    episode: str = ""
    seed: int = 0
    models: Callable[[Model | str], ModelHandle] | None = None

    @cached_property
    def name(self) -> str:
        """The agent's name: the key of the environment's dicts, and how others address it."""
        return self.profile.name

    @property
    def goal(self) -> str:
        """The agent's own goal, as written for it."""
        return self.background.goal or ""

    def random(self, turn: int) -> Random:
        """Return a random generator for one turn: the same whenever the same seat of the same episode asks again."""
        return generator(self.seed, turn)

    def model(self, ref: Model | str) -> ModelHandle:
        """Return the model behind an option of type ``ModelRef``, to be asked on behalf of this seat."""
        if self.models is None:
            raise LookupError(f"{self.name} sits outside a run, where no model can be looked up")
        return self.models(ref)


class Agent(Component):
    """Somebody who acts. The kernel makes one instance for each seat of each episode and binds ``self.seat``.

    A whole custom agent::

        class Parrot(Agent):
            async def aact(self, observation: Observation) -> AgentAction:
                heard = [event for event in observation.events if event.sender != self.seat.name]
                return AgentAction(action_type="speak", argument=heard[-1].action.argument if heard else "Hello!")

    What an agent remembers lives in private attributes of the instance.
    """

    timeout: Annotated[float, OPERATIONAL] = Field(
        default=600.0, gt=0, description="Seconds that one action may take, all attempts together"
    )

    exclusive: ClassVar[bool] = False
    """Whether only one episode at a time can hold such an agent, such as a person at the terminal."""
    recallable: ClassVar[bool] = False
    """Whether ``aact`` does the same again where it is sent the same and models reply the same. The journal then keeps
    the replies alone, and a resumed run has ``aact`` find the actions again; else it keeps the actions as well. A
    subclass that acts upon anything besides takes it back."""
    grace: ClassVar[float] = 0.0
    """Seconds beyond ``timeout`` that the kernel waits, for agents that keep the limit themselves and still act."""

    # A cached property that bind fills, since pydantic's private attributes are slow and a seat is read all the time.
    @cached_property
    def seat(self) -> Seat:
        """The seat this instance was made for."""
        raise LookupError(f"{type(self).__name__} is not seated yet; the kernel binds the seat before turn 0")

    def bind(self, seat: Seat) -> None:
        """Take a seat. Called by the kernel, once, before turn 0; ``ValueError`` where one is taken already."""
        if "seat" in self.__dict__:
            raise ValueError(f"this {type(self).__name__} sits as {self.seat.name} already; make one for each seat")
        self.__dict__["seat"] = seat

    @property
    def model_label(self) -> str:
        """What records show as this seat's model; the class name for agents that use none."""
        model = getattr(self, "model", None)
        return model.label if isinstance(model, Model) else model if isinstance(model, str) else type(self).__name__

    @abstractmethod
    async def aact(self, observation: Observation) -> AgentAction:
        """Decide what to do upon an observation in which ``observation.in_turn`` holds."""

    async def observe(self, observation: Observation) -> None:
        """Take note of an observation without being asked to act: out of turn, or at the end."""

    async def replay(self, observation: Observation, action: AgentAction) -> None:
        """Take note of having been asked and having acted so. On resume, called in place of ``aact``."""
        await self.observe(observation)

    async def aclose(self) -> None:
        """Give back what was opened, at the end of the episode."""

    async def adjourn(self) -> None:
        """Give back what was opened where the run stops in mid-episode and may be resumed; by default as at the end."""
        await self.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The whole episode so far, as orderings and evaluators see it: everything, secrets and private messages included.

    ``turn`` is the environment's turn number; ``events`` are the actions of those in turn, in order; ``background`` is
    the judge's. ``left`` names those who left. ``game_metadata`` is the scenario's: the facts of a game, such as what
    each side can afford, which no agent is told and which evaluators compute with.
    """

    background: Background
    turn: int
    events: tuple[Event, ...] = ()
    left: frozenset[str] = frozenset()
    game_metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the seats."""
        return self.background.names

    @property
    def remaining(self) -> tuple[str, ...]:
        """The names of those who have not left, in the order of the seats."""
        return tuple(name for name in self.names if name not in self.left) if self.left else self.names


class Ordering(Component):
    """Decides who acts. A pure function of the transcript and the generator it is given."""

    @abstractmethod
    def in_turn(self, transcript: Transcript, random: Random) -> Sequence[str]:
        """Return the names of those who act upon the observations of turn ``transcript.turn``: some who remain."""


class Sampler(Component):
    """Draws the combos that a run plays."""

    @abstractmethod
    def sample(self, pool: Pool, seats: int | None, random: Random) -> Iterable[Combo]:
        """Yield combos from the pool, ``seats`` agents each; None leaves the number to the scenarios.

        Raises ``InputError`` where nothing can be drawn, saying why.
        """


@dataclass(frozen=True, kw_only=True)
class EvaluationContext:
    """What an evaluator may use besides the transcript."""

    seed: int = 0
    models: Callable[[Model | str], ModelHandle] | None = None

    def model(self, ref: Model | str) -> ModelHandle:
        """Return the model behind an option of type ``ModelRef``, to be asked on behalf of this evaluator."""
        if self.models is not None:
            return self.models(ref)
        if isinstance(ref, Model):
            return ModelHandle(ref, purpose="judge", seed=self.seed)
        raise LookupError(f"outside a run no model is called {ref!r}; give the evaluator a Model instead of a name")

    def random(self) -> Random:
        """Return a random generator that depends on run, draw, trial and evaluator."""
        return generator(self.seed)


class Verdict(Value):
    """A response evaluator's answer: whether the interaction is over, and why."""

    terminated: bool
    comments: str = ""


class Evaluator(Component):
    """What response and terminal evaluators have in common."""

    timeout: Annotated[float, OPERATIONAL] = Field(
        default=600.0, gt=0, description="Seconds that one evaluation may take, all attempts together"
    )


class ResponseEvaluator(Evaluator):
    """Looks at the interaction once a turn, after its actions, and says whether it is over."""

    @abstractmethod
    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Verdict:
        """Judge the turn that was just taken."""


class TerminalEvaluator(Evaluator):
    """Scores an interaction once, when it is over."""

    @property
    @abstractmethod
    def dimensions(self) -> DimensionSet:
        """The dimensions that the scores are on."""

    @property
    def model_label(self) -> str | None:
        """What records show as the judge; None for evaluators that use no model."""
        model = getattr(self, "model", None)
        return model.label if isinstance(model, Model) else model if isinstance(model, str) else None

    @abstractmethod
    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Mapping[str, Judgement]:
        """Give ``Scored`` or ``Unscored(reason)`` for each agent, by name.

        An agent left out, or a score off the scale, becomes ``Unscored``; so does everyone when this raises.
        """


class Storage(Component):
    """Where records are kept: the options that say which store, and how to open it."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """The URL schemes that name this storage, such as ``("sqlite",)``."""

    @classmethod
    @abstractmethod
    def from_url(cls, url: str) -> Storage:
        """Read the options off a URL; ``StorageError`` where they do not make sense."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL that names this store, without a password."""

    def exists(self) -> bool:
        """Whether there is something to open; readers ask first, so that looking does not make an empty store."""
        return True

    @abstractmethod
    def open(self) -> Store:
        """Open the store, making it where it does not exist; ``StorageError`` says in one line why that cannot be."""
