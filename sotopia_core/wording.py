"""What is wrong with data that pydantic refused, in one line for a person: where, what was expected, what was found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, is_dataclass
from datetime import date, time
from enum import Enum
from itertools import islice
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel, RootModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sotopia_core.errors import nearest

SHOWN_CHARACTERS = 60
SHOWN_ENTRIES = 3
HIDDEN = "a value that is not shown here"

_SECRET_KEY = re.compile(r"(?:^|[_-])(?:api_?keys?|key|token|password|authorization|credentials?)$", re.IGNORECASE)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_WRAPPED_LABEL = re.compile(r"function-\w+\[[^,]*, (.+)\]")

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number with fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_sub_type": "text",
    "string_unicode": "text without lone surrogates",
    "bytes_type": "text",
    "path_type": "a path",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "a table of keys and values",
    "mapping_type": "a table of keys and values",
    "model_type": "a table of keys and values",
    "model_attributes_type": "a table of keys and values",
    "dataclass_type": "a table of keys and values",
}
_UNKNOWN_KEY = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_MISSING_KEY = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_PLAIN_REASON = frozenset({"value_error", "assertion_error"})
_BOUND_ERRORS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_BOUNDS = ("ge", "gt", "le", "lt")


def explain(error: ValidationError, model: type[BaseModel], within: str = "") -> str:
    """Say in one line what is wrong: the first problem, and ``(and N more)`` where there are others.

    ``model`` is the class that refused the data; it tells names of keys from branches of unions, and which keys are
    known. ``within`` is where the data itself stands, such as ``"agents[0]"``, and is put before each location.
    """
    faults = [_Fault.trace(details, model) for details in error.errors(include_url=False)]
    problems = _problems(faults)
    first = problems[0]
    where = within + location(first.path)
    if within and first.path and isinstance(first.path[0], str):
        where = f"{within}.{location(first.path)}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {first.text}{more}" if where else f"{first.text}{more}"


def location(path: Sequence[str | int]) -> str:
    """Write a path of keys and 0-based indices as ``run.trials`` or ``agents[0].model``; unusual keys are quoted."""
    text = ""
    for item in path:
        if isinstance(item, int):
            text += f"[{item}]"
        else:
            key = item if _BARE_KEY.fullmatch(item) else repr(_shortened(item))
            text += f".{key}" if text else key
    return text


def shown(value: object) -> str:
    """Show a value that was found, on one short line; tables show only their keys, since values may be passwords."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(_shortened(value))
        case Mapping():
            return f"a table with {listed(value, 'key')}" if value else "an empty table"
        case list() | tuple():
            there = ["[…]" if isinstance(item, list | tuple) else shown(item) for item in value[:SHOWN_ENTRIES]]
            return f"[{', '.join(there)}{', …' if len(value) > SHOWN_ENTRIES else ''}]"
        case int() | float():
            return _shortened(repr(value))
        case date() | time():
            return value.isoformat()
        case _:
            return f"an instance of {type(value).__name__}"


def listed(names: Collection[object], noun: str) -> str:
    """Name the first of some names, for example ``the keys 'model', 'use'``."""
    first = [repr(_shortened(str(name))) for name in islice(names, SHOWN_ENTRIES)]
    return f"the {noun if len(names) == 1 else f'{noun}s'} {', '.join(first)}{', …' if len(names) > len(first) else ''}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that a key is unknown, and which known one is nearest; where none is near, name those there are."""
    names = list(known)
    hint = nearest(_shortened(key), names)
    if not hint and names:
        hint = f"; the keys known here are {', '.join(names)}"
    return f"unknown key {_shortened(key)!r}{hint}"


