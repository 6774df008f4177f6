"""Run files: TOML, composed and overridden, into a ``RunConfig``; every error is one line that names file and key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from sotopia_core.errors import ConfigError
from sotopia_core.evaluation import MissingRule
from sotopia_core.messages import ACTION_TYPES, ActionType, Value
from sotopia_core.visibility import Mode
from sotopia_core.wording import explain

InvalidActionRule = Literal["fail", "none"]
"""Whether an agent's unusable reply ends its episode, or counts as doing nothing and is recorded as such."""

Key = tuple[str | int, ...]
WholeNumber = Annotated[int, Strict()]
Name = Annotated[str, Field(min_length=1)]


class RunSection(Value):
    """``[run]``: what holds for the whole run."""

    name: Name = Field(default="run", description="How lists and messages call the run")
    tag: str = Field(default="", description="Kept with every episode, to find them by")
    seed: WholeNumber = Field(default=0, description="Root of every random generator")
    trials: WholeNumber = Field(default=1, ge=1, description="Repetitions of each combo")
    concurrency: WholeNumber = Field(default=20, ge=1, description="Episodes in play at one time")
    mode: Mode = Field(default="standard", description="What agents are told of each other")
    relationships: Literal["scenario", "stored"] = Field(
        default="scenario", description="Whether the scenario or the stored RelationshipProfile says who knows whom"
    )
    action_types: tuple[ActionType, ...] = Field(
        default=ACTION_TYPES, min_length=1, description="What an agent in turn may do"
    )
    missing: MissingRule = Field(default="strict", description="What a missing judge or dimension does to an average")
    on_invalid_action: InvalidActionRule = Field(
        default="fail",
        description="What a reply of an agent's model that cannot be used does: end the episode, or nothing",
    )
    save: Annotated[bool, Strict()] = Field(default=True, description="false: play, print, keep nothing")


class ComponentTable(BaseModel):
    """A table that names a component with ``use``; its other keys are that component's options."""

    model_config = ConfigDict(frozen=True, extra="allow")

    use: Name = Field(description="Name of the component, such as LLMAgent or distribution:LLMAgent")

    @property
    def options(self) -> dict[str, Any]:
        """Everything but ``use``."""
        return dict(self.__pydantic_extra__ or {})


def _using(name: str) -> BeforeValidator:
    """Let a table that names no component mean this one."""

    def fill_in(table: object) -> object:
        return {"use": name, **table} if isinstance(table, dict) else table

    return BeforeValidator(fill_in)


class PoolSection(Value):
    """``[pool]``: what the sampler draws from; without files or packs, the store."""

    files: tuple[str, ...] = Field(default=(), description="Record files or glob patterns, beside the run file")
    packs: tuple[str, ...] = Field(default=(), description="Packs of installed plugins, such as starter")
    environments: tuple[str, ...] = Field(default=(), description="pks or codenames; none named: all")
    agents: tuple[str, ...] = Field(default=(), description="pks or full names; none named: all")
    tag: str | None = Field(default=None, description="Only scenarios with this tag")


class BudgetSection(Value):
    """``[budget]``: what a run may take before it is stopped; going on with it later may take as much again."""

    usd: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="US dollars; none: no limit")
    tokens: WholeNumber | None = Field(default=None, ge=1, description="Tokens, read and written; none: no limit")


class PluginsSection(Value):
    """``[plugins]``: which installed plugins to leave alone."""

    disable: tuple[str, ...] = Field(default=(), description="Names of plugins or of their distributions")


class CacheSection(Value):
    """``[cache]``: whether replies of models are kept for other runs, and taken from them."""

    mode: Literal["off", "read-write", "replay-only"] = Field(
        default="off", description="replay-only: what is not in the cache is not asked for"
    )


