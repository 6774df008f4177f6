"""The environment: whose turn it is, what each agent sees, when it is over and how it is scored."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple, TypedDict, get_args

from sotopia_core.asking import ReplyJournal
from sotopia_core.digests import derive_seed, lots
from sotopia_core.episodes import Turn
from sotopia_core.errors import (
    ActionError,
    EpisodeOverError,
    ModelAccessError,
    PluginError,
    pass_on,
    unicode_text,
)
from sotopia_core.evaluation import (
    Evaluation,
    MissingRule,
    Reward,
    aggregate,
    check_compatible,
)
from sotopia_core.interfaces import (
    EvaluationContext,
    ModelFinder,
    Ordering,
    ResponseEvaluator,
    Seat,
    TerminalEvaluator,
    Transcript,
    Verdict,
)
from sotopia_core.judging import evaluate
from sotopia_core.lent_models import LentModels, RoleListener
from sotopia_core.limits import within
from sotopia_core.messages import ACTION_TYPES, ActionType, AgentAction, Event, Observation
from sotopia_core.models import Scene
from sotopia_core.plugins import CORE, titled
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile
from sotopia_core.registry import Registry
from sotopia_core.visibility import Mode, background_for_judge, backgrounds_for, events_for

MODES: Final = get_args(Mode)
MISSING_RULES: Final = get_args(MissingRule)
EXAMPLE: Final = "RuleBasedTerminatedEvaluator(max_turn_number=20)"


class Info(TypedDict):
    """What ``astep`` says about one agent beside its observation."""

    comments: str
    complete_rating: float | None


class Step(NamedTuple):
    """PettingZoo's five dicts, keyed by agent name; all agents are in each of them, those who left included.

    ``rewards`` is 0.0 while the interaction goes on; at its end it is the overall score, None where there is none.
    """

    observations: dict[str, Observation]
    rewards: dict[str, float | None]
    terminations: dict[str, bool]
    truncations: dict[str, bool]
    infos: dict[str, Info]


class ParallelSotopiaEnv:
    """One scenario and its cast, played turn by turn, after the parallel API of PettingZoo.

    ``evaluators`` may mix response and terminal evaluators. Without an ``ordering`` the agents take turns in the order
    of their seats. ``seed`` is the root of every random generator; ``find_model`` resolves evaluators' and agents'
    models that are given by name; ``journal`` keeps and recalls what models said; ``run`` and ``episode`` are the
    primary keys that seats are told. ``ValueError`` where the cast does not fit the scenario, or where two evaluators
    mean different things by one dimension. ::

        env = ParallelSotopiaEnv(scenario, [mia, leo], [RuleBasedTerminatedEvaluator(max_turn_number=4)])
        observations = env.reset()
        while not env.done:
            actions = {name: AgentAction(action_type="speak", argument="Hello!") for name in env.in_turn}
            observations, rewards, terminations, truncations, infos = await env.astep(actions)
    """

    def __init__(
        self,
        scenario: EnvironmentProfile | Combo,
        agents: Sequence[AgentProfile] = (),
        evaluators: Iterable[ResponseEvaluator | TerminalEvaluator] = (),
        *,
        ordering: Ordering | None = None,
        mode: Mode = "standard",
        missing: MissingRule = "strict",
        action_types: Sequence[ActionType] = ACTION_TYPES,
        seed: int = 0,
        find_model: ModelFinder | None = None,
        on_call: RoleListener | None = None,
        journal: ReplyJournal | None = None,
        run: str = "",
        episode: str = "",
    ) -> None:
        self.combo = scenario if isinstance(scenario, Combo) else Combo(environment=scenario, agents=tuple(agents))
        self.names: tuple[str, ...] = self.combo.names
        """All agents' names, in the order of their seats."""
        self.mode: Mode = mode
        self._evaluators = tuple(evaluators)
        self._response = [e for e in self._evaluators if isinstance(e, ResponseEvaluator)]
        self._terminal = [e for e in self._evaluators if isinstance(e, TerminalEvaluator)]
        for evaluator in self._evaluators:
            if not isinstance(evaluator, ResponseEvaluator | TerminalEvaluator):
                raise TypeError(f"{evaluator!r} is no evaluator; give instances, such as {EXAMPLE}")
        for value, known, what in ((mode, MODES, "mode"), (missing, MISSING_RULES, "missing")):
            if value not in known:
                raise ValueError(f"{what} is {value!r}; expected one of {', '.join(known)}")
        for action_type in action_types:
            if action_type not in ACTION_TYPES:
                raise ValueError(f"{action_type!r} is no action type; expected some of {', '.join(ACTION_TYPES)}")
        check_compatible([evaluator.dimensions for evaluator in self._terminal])
        self._roles = role_names(self._evaluators)
        self._ordering = ordering if ordering is not None else default_ordering()
        self._missing: MissingRule = missing
        self.action_types: tuple[ActionType, ...] = tuple(action_types)
        """What an agent in turn may do; doing nothing is open to it in any case."""
        self._models = LentModels(find_model, on_call, journal, turn=lambda: self.turn, scene=self._scene)
        self._run = run
        self._episode = episode
        self._backgrounds = backgrounds_for(self.combo, mode)
        self._judges_background = background_for_judge(self.combo)
        self._seed = seed
        self._start()

    def _start(self) -> None:
        self.turn = 0
        self.done = False
        self.comments = ""
        self.evaluations: tuple[Evaluation, ...] = ()
        self.outcome: dict[str, Reward] = {}
        self._events: list[Event] = []
        self._left: frozenset[str] = frozenset()
        self._seen: dict[str, list[Event]] = {name: [] for name in self.names}
        self._current: dict[str, Observation] = {}
        self.in_turn: tuple[str, ...] = ()
        self._contexts: dict[str, EvaluationContext] = {}

    @property
    def transcript(self) -> Transcript:
        """Everything that has happened, as evaluators and orderings see it."""
        return Transcript(
            background=self._judges_background,
            turn=self.turn,
            events=tuple(self._events),
            left=self._left,
            game_metadata=self.combo.environment.game_metadata or {},
        )

    @property
    def observations(self) -> dict[str, Observation]:
        """What each agent that was still there at the latest turn was sent."""
        return dict(self._current)

    def history(self) -> Iterator[tuple[dict[str, Observation], dict[str, AgentAction]]]:
        """Yield for each turn what each agent that was still there was sent, and what those in turn then did.

        It is made anew from what happened, exactly as it was. Upon what was sent at the latest turn nothing was done.
        """
        events = {turn: tuple(some) for turn, some in groupby(self._events, attrgetter("turn"))}
        remaining = self.names
        for turn in range(self.turn + 1):
            told, done = events.get(turn - 1, ()), events.get(turn, ())
            present, remaining = remaining, _without(remaining, _who_left(told))
            in_turn = tuple([event.sender for event in done]) if turn < self.turn else self.in_turn
            observations = {name: self._observation(turn, name, remaining, in_turn, told) for name in present}
            yield observations, {event.sender: event.action for event in done}

    def seats(self) -> tuple[Seat, ...]:
        """Return a seat for each agent, for the components that act to be bound to."""
        return tuple(
            Seat(
                index=index,
                background=self._backgrounds[profile.name],
                profile=profile,
                run=self._run,
                episode=self._episode,
                seed=derive_seed(self._seed, "seat", index),
                models=self._models.lend(profile.name, "act", derive_seed(self._seed, "model", index)),
            )
            for index, profile in enumerate(self.combo.agents)
        )

    def retire(self) -> None:
        """Lend no models any more, after the last episode.

        Models lent tell the environment's turn and scene, and so refer back to it. Without them all memory of the
        episode is given back at once, and not when Python next looks for cycles.
        """
        self._contexts.clear()
        self._models = _NO_MODELS

    def reset(self, seed: int | None = None) -> dict[str, Observation]:
        """Begin anew. Returns the observations of turn 0: the background that each agent may know."""
        if seed is not None:
            self._seed = seed
        self._start()
        self.in_turn = self._choose(self.transcript)
        self._current = {name: self._observation(0, name, self.names, self.in_turn, ()) for name in self.names}
        return self.observations

    async def astep(self, actions: Mapping[str, AgentAction]) -> Step:
        """Take a turn, as :meth:`advance` does, and where it was the last one, :meth:`score` the interaction.

        Returns what everybody is sent, and how it stands.
        """
        await self.advance(actions)
        if self.done:
            await self.score()
        return self._step()

    async def advance(self, actions: Mapping[str, AgentAction]) -> None:
        """Take a turn: all agents in turn act at once, then the response evaluators look.

        ``actions`` needs one for each agent in turn; the others may only do nothing. ``ActionError`` where an action
        is against the rules, ``EpisodeOverError`` after the end; in both cases nothing has changed. ``PluginError``
        where a response evaluator or the ordering fails.
        """
        if not self._current:
            raise EpisodeOverError("the episode has not begun; call reset first")
        if self.done:
            raise EpisodeOverError(f"the episode ended at turn {self.turn}; call reset to play another")
        present = _without(self.names, self._left)
        happened = self._check(actions)
        self._events += happened
        self._left |= _who_left(happened)
        self.turn += 1
        transcript = self.transcript
        verdicts = await self._ask_all(transcript)
        self.done = any(verdict.terminated for verdict in verdicts)
        self.comments = "; ".join(verdict.comments for verdict in verdicts if verdict.comments)
        self.in_turn = () if self.done else self._choose(transcript)
        remaining = transcript.remaining
        self._current = {
            name: self._observation(self.turn, name, remaining, self.in_turn, happened) for name in present
        }
        for name, observation in self._current.items():
            self._seen[name] += observation.events

    async def score(self) -> dict[str, Reward]:
        """Score the interaction, which is over. Returns each agent's reward; ``ValueError`` where it goes on."""
        if not self.done:
            raise ValueError(f"the episode goes on at turn {self.turn}; it is scored when it is over")
        await self._score({})
        return self.outcome

    async def judge(self, turns: Sequence[Turn], comments: str = "", kept: Iterable[Evaluation] = ()) -> None:
        """Score an interaction that was played before: ``turns`` as they were kept, ``comments`` why it ended.

        Nobody acts, and no response evaluator is asked. Of the evaluations ``kept``, those by evaluators of the same
        roles stand as they are.
        """
        self._start()
        for turn in turns:
            happened = [Event(turn=turn.number, sender=name, action=action) for name, action in turn.actions.items()]
            self._events += happened
            self._left |= _who_left(happened)
            self._current = dict(turn.observations)
            self.turn = turn.number
        self.done, self.comments = True, comments
        await self._score({evaluation.evaluator: evaluation for evaluation in kept})

    async def _score(self, kept: Mapping[str, Evaluation]) -> None:
        async def one(evaluator: TerminalEvaluator) -> Evaluation:
            role = self._roles[id(evaluator)]
            if role in kept:
                return kept[role]
            answered: list[str] = []
            return await evaluate(evaluator, role, self.transcript, self._context(role, answered), answered)

        self.evaluations = tuple(await asyncio.gather(*map(one, self._terminal)))
        self.outcome = aggregate(self.evaluations, self.names, self._missing)

    def _step(self) -> Step:
        names = self.names
        ratings: dict[str, float | None] = dict.fromkeys(names)
        ratings |= {name: reward.overall for name, reward in self.outcome.items()}
        absent = [name for name in names if name not in self._current]
        return Step(
            observations=self._current | {name: Observation(turn=self.turn, agent=name) for name in absent},
            rewards=dict(ratings) if self.done else dict.fromkeys(names, 0.0),
            terminations={name: self.done or name in self._left for name in names},
            truncations=dict.fromkeys(names, False),
            infos={name: {"comments": self.comments, "complete_rating": ratings[name]} for name in names},
        )

    def _observation(
        self, turn: int, name: str, remaining: tuple[str, ...], in_turn: tuple[str, ...], happened: tuple[Event, ...]
    ) -> Observation:
        return Observation.trusted(
            turn=turn,
            agent=name,
            background=None if turn else self._backgrounds[name],
            events=events_for(happened, name),
            available_actions=self.action_types if name in in_turn else ("none",),
            remaining=remaining,
        )

    def _choose(self, transcript: Transcript) -> tuple[str, ...]:
        try:
            chosen = tuple(self._ordering.in_turn(transcript, lots(self._seed, "ordering", self.turn)))
        except BaseException as error:
            pass_on(error)
            raise self._disordered(error) from error
        remaining = transcript.remaining
        if not chosen and remaining:
            raise self._disordered(f"nobody acts at turn {self.turn}")
        for name in chosen:
            if name not in remaining or chosen.count(name) > 1:
                raise self._disordered(f"{name!r} cannot act (once) at turn {self.turn}")
        return tuple(name for name in self.names if name in chosen)

    def _disordered(self, what: BaseException | str) -> PluginError:
        return PluginError(titled(type(self._ordering)), "choosing who acts", what)

    def _check(self, actions: Mapping[str, AgentAction]) -> tuple[Event, ...]:
        """Hold the actions against the rules and return what happens, in the order of the seats."""
        for name, action in actions.items():
            if not isinstance(action, AgentAction):
                raise ActionError(f"{name} gave {type(action).__name__}, not an AgentAction")
            if name not in self.names:
                raise ActionError(f"{name!r} takes no part; the agents are {', '.join(self.names)}")
            if name in self.in_turn:
                self._check_one(name, action)
            elif action.action_type != "none":
                raise ActionError(f"{name} is not in turn at turn {self.turn} and cannot {action.action_type}", name)
        missing = [name for name in self.in_turn if name not in actions]
        if missing:
            raise ActionError(f"{missing[0]} is in turn at turn {self.turn} and gave no action", missing[0])
        return tuple([Event.trusted(turn=self.turn, sender=name, action=actions[name]) for name in self.in_turn])

    def _check_one(self, name: str, action: AgentAction) -> None:
        if unicode_text(action.argument) != action.argument:
            raise ActionError(f"{name} used half a surrogate pair at turn {self.turn}, which is no Unicode text", name)
        if action.action_type not in (*self.action_types, "none"):
            allowed = ", ".join(self.action_types)
            raise ActionError(
                f"{name} chose {action.action_type!r}, which is not among the actions here: {allowed}", name
            )
        for recipient in action.to:
            if recipient not in self.names:
                raise ActionError(f"{name} addressed {recipient!r}; the agents are {', '.join(self.names)}", name)

    async def _ask_all(self, transcript: Transcript) -> list[Verdict]:
        if len(self._response) == 1:  # the common case, without the cost of a task
            return [await self._ask(self._response[0], transcript)]
        return list(await asyncio.gather(*(self._ask(evaluator, transcript) for evaluator in self._response)))

    async def _ask(self, evaluator: ResponseEvaluator, transcript: Transcript) -> Verdict:
        role = self._roles[id(evaluator)]
        try:
            if role not in self._contexts:
                self._contexts[role] = self._context(role, None)
            context = self._contexts[role]
            verdict = await within(evaluator.timeout, lambda: evaluator.evaluate(transcript, context))
        except ModelAccessError:
            raise
        except BaseException as error:
            pass_on(error)
            raise PluginError(titled(type(evaluator), role), f"judging turn {self.turn}", error) from error
        if not isinstance(verdict, Verdict):
            who, what = titled(type(evaluator), role), f"it gave {type(verdict).__name__}, not a Verdict"
            raise PluginError(who, f"judging turn {self.turn}", what)
        if type(verdict.terminated) is bool and type(verdict.comments) is str and not verdict.comments:
            return verdict
        return Verdict(terminated=bool(verdict.terminated), comments=unicode_text(str(verdict.comments)))

    def _context(self, role: str, answered: list[str] | None) -> EvaluationContext:
        seed = derive_seed(self._seed, "evaluator", role)
        return EvaluationContext(seed=seed, models=self._models.lend(role, "judge", seed, answered))

    def _scene(self, role: str) -> Scene:
        if role in self._backgrounds:
            return Scene(
                background=self._backgrounds[role],
                events=tuple(self._seen[role]),
                current=self._current.get(role),
            )
        return Scene(background=self._judges_background, events=tuple(self._events), current=None)


