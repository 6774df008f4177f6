"""From a run file to components: classes looked up, options validated, models found, before anything is played."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from sotopia_core.config import ComponentTable, Key, LoadedConfig, RunConfig
from sotopia_core.digests import digest
from sotopia_core.errors import (
    ConfigError,
    InputError,
    ModelAccessError,
    PluginError,
    nearest,
    pass_on,
)
from sotopia_core.evaluation import DimensionSet, check_compatible
from sotopia_core.interfaces import (
    Agent,
    Component,
    Model,
    Ordering,
    ResponseEvaluator,
    Sampler,
    Storage,
    TerminalEvaluator,
    model_refs,
)
from sotopia_core.plugins import CORE, titled
from sotopia_core.registry import Kind, Registry
from sotopia_core.rubrics import dimensions_from_table
from sotopia_core.wording import explain, location

StoredDimensions = Callable[[Storage | None, str], type[BaseModel] | None]
"""Finds a dimension set among the records of the run file's own store, or of the store that is meant where it names
none; None where there is no such set."""

CUSTOM_KEY: Final = "CUSTOM_API_KEY"
"""The environment variable that may hold the key for models named ``custom/MODEL@URL``."""

_CUSTOM: Final = re.compile(r"custom/(?P<model>.+?)@(?P<url>https?://.+)")

P = TypeVar("P", bound=Component)
T = TypeVar("T")


@dataclass(frozen=True)
class Blueprint:
    """A validated component of a run file, from which new instances can be made."""

    use: str
    sample: Component
    make: Callable[[], Component]


@dataclass(frozen=True)
class Seating:
    """The agents of a run file: one blueprint a seat, or one for all seats."""

    blueprints: tuple[Blueprint, ...]

    @property
    def seats(self) -> int | None:
        """How many seats there are; None where the scenarios decide."""
        return len(self.blueprints) if len(self.blueprints) > 1 else None

    def blueprint(self, seat: int) -> Blueprint:
        """Return the blueprint for a seat (0-based)."""
        return self.blueprints[seat if self.seats else 0]

    def sample(self, seat: int) -> Agent:
        """Return an agent with the options of a seat, which is never played."""
        agent = self.blueprint(seat).sample
        assert isinstance(agent, Agent)
        return agent

    def make(self, seat: int) -> Agent:
        """Make a new agent for a seat.

        ``PluginError`` where that fails; ``ConfigError`` where its templates are no longer those the run began with.
        """
        blueprint = self.blueprint(seat)
        try:
            agent = blueprint.make()
        except InputError:
            raise
        except BaseException as error:
            pass_on(error)
            raise PluginError(titled(type(blueprint.sample), blueprint.use), "being made", error) from error
        assert isinstance(agent, Agent)
        if agent.prompts() != blueprint.sample.prompts():
            raise ConfigError(f"{blueprint.use}: a prompt template changed while the run went on; start a new run")
        return agent


@dataclass
class ModelBook:
    """Finds a run's models by name, and makes each once."""

    named: Mapping[str, Blueprint]
    registry: Registry
    _made: dict[str, Model] = field(default_factory=dict)

    def __call__(self, name: str) -> Model:
        """Return the model: one of ``[models]``, ``offline``, ``custom/MODEL@URL``, or a LiteLLM id, with a slash."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Model:
        if name in self.named:
            model = self.named[name].make()
            assert isinstance(model, Model)
            return model
        if name == "offline":
            return self.registry.component("models", f"{CORE}:Offline", Model)()
        if name.startswith("custom/"):
            return self._custom(name)
        if "/" in name:
            return self.registry.component("models", f"{CORE}:LiteLLM", Model).model_validate({"model": name})
        close = nearest(name, [*self.named, "offline"])
        raise ConfigError(
            f"model {name!r} is neither in [models] nor an id such as 'openai/gpt-4o'{close}"
            + ("" if close else '; "offline" needs no key')
        )

    def _custom(self, name: str) -> Model:
        """Make the model of an id as Sotopia writes them for one's own servers: ``custom/MODEL@URL``."""
        parts = _CUSTOM.fullmatch(name)
        if parts is None:
            raise ConfigError(f"model {name!r}: an id such as 'custom/llama-3@http://127.0.0.1:8000/v1' was expected")
        options = {"model": parts["model"], "base_url": parts["url"]}
        if os.environ.get(CUSTOM_KEY):
            options["api_key_env"] = CUSTOM_KEY
        kind = self.registry.component("models", f"{CORE}:OpenAICompatible", Model)
        try:
            return kind.model_validate(options)
        except ValidationError as error:
            raise ConfigError(f"model {name.partition('@')[0]}@...: {explain(error, kind)}") from None

    @property
    def made(self) -> Mapping[str, Model]:
        """The models that have been asked for, by name."""
        return dict(self._made)

    async def aclose(self) -> None:
        """Close every model that was made."""
        for model in self._made.values():
            await model.aclose()


