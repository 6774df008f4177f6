"""The data page and the Python reference say what is so: fields, types, defaults, names, kinds, rules, import paths."""

from __future__ import annotations

import json
import re
from enum import IntEnum
from importlib import import_module
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

import sotopia_core
from sotopia_core import database, server
from sotopia_core.database.names import EXPORTED_NAMES, KINDS
from sotopia_core.episodes import Provenance, RewardEntry, RunOwner, SimpleMessage, Turn
from sotopia_core.evaluation import Evaluation, Reward, Score, Scored, Unscored
from sotopia_core.lint import RULES
from sotopia_core.messages import AgentAction, Background, Event, Observation, Participant
from sotopia_core.models import Usage
from sotopia_core.profiles import Combo, RelationshipType
from sotopia_core.records import Record
from sotopia_core.transactions import MessageTransaction
from tests.docs.pages import ROOT, section

DATA, REFERENCE, FROM_SOTOPIA = (ROOT / "docs" / f"{name}.md" for name in ("data", "python-api", "from-sotopia"))
INSIDE = (
    *(Turn, Combo, Observation, Background, Participant, Event, AgentAction),
    *(Evaluation, Scored, Score, Unscored, Reward, Usage, Provenance, RunOwner),
)
DOCUMENTED: tuple[type[BaseModel], ...] = (*EXPORTED_NAMES, MessageTransaction, *INSIDE)

PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything", NoneType: "null"}
MANY = {"whole number": "whole numbers", "number": "numbers", "message": "messages", "reward entry": "reward entries"}


def rows(text: str) -> list[list[str]]:
    """Return the cells of the rows of all tables in a text, without their headers."""
    lines = [line for line in text.split("\n") if line.startswith("| `")]
    return [[cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")] for line in lines]


def own_table(kind: type[BaseModel]) -> list[list[str]]:
    """Return the rows under a class's own heading."""
    return rows(section(DATA, kind.__name__))


def type_in_words(annotation: Any) -> str:
    arguments = get_args(annotation)
    if annotation == SimpleMessage:
        return "message"
    if annotation == RewardEntry:
        return "reward entry"
    if annotation in PLAIN:
        return PLAIN[annotation]
    match get_origin(annotation):
        case None if issubclass(annotation, IntEnum):
            return "[relationship](#relationships)"
        case None:
            return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
        case origin if origin is Annotated:
            return type_in_words(arguments[0])
        case origin if origin is Literal:
            return either([f"`{json.dumps(value)}`" for value in arguments])
        case origin if origin in (Union, UnionType):
            return either([type_in_words(one) for one in arguments])
        case origin if origin is dict:
            return "table" if arguments[1] is Any else f"table of {many(type_in_words(arguments[1]))}"
        case _:
            return f"list of {many(type_in_words(arguments[0]))}"


def many(words: str) -> str:
    return MANY.get(words, words.replace("list of", "lists of", 1) if words.startswith("list of") else words)


def either(parts: list[str]) -> str:
    return " or ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def default_in_words(kind: type[BaseModel], name: str) -> str:
    info = kind.model_fields[name]
    if info.is_required():
        return "required"
    if name == "pk" and issubclass(kind, Record):
        return "a new ULID"
    return f"`{json.dumps(info.get_default(call_default_factory=True))}`"


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: kind.__name__)
def test_every_field_of_a_record_is_documented_with_its_type_and_default(kind):
    documented = {cells[0]: cells[1:3] for cells in own_table(kind) if len(cells) == 4}
    expected = {
        f"`{name}`": [type_in_words(info.annotation), default_in_words(kind, name)]
        for name, info in kind.model_fields.items()
    }
    assert documented == expected


def test_every_kind_of_record_is_documented():
    headings = re.findall(r"^### (\w+)$", section(DATA, "Records"), re.MULTILINE)
    records = {kind.__name__ for kind in vars_of(database) if issubclass(kind, Record) and kind is not Record}
    assert records | {"MessageTransaction", "Relationships", "Rewards"} == set(headings)


def vars_of(module: Any) -> list[type]:
    return [value for value in (getattr(module, name) for name in module.__all__) if isinstance(value, type)]


def test_the_relationships_are_documented_with_their_numbers():
    documented = dict(re.findall(r"^\| (\d) \| (\w+) \|$", section(DATA, "Relationships"), re.MULTILINE))
    assert documented == {str(one.value): one.name for one in RelationshipType}


def test_the_names_that_files_may_use_are_documented():
    documented = {
        (cells[0], other, cells[2])
        for cells in rows(section(DATA, "Names of fields"))
        for other in re.findall(r"`\w+`", cells[1])
    }
    expected = {
        (f"`{kind.__name__}`", f"`{other}`", f"`{name}`")
        for kind, names in EXPORTED_NAMES.items()
        for other, name in names.items()
    }
    assert documented == expected


def test_the_kinds_that_can_be_exported_are_documented():
    documented = [tuple(cells) for cells in rows(section(DATA, "Export"))]
    assert documented == [(f"`{name}`", f"[{k.__name__}](#{k.__name__.lower()})") for name, k in KINDS.items()]


def test_every_rule_of_lint_is_documented():
    assert rows(section(DATA, "Lint")) == [[f"`{rule.name}`", rule.severity, rule.about] for rule in RULES]


def test_the_reference_holds_every_public_name_once():
    paths = re.findall(r"^::: (\S+)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    documented = sorted(path.rpartition(".")[2] for path in paths)
    public = {*sotopia_core.__all__, *database.__all__, *server.__all__}
    assert documented == sorted(public | {"RecordError", "NotFoundError"})


def test_every_name_in_the_reference_can_be_imported_from_there():
    for path in re.findall(r"^::: (\S+)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE):
        module, _, name = path.rpartition(".")
        assert hasattr(import_module(module), name), path


@pytest.mark.parametrize("page", [FROM_SOTOPIA, REFERENCE], ids=lambda page: page.name)
def test_every_import_in_the_text_works(page):
    statements = re.findall(r"`(from sotopia_\S+ import [^`]+)`", page.read_text(encoding="utf-8"))
    assert statements
    for statement in statements:
        exec(compile(statement, page.name, "exec"), {})
