"""``sotopia plugins new``: a distribution with a component that works, written from templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from importlib_metadata import version
from jinja2 import Environment, StrictUndefined

from sotopia_core.cli.output import say, say_json
from sotopia_core.errors import ConfigError, nearest
from sotopia_core.plugins import CORE

KINDS: Final[Mapping[str, str]] = {
    "agents": "agent",
    "orderings": "ordering",
    "samplers": "sampler",
    "response_evaluators": "response_evaluator",
    "terminal_evaluators": "terminal_evaluator",
    "dimensions": "dimensions",
    "models": "model",
    "storage": "storage",
    "packs": "pack",
}
"""The kinds, each with the name of the module that a new plugin keeps its component in."""

USES: Final[Mapping[str, str]] = {
    "agents": '[[agents]]\nuse = "{name}"',
    "orderings": '[ordering]\nuse = "{name}"',
    "samplers": '[sampler]\nuse = "{name}"',
    "response_evaluators": '[[response_evaluators]]\nuse = "{name}"',
    "terminal_evaluators": '[[terminal_evaluators]]\nuse = "{name}"',
    "dimensions": '[[terminal_evaluators]]\nuse = "ReachGoalLLMEvaluator[{name}]"\nmodel = "offline"',
    "models": '[models.mine]\nuse = "{name}"\n\n[[agents]]\nuse = "LLMAgent"\nmodel = "mine"',
    "storage": '[storage]\nuse = "{name}"',
    "packs": '[pool]\npacks = ["{plugin}"]',
}

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")


@dataclass(frozen=True)
class Scaffold:
    """A new plugin, as yet unwritten: its kind and its name in lower case, words separated by hyphens."""

    kind: str
    name: str

    @property
    def distribution(self) -> str:
        """What ``pip install`` calls it."""
        return f"sotopia-{self.name}"

    @property
    def plugin(self) -> str:
        """The name of its entry point."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> str:
        """What ``import`` calls it."""
        return f"sotopia_{self.plugin}"

    @property
    def component(self) -> str:
        """The name of its class."""
        return "".join(word.capitalize() for word in self.name.split("-"))

    @property
    def shown(self) -> str:
        """What run files and ``plugins show`` call what it offers."""
        return self.plugin if self.kind == "packs" else self.component

    @property
    def usage(self) -> str:
        """How a run file uses it."""
        return USES[self.kind].format(name=self.component, plugin=self.plugin)

    def documents(self) -> Iterator[tuple[str, str]]:
        """Yield each file of the distribution: its path, and its text."""
        module = KINDS[self.kind]
        yield "pyproject.toml", self._render("pyproject.toml")
        yield "README.md", self._render("README.md")
        yield ".gitignore", self._render("gitignore")
        yield ".github/workflows/test.yml", self._render("test.yml")
        yield f"{self.package}/__init__.py", self._render("init.py")
        yield f"{self.package}/py.typed", ""
        if self.kind == "packs":
            yield f"{self.package}/plugin.py", self._render("plugin.packs.py")
            for records in ("characters.jsonl", "scenarios.jsonl"):
                yield f"{self.package}/records/{records}", self._render(records)
        else:
            yield f"{self.package}/plugin.py", self._render("plugin.py")
            yield f"{self.package}/{module}.py", self._render(f"{self.kind}.py")
        yield f"tests/test_{self.plugin}.py", self._render(f"{self.kind}.test.py")

    def _render(self, template: str) -> str:
        text = (files(__package__) / "templates" / f"{template}.jinja").read_text(encoding="utf-8")
        environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - code, not HTML
        module = KINDS[self.kind]
        parts = ("kind", "distribution", "plugin", "package", "shown", "usage")
        variables = {part: getattr(self, part) for part in parts}
        noun = "dimension set" if self.kind == "dimensions" else module.replace("_", " ")
        about = f"{self.component}, {'an' if noun[0] in 'aeiou' else 'a'} {noun} for Sotopia"
        return environment.from_string(text).render(
            variables, **{"class": self.component}, module=module, description=about, core=version(CORE)
        )

    def write(self, folder: Path) -> list[str]:
        """Write the distribution; ``ConfigError`` where the folder is there already, or cannot be made."""
        if folder.exists():
            raise ConfigError(f"{folder} is there already; name another with --folder")
        names = []
        try:
            for name, text in self.documents():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                names.append(name)
        except OSError as error:
            raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None
        return names


def scaffold(kind: str, name: str) -> Scaffold:
    """Return the new plugin that is meant; ``ConfigError`` where kind or name make none."""
    plain = kind.replace("-", "_")
    by_singular = {singular: plural for plural, singular in KINDS.items()}
    found = plain if plain in KINDS else by_singular.get(plain)
    if found is None:
        known = [one.replace("_", "-") for one in KINDS]
        hint = nearest(kind, known) or f"; there are {', '.join(known)}"
        raise ConfigError(f"no kind of component is called {kind!r}{hint}")
    short = name.lower().replace("_", "-").removeprefix("sotopia-")
    if not _NAME.fullmatch(short):
        raise ConfigError(f"{name!r} makes no name; write words of letters and digits, such as loud-parrot")
    if short.replace("-", "_") in {"core", "testing", *KINDS}:
        raise ConfigError(f"sotopia-{short} would get in the way of Sotopia's own packages; take another name")
    return Scaffold(found, short)


def say_scaffold(kind: str, name: str, folder: Path | None, *, as_json: bool) -> None:
    """Write a new plugin, and say what to do next."""
    plugin = scaffold(kind, name)
    place = Path(plugin.distribution) if folder is None else folder
    written = plugin.write(place)
    steps = [
        f"cd {place}",
        "pip install --editable '.[test]'",
        "pytest",
        "mypy",
        f"sotopia plugins show {plugin.shown}",
    ]
    if as_json:
        names = {"plugin": plugin.plugin, "shown": plugin.shown}
        say_json({"folder": str(place), **names, "files": written, "next": steps})
        return
    say(f"{place}:")
    for one in written:
        say(f"  {one}")
    say()
    say("next:")
    for step in steps:
        say(f"  {step}")