@dataclass(frozen=True)
class Wiring:
    """A run file made into components: everything that a run needs but the pool and the store."""

    config: RunConfig
    registry: Registry
    seating: Seating
    ordering: Ordering
    sampler: Sampler
    response_evaluators: tuple[ResponseEvaluator, ...]
    terminal_evaluators: tuple[TerminalEvaluator, ...]
    models: ModelBook
    storage: Storage | None
    base: Path
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each key of the run file was written, as the run's record keeps it."""

    @property
    def stand_in(self) -> bool:
        """Whether any model that the run asks is no language model."""
        return any(model.stand_in for model in self.models.made.values())

    @property
    def exclusive(self) -> bool:
        """Whether some agent can sit in one episode at a time only."""
        return any(type(b.sample).exclusive for b in self.seating.blueprints if isinstance(b.sample, Agent))

    def identity(self, seats: int) -> dict[str, Any]:
        """Return what determines the content of an episode of so many agents, its combo aside, as JSON values."""
        return {
            "mode": self.config.run.mode,
            "action_types": self.config.run.action_types,
            "missing": self.config.run.missing,
            "agents": [self._identity(self.seating.sample(seat)) for seat in range(seats)],
            "ordering": self._identity(self.ordering),
            "response_evaluators": [self._identity(evaluator) for evaluator in self.response_evaluators],
            "terminal_evaluators": [
                self._identity(evaluator) | {"dimensions": evaluator.dimensions.digest}
                for evaluator in self.terminal_evaluators
            ],
        }

    def components(self) -> dict[str, str]:
        """Return a digest of each component with all its options and its prompts, by where it stands."""
        placed: list[tuple[str, Component]] = [
            *((f"agents.{seat}", blueprint.sample) for seat, blueprint in enumerate(self.seating.blueprints)),
            ("ordering", self.ordering),
            *((f"response_evaluators.{i}", evaluator) for i, evaluator in enumerate(self.response_evaluators)),
        ]
        return {
            **{f"{type(one).__name__} ({where})": digest(self._identity(one)) for where, one in placed},
            **self.judges(),
        }

    def judges(self) -> dict[str, str]:
        """Return such a digest of each terminal evaluator, with its dimensions."""
        return {
            f"{type(one).__name__} (terminal_evaluators.{i})": digest(
                self._identity(one) | {"dimensions": one.dimensions.digest}
            )
            for i, one in enumerate(self.terminal_evaluators)
        }

    def _identity(self, component: Component) -> dict[str, Any]:
        """Name a component, its options and its prompts; a model stands for itself, whatever the run file calls it."""
        options = component.content_options()
        for option, ref in model_refs(component).items():
            model = ref if isinstance(ref, Model) else self.models(ref)
            options[option] = self._identity_of_model(model)
            if model.re_ask_model is not None:
                options[option]["options"]["re_ask_model"] = self._identity_of_model(self.models(model.re_ask_model))
        return {"use": type(component).__name__, "options": options, "prompts": dict(component.prompts())}

    @staticmethod
    def _identity_of_model(model: Model) -> dict[str, Any]:
        return {"use": type(model).__name__, "options": model.content_options()}

    def label(self, component: Agent | TerminalEvaluator) -> str:
        """Return the name under which records show who acts or judges: the model's own label, where one is asked."""
        ref = getattr(component, "model", None)
        return self.models(ref).label if isinstance(ref, str) else component.model_label or ""

    def prompts(self) -> dict[str, str]:
        """Return the texts of all templates that the run prompts with, by ``component: template``."""
        components = [b.sample for b in self.seating.blueprints]
        components += [*self.response_evaluators, *self.terminal_evaluators]
        return {f"{type(c).__name__}: {name}": text for c in components for name, text in c.prompts().items()}

    def versions(self) -> dict[str, str]:
        """Return the version of each distribution that has a plugin loaded."""
        return {p.distribution: p.version for p in self.registry.plugins if p.state == "loaded" and p.version}

    @property
    def dimensions(self) -> tuple[DimensionSet, ...]:
        """The dimension sets that the run's evaluators score on."""
        return tuple(evaluator.dimensions for evaluator in self.terminal_evaluators)