class RunConfig(Value):
    """A whole run file, composed."""

    run: RunSection = RunSection()
    models: dict[str, ComponentTable] = Field(default_factory=dict)
    agents: tuple[ComponentTable, ...] = Field(
        min_length=1, description="One table a seat, in order; a single table fills every seat"
    )
    ordering: Annotated[ComponentTable, _using("RoundRobin")] = ComponentTable(use="RoundRobin")
    pool: PoolSection = PoolSection()
    sampler: Annotated[ComponentTable, _using("UniformSampler")] = ComponentTable(use="UniformSampler")
    response_evaluators: tuple[ComponentTable, ...] = (ComponentTable(use="RuleBasedTerminatedEvaluator"),)
    terminal_evaluators: tuple[ComponentTable, ...] = ()
    dimensions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    storage: ComponentTable | None = None
    cache: CacheSection = CacheSection()
    budget: BudgetSection = BudgetSection()
    plugins: PluginsSection = PluginsSection()

    def to_document(self) -> dict[str, Any]:
        """Return the resolved run file as JSON values, defaults included."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True)
class LoadedConfig:
    """A run file with the memory of where each key was written."""

    config: RunConfig
    origins: Mapping[Key, Path | str]
    last: Path

    @classmethod
    def restored(cls, document: Mapping[str, Any], origins: Mapping[str, str]) -> LoadedConfig:
        """Make again what :meth:`RunConfig.to_document` and :meth:`written_origins` took down."""
        read: dict[Key, Path | str] = {
            tuple(json.loads(key)): Path(origin) if Path(origin).is_absolute() else origin
            for key, origin in origins.items()
        }
        last = read.pop((), Path("run"))
        # Written out, a default looks as if it had been asked for by name, which may mean another plugin's.
        defaults = RunConfig.model_validate({"agents": document["agents"]}).to_document()
        named = {section: value for section, value in document.items() if value != defaults.get(section)}
        config = RunConfig.model_validate({"agents": document["agents"], **named})
        return cls(config, read, last if isinstance(last, Path) else Path(last))

    def written_origins(self) -> dict[str, str]:
        """Return where each key was written, as JSON values: files by absolute paths, the last one by the empty key."""
        origins: dict[Key, Path | str] = {(): self.last, **self.origins}
        return {
            json.dumps(key): str(origin.absolute()) if isinstance(origin, Path) else origin
            for key, origin in origins.items()
        }

    def origin(self, key: Key) -> Path | str:
        """Return the file that a key was written in, or the ``--set`` that set it; the last file where neither did."""
        return _origin(self.origins, key, self.last)

    def base(self, key: Key) -> Path:
        """Return the folder that a relative path under this key is relative to."""
        origin = self.origin(key)
        return origin.parent if isinstance(origin, Path) else Path()


def load_config(paths: Sequence[Path], overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read run files, the later over the earlier, then overrides of the form ``key.path=value``.

    Tables merge, arrays are replaced; an override may reach into an array by position. ``ConfigError`` for whatever
    does not fit.
    """
    data: dict[str, Any] = {}
    origins: dict[Key, Path | str] = {}
    for path in paths:
        _merge(data, read_toml(path), path, origins, ())
    for override in overrides:
        _merge(data, _read_override(override), f"--set {override.partition('=')[0].strip()}", origins, ())
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as error:
        where = _origin(origins, error.errors()[0]["loc"], paths[-1])
        raise ConfigError(f"{where}: {explain(error, RunConfig)}") from None
    return LoadedConfig(config, origins, paths[-1])


def read_toml(path: Path) -> dict[str, Any]:
    """Read one TOML file; ``ConfigError`` where it is missing, unreadable or broken."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a directory, not a file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 (byte {error.start})") from None
    try:
        return tomli.loads(text.removeprefix("\ufeff"))
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None


_BARE_WORD = re.compile(r"[A-Za-z_./~][^\s\"'\[\]{}]*")


def _origin(origins: Mapping[Key, Path | str], key: Key, otherwise: Path) -> Path | str:
    for length in range(len(key), 0, -1):
        if key[:length] in origins:
            return origins[key[:length]]
    return otherwise


def _read_override(override: str) -> dict[str, Any]:
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override}: expected KEY=VALUE, such as run.trials=3")
    try:
        return tomli.loads(f"{key}={value}")
    except tomli.TOMLDecodeError as error:
        if _BARE_WORD.fullmatch(value.strip()):
            return _read_override(f"{key}={json.dumps(value.strip())}")
        raise ConfigError(f"--set {override}: {value.strip()!r} is not a TOML value: {error}") from None


def _merge(into: dict[str, Any], new: Mapping[str, Any], origin: Path | str, origins: dict[Key, Any], at: Key) -> None:
    for key, value in new.items():
        here = (*at, key)
        there = into.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            _merge(there, value, origin, origins, here)
        elif isinstance(value, dict) and isinstance(there, list) and isinstance(origin, str):
            _merge_into_array(there, value, origin, origins, here)
        else:
            for old in [old for old in origins if old[: len(here)] == here]:
                del origins[old]
            origins[here] = origin
            into[key] = _copy(value)


def _merge_into_array(array: list[Any], new: Mapping[str, Any], origin: str, origins: dict[Key, Any], at: Key) -> None:
    for position, value in new.items():
        where = ".".join(map(str, at))
        if not position.isdecimal() or int(position) >= len(array):
            raise ConfigError(f"{origin}: {where} has no item {position!r}; it has {len(array)}, counted from 0")
        index = int(position)
        if isinstance(value, dict) and isinstance(array[index], dict):
            _merge(array[index], value, origin, origins, (*at, index))
        else:
            array[index] = _copy(value)
            origins[(*at, index)] = origin


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