@dataclass(frozen=True, slots=True)
class _Branch:
    """One alternative of a union that pydantic tried: the union lies ``depth`` keys deep."""

    depth: int
    label: str | int


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of pydantic's, with its location split into the keys of the data and the branches of unions.

    ``owner`` is the type of what holds the fault's own key; ``expected`` is the type at the fault, both None where
    they cannot be told; ``marks`` are the constraints annotated there.
    """

    details: ErrorDetails
    path: tuple[str | int, ...]
    branches: tuple[_Branch, ...]
    owner: Any
    expected: Any
    marks: tuple[Any, ...]

    @classmethod
    def trace(cls, details: ErrorDetails, model: type[BaseModel]) -> _Fault:
        path: list[str | int] = []
        branches: list[_Branch] = []
        owner: Any = None
        here, marks = _bare(model)
        for item in details["loc"]:
            alternatives = _alternatives(here)
            if alternatives:
                branches.append(_Branch(len(path), item))
                here, marks = _bare(_chosen(alternatives, item))
            elif item == "[key]":
                path.pop()
                here, marks = _bare(None)
            else:
                path.append(item)
                owner = here
                here, marks = _bare(_inside(here, item))
        return cls(details, tuple(path), tuple(branches), owner, here, marks)

    @property
    def kind(self) -> str:
        return self.details["type"]

    def in_branch(self) -> _Fault:
        """Return the fault as its branch of the outermost union sees it."""
        return _Fault(self.details, self.path, self.branches[1:], self.owner, self.expected, self.marks)

    def expectation(self) -> str | None:
        """Say what was expected; None where the error is no matter of that."""
        expectation = self._expectation_of_value()
        if expectation is not None and self.details["loc"][-1:] == ("[key]",):
            return f"a key that is {expectation}"
        return expectation

    def _expectation_of_value(self) -> str | None:
        context = self.details.get("ctx", {})
        if self.kind in _EXPECTED:
            return _EXPECTED[self.kind]
        if self.kind in _BOUND_ERRORS:
            return f"{_number(self.expected)} {_range(self.marks, context)}"
        if self.kind == "literal_error":
            return str(context["expected"])
        if self.kind == "enum":
            return _choices(self.expected) or str(context["expected"])
        if self.kind == "is_instance_of":
            return f"an instance of {context['class']}"
        if self.kind == "string_too_short":
            return f"text of at least {_count(context['min_length'], 'character')}"
        if self.kind == "string_too_long":
            return f"text of at most {_count(context['max_length'], 'character')}"
        if self.kind == "string_pattern_mismatch":
            return f"text that matches {shown(context['pattern'])}"
        if self.kind == "too_short":
            return f"at least {_count(context['min_length'], 'entry')}"
        if self.kind == "too_long":
            return f"at most {_count(context['max_length'], 'entry')}"
        if self.kind == "multiple_of":
            return f"a multiple of {context['multiple_of']}"
        if self.kind == "union_tag_invalid":
            return _either([repr(tag) for tag in _quoted(context["expected_tags"])])
        generic = re.match(r"Input should be (.+)", _in_one_line(self.details["msg"]))
        return generic[1] if generic else None

    def found(self) -> str:
        """Show what was found in place of what was expected."""
        value = self.details["input"]
        context = self.details.get("ctx", {})
        if self.kind in ("too_short", "too_long") and isinstance(context.get("actual_length"), int):
            return str(context["actual_length"])
        if self.kind == "union_tag_invalid":
            return shown(context["tag"])
        named = next((item for item in reversed(self.path) if isinstance(item, str)), "")
        if _SECRET_KEY.search(named) and not isinstance(value, Mapping):
            return HIDDEN
        if isinstance(self.expected, type) and issubclass(self.expected, SecretStr | SecretBytes):
            return HIDDEN
        return shown(value)

    def hint(self) -> str:
        """Name the choice that was probably meant; an empty string where none is near."""
        value = self.details["input"]
        context = self.details.get("ctx", {})
        if self.kind == "union_tag_invalid":
            return nearest(_shortened(str(context["tag"])), _quoted(context["expected_tags"]))
        if self.kind not in ("literal_error", "enum") or not isinstance(value, str):
            return ""
        names = [*_members(self.expected), *_quoted(context["expected"])]
        return nearest(_shortened(value), names)

    def text(self) -> str:
        """Say what is wrong, without the place."""
        if self.kind in _PLAIN_REASON:
            return _reason(self.details)
        if self.kind == "union_tag_not_found":
            return f"missing key {self.details['ctx']['discriminator']}"
        expectation = self.expectation()
        if expectation is None:
            message = _in_one_line(self.details["msg"])
            return f"{message[:1].lower()}{message[1:]}, found {self.found()}"
        return f"expected {expectation}, found {self.found()}{self.hint()}"


@dataclass(frozen=True, slots=True)
class _Problem:
    """One thing to mend: where, and what to say about it."""

    path: tuple[str | int, ...]
    text: str


def _problems(faults: Sequence[_Fault]) -> list[_Problem]:
    """Turn errors into things to mend: all branches of a union are one, and so are a misspelt key and its absence."""
    misspelt = _misspelt(faults)
    problems: list[_Problem] = []
    unions: set[tuple[str | int, ...]] = set()
    for fault in faults:
        if fault.branches:
            at = fault.path[: fault.branches[0].depth]
            if at not in unions:
                unions.add(at)
                problems.extend(_union_problems([f for f in faults if f.branches and _starts(f, at)], at))
        elif fault.kind in _UNKNOWN_KEY:
            problems.append(_Problem(fault.path[:-1], unknown_key(str(fault.path[-1]), _keys(fault.owner))))
        elif fault.kind in _MISSING_KEY:
            if fault.path not in misspelt:
                problems.append(_missing(fault.path))
        elif fault.kind == "union_tag_invalid":
            problems.append(_Problem((*fault.path, *_quoted(fault.details["ctx"]["discriminator"])), fault.text()))
        else:
            problems.append(_Problem(fault.path, fault.text()))
    return problems


def _missing(path: tuple[str | int, ...]) -> _Problem:
    match path:
        case (*above, str(key)):
            return _Problem(tuple(above), f"missing key {key!r}")
        case (*above, index):
            return _Problem(tuple(above), f"missing entry {index}, counted from 0")
        case _:
            return _Problem((), "missing")


def _misspelt(faults: Sequence[_Fault]) -> set[tuple[str | int, ...]]:
    """Return the paths of missing keys for which an unknown key beside them was probably meant."""
    unknown = [fault for fault in faults if fault.kind in _UNKNOWN_KEY]
    missing = [fault.path for fault in faults if fault.kind in _MISSING_KEY and fault.path]
    return {
        path
        for path in missing
        for fault in unknown
        if fault.path[:-1] == path[:-1] and _meant(str(fault.path[-1]), _keys(fault.owner)) == str(path[-1])
    }


def _meant(key: str, known: Sequence[str]) -> str | None:
    """Return the known key that a misspelt one is nearest to, if any is near."""
    hint = nearest(_shortened(key), known)
    return next((name for name in known if hint and hint == nearest(_shortened(key), [name])), None)


def _starts(fault: _Fault, at: tuple[str | int, ...]) -> bool:
    return fault.branches[0].depth == len(at) and fault.path[: len(at)] == at


def _union_problems(faults: Sequence[_Fault], at: tuple[str | int, ...]) -> list[_Problem]:
    """Condense what the branches of one union say.

    Where the data has the shape of a branch, the branch with the fewest problems speaks; where it has the shape of
    none, one line names everything that would have done.
    """
    branches: dict[str | int, list[_Fault]] = {}
    for fault in faults:
        branches.setdefault(fault.branches[0].label, []).append(fault.in_branch())
    near = [_problems(branch) for branch in branches.values() if not any(_is_off(fault, at) for fault in branch)]
    if near:
        return min(near, key=len)
    off = [fault for branch in branches.values() for fault in branch if _is_off(fault, at)]
    from_files = [fault for fault in off if fault.kind != "is_instance_of"] or off
    expectations = [expectation for fault in from_files if (expectation := fault.expectation())]
    hint = next((hint for fault in from_files if (hint := fault.hint())), "")
    return [_Problem(at, f"expected {_either(expectations)}, found {from_files[0].found()}{hint}")]


def _is_off(fault: _Fault, at: tuple[str | int, ...]) -> bool:
    """Whether a branch's error is that the data is not of its kind at all."""
    if fault.kind in _PLAIN_REASON | _UNKNOWN_KEY | _MISSING_KEY | {"union_tag_invalid", "union_tag_not_found"}:
        return False
    return fault.path == at and fault.expectation() is not None