def _look_at(component: Component) -> None:
    """Ask a component for all that it says of itself, so that whatever is wrong with that comes before the run."""
    component.content_options()
    component.prompts()
    if isinstance(component, TerminalEvaluator) and not isinstance(component.dimensions, DimensionSet):
        raise TypeError(f"its dimensions are {type(component.dimensions).__name__}, not a DimensionSet")
    if isinstance(component, Agent | TerminalEvaluator):
        _ = component.model_label


def wire(
    loaded: LoadedConfig, registry: Registry, stored: StoredDimensions | None = None, *, access: bool = True
) -> Wiring:
    """Look up and validate every component of a run file; ``InputError``, with file and key, where one does not fit.

    A dimension set that neither the run file nor a plugin has is looked for with ``stored``. ``access`` says whether
    models are asked if they can be reached at all; where everything is recalled, none need be.
    """
    return _Wirer(loaded, registry, stored, access).wire()


@dataclass
class _Wirer:
    loaded: LoadedConfig
    registry: Registry
    stored: StoredDimensions | None = None
    access: bool = True

    def wire(self) -> Wiring:
        config = self.loaded.config
        self._dimensions: dict[str, type[BaseModel]] = {}
        self._storage = self._one("storage", ("storage",), config.storage, Storage) if config.storage else None
        self._dimensions = {
            name: self._guard(("dimensions", name), lambda n=name, t=table: self._dimension_set(n, t))  # type: ignore[misc]
            for name, table in config.dimensions.items()
        }
        models = {
            name: self._blueprint("models", ("models", name), table, Model) for name, table in config.models.items()
        }
        book = ModelBook(models, self.registry)
        wiring = Wiring(
            config=config,
            registry=self.registry,
            seating=Seating(self._blueprints("agents", "agents", config.agents, Agent)),
            ordering=self._one(
                "orderings", ("ordering",), self._unless_named("ordering", config.ordering)[0], Ordering
            ),
            sampler=self._one("samplers", ("sampler",), self._unless_named("sampler", config.sampler)[0], Sampler),
            response_evaluators=self._all(
                "response_evaluators",
                "response_evaluators",
                self._unless_named("response_evaluators", *config.response_evaluators),
                ResponseEvaluator,
            ),
            terminal_evaluators=self._all(
                "terminal_evaluators", "terminal_evaluators", config.terminal_evaluators, TerminalEvaluator
            ),
            models=book,
            storage=self._storage,
            base=self.loaded.base(("pool", "files")),
            origins=self.loaded.written_origins(),
        )
        self._find_models(wiring)
        self._guard(("terminal_evaluators",), lambda: check_compatible(wiring.dimensions))
        return wiring

    def _unless_named(self, section: str, *tables: ComponentTable) -> tuple[ComponentTable, ...]:
        """Let the defaults mean the built-ins, whoever else offers something of that name."""
        if section in self.loaded.config.model_fields_set:
            return tables
        return tuple(table.model_copy(update={"use": f"{CORE}:{table.use}"}) for table in tables)

    def _find_models(self, wiring: Wiring) -> None:
        """Find every model that a component names, and ask it whether it can be reached at all, where that matters."""
        users: list[tuple[Key, Component]] = [
            *((("agents", seat), b.sample) for seat, b in enumerate(wiring.seating.blueprints)),
            *((("response_evaluators", i), e) for i, e in enumerate(wiring.response_evaluators)),
            *((("terminal_evaluators", i), e) for i, e in enumerate(wiring.terminal_evaluators)),
        ]
        for key, component in users:
            for option, ref in model_refs(component).items():
                model = self._guard((*key, option), lambda r=ref: r if isinstance(r, Model) else wiring.models(r))  # type: ignore[misc]
                if self.access:
                    self._guard((*key, option), model.check_access)
                where = ("models", ref) if isinstance(ref, str) and ref in wiring.models.named else (*key, option)
                self._find_helper(model, where, wiring)

    def _find_helper(self, model: Model, key: Key, wiring: Wiring) -> None:
        """Find the model that another one has asked again in its place."""
        name = model.re_ask_model
        if name is not None:
            helper = self._guard((*key, "re_ask_model"), lambda: wiring.models(name))
            if self.access:
                self._guard((*key, "re_ask_model"), helper.check_access)

    def _dimension_set(self, name: str, table: Mapping[str, Any]) -> type[BaseModel]:
        def find(other: str) -> DimensionSet:
            return DimensionSet.from_model(
                self.registry.dimension_model(other, self._with_stored(other, self._earlier(name)))
            )

        return dimensions_from_table(name, table, self.loaded.base(("dimensions", name, "file")), find).as_model()

    def _earlier(self, name: str) -> dict[str, type[BaseModel]]:
        """Return the run file's own sets that stand before this one, which alone it may extend."""
        own: dict[str, type[BaseModel]] = {}
        for other, table in self.loaded.config.dimensions.items():
            if other == name:
                break
            own[other] = self._dimension_set(other, table)
        return own

    def _with_stored(self, name: str, own: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
        """Return the run file's own dimension sets, with the stored one of a name that nobody else has."""
        if not name or name in own or self.stored is None:
            return own
        if name.rpartition(":")[2] in self.registry.names("dimensions"):
            return own
        found = self.stored(self._storage, name)
        return own if found is None else {**own, name: found}

    def _blueprints(
        self, kind: Kind, section: str, tables: Sequence[ComponentTable], interface: type[P]
    ) -> tuple[Blueprint, ...]:
        return tuple(self._blueprint(kind, (section, i), table, interface) for i, table in enumerate(tables))

    def _all(self, kind: Kind, section: str, tables: Sequence[ComponentTable], interface: type[P]) -> tuple[P, ...]:
        return tuple(self._one(kind, (section, i), table, interface) for i, table in enumerate(tables))

    def _one(self, kind: Kind, key: Key, table: ComponentTable, interface: type[P]) -> P:
        made = self._blueprint(kind, key, table, interface).sample
        assert isinstance(made, interface)
        return made

    def _blueprint(self, kind: Kind, key: Key, table: ComponentTable, interface: type[P]) -> Blueprint:
        parameter = table.use.partition("[")[2].removesuffix("]")

        def find() -> type[P]:
            dimensions = self._with_stored(parameter, self._dimensions) if parameter else self._dimensions
            return self.registry.component(kind, table.use, interface, dimensions)

        found = self._guard((*key, "use"), find)
        context = {"base_of": lambda option: self.loaded.base((*key, option))}
        options = table.options

        def make() -> Component:
            try:
                return found.model_validate(options, context=context)
            except ValidationError as error:
                wrong = (*key, *error.errors()[0]["loc"])
                text = explain(error, found, within=location(key))
                raise ConfigError(f"{self.loaded.origin(wrong)}: {text}") from None

        try:
            sample = make()
            _look_at(sample)
        except InputError:
            raise
        except BaseException as error:
            pass_on(error)
            raise PluginError(titled(found, table.use), f"being made for {location(key)}", error) from error
        return Blueprint(table.use, sample, make)

    def _guard(self, key: Key, work: Callable[[], T]) -> T:
        """Do some work; whatever is wrong with the run file is said with the file and the key."""
        where = f"{self.loaded.origin(key)}: {location(key)}"
        try:
            return work()
        except InputError as error:
            raise type(error)(f"{where}: {error}") from error
        except ModelAccessError as error:
            raise ModelAccessError(f"{where}: {error}") from error
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error