def _who_left(happened: Iterable[Event]) -> set[str]:
    return {event.sender for event in happened if event.action.action_type == "leave"}


def _without(names: tuple[str, ...], left: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in left) if left else names


def _nothing_known(role: str) -> Scene:
    raise LookupError(f"the environment is retired; {role} can ask no model any more")


_NO_MODELS: Final = LentModels(None, None, None, turn=lambda: 0, scene=_nothing_known)


def default_ordering() -> Ordering:
    """Return the ordering that holds where none is named: the installed ``RoundRobin``."""
    return Registry.installed().component("orderings", f"{CORE}:RoundRobin", Ordering)()


def component_name(component: object) -> str:
    """Return a component's name as run files write it, such as ``ReachGoalLLMEvaluator[SotopiaDimensions]``."""
    return type(component).__name__


def role_names(evaluators: Sequence[ResponseEvaluator | TerminalEvaluator]) -> dict[int, str]:
    """Name each evaluator, by ``id``: its class name, numbered where several share one."""
    names = [component_name(evaluator) for evaluator in evaluators]
    roles: dict[int, str] = {}
    for position, (evaluator, name) in enumerate(zip(evaluators, names, strict=True)):
        earlier = names[:position].count(name)
        roles[id(evaluator)] = f"{name} #{earlier + 1}" if names.count(name) > 1 else name
    return roles