def _bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Take the wrapping off a type: return what is wrapped, and the constraints written on the wrapping."""
    marks: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *written = get_args(annotation)
            for mark in written:
                marks += tuple(mark.metadata) if isinstance(mark, FieldInfo) else (mark,)
        elif isinstance(annotation, FieldInfo):
            marks += tuple(annotation.metadata)
            annotation = annotation.annotation
        elif get_origin(annotation) in (Union, UnionType) and len(_members_of_union(annotation)) == 1:
            annotation = _members_of_union(annotation)[0]
        elif isinstance(annotation, type) and issubclass(annotation, RootModel):
            annotation = annotation.model_fields["root"]
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation, marks


def _members_of_union(annotation: Any) -> list[Any]:
    return [member for member in get_args(annotation) if member is not type(None)]


def _alternatives(annotation: Any) -> list[Any]:
    """Return the members of a union of several, else an empty list."""
    return _members_of_union(annotation) if get_origin(annotation) in (Union, UnionType) else []


def _chosen(alternatives: Sequence[Any], label: str | int) -> Any:
    """Return the alternative that a label of pydantic's stands for, or None where that cannot be told."""
    by_tag = [member for member in alternatives if label in _tags(member)]
    by_name = [member for member in alternatives if _names_type(str(label), member)]
    found = by_tag or by_name
    return found[0] if len(found) == 1 else None


def _tags(member: Any) -> set[object]:
    """Return the values by which a discriminator may name a model."""
    bare, _ = _bare(member)
    if not (isinstance(bare, type) and issubclass(bare, BaseModel)):
        return set()
    annotations = [_bare(info)[0] for info in bare.model_fields.values()]
    return {tag for annotation in annotations if get_origin(annotation) is Literal for tag in get_args(annotation)}


def _names_type(label: str, member: Any) -> bool:
    """Whether pydantic's label, such as ``constrained-int`` or ``list[str]``, names this type."""
    while wrapped := _WRAPPED_LABEL.fullmatch(label):
        label = wrapped[1]
    bare, _ = _bare(member)
    head = label.removeprefix("constrained-").partition("[")[0]
    if _alternatives(bare):
        return head in ("tagged-union", "union")
    if get_origin(bare) is Literal:
        return head == "literal"
    cls = get_origin(bare) or bare
    if isinstance(cls, type) and issubclass(cls, Enum) and head == "enum":
        return True
    return getattr(cls, "__name__", None) in (label, head)


def _inside(annotation: Any, item: str | int) -> Any:
    """Return the type of what stands under a key or an index of a value of some type, or None if that is unknown."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _fields(annotation).get(str(item))
    if is_dataclass(annotation) or is_typeddict(annotation):
        return get_type_hints(annotation, include_extras=True).get(str(item))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if not isinstance(origin, type) or not arguments:
        return None
    if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
        return arguments[item] if isinstance(item, int) and item < len(arguments) else None
    if issubclass(origin, Mapping):
        return arguments[-1]
    return arguments[0] if issubclass(origin, Sequence | AbstractSet) else None


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the names that data gives them."""
    there: dict[str, FieldInfo] = {}
    for name, info in model.model_fields.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
        there[alias or name] = info
    return there


def _keys(owner: Any) -> list[str]:
    if isinstance(owner, type) and issubclass(owner, BaseModel):
        return list(_fields(owner))
    if is_dataclass(owner) or is_typeddict(owner):
        return list(get_type_hints(owner))
    return []


def _number(expected: Any) -> str:
    return "a whole number" if expected is int else "a number" if expected in (float, None) else "a value"


def _range(marks: Sequence[Any], context: Mapping[str, Any]) -> str:
    """Say all bounds, both those that were kept and the one that was not."""
    bounds = {name: bound for mark in marks for name in _BOUNDS if (bound := getattr(mark, name, None)) is not None}
    bounds |= {name: context[name] for name in _BOUNDS if name in context and name not in bounds}
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return "of " + " and ".join(f"{words[name]} {bounds[name]}" for name in _BOUNDS if name in bounds)


def _members(expected: Any) -> dict[str, object]:
    """Return an enumeration's members by name, where the names are the handier form: those of numbers."""
    if isinstance(expected, type) and issubclass(expected, Enum):
        return {name: member.value for name, member in expected.__members__.items() if member.value != name}
    return {}


def _choices(expected: Any) -> str:
    return _either([f"{shown(value)} ({name})" for name, value in _members(expected).items()])


def _reason(details: ErrorDetails) -> str:
    raised = details.get("ctx", {}).get("error")
    return _in_one_line(str(raised) or details["msg"])


def _either(parts: Sequence[str]) -> str:
    there = list(dict.fromkeys(parts))
    return " or ".join([", ".join(there[:-1]), there[-1]] if len(there) > 1 else there)


def _quoted(text: object) -> list[str]:
    return _QUOTED.findall(str(text))


def _count(number: object, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
