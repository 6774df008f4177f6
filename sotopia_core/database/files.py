"""Records off JSON, JSONL and CSV files: every record with its place, every refusal with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from glob import has_magic
from pathlib import Path
from typing import Final, get_args

from pydantic import ValidationError

from sotopia_core.database import csv_files
from sotopia_core.database.episodes_in_files import complete_log, episode_fields, native_episode
from sotopia_core.database.json_decoding import Flaw, decode, first_flaw
from sotopia_core.database.json_values import no_shortcut, read_values, siblings
from sotopia_core.database.names import EXPORTED_NAMES, KNOWN, known_names, recognise, required, to_native
from sotopia_core.digests import canonical_json, derive_pk, digest
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import RecordError, nearest, one_line
from sotopia_core.profiles import EnvironmentList
from sotopia_core.records import Record, Written
from sotopia_core.wording import explain, location, shown, unknown_key

LARGEST_BITS: Final = 63
"""How many bits a whole number may have without its sign, where records are found by it."""

_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands: a file, and what tells it apart there.

    ``line`` and ``entry``, the position in a list, count from 1; ``key`` is the record's key in an object of records.
    """

    path: Path
    line: int | None = None
    entry: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        """Write the place as messages name it: ``agents.jsonl, line 3``."""
        return f"{self.path}, {self.within}" if self.within else str(self.path)

    @property
    def within(self) -> str:
        """The place within its file: ``line 3``, ``record 2``, ``key '01H5'``; empty where it is the file itself."""
        parts = [
            f"line {self.line}" if self.line is not None else "",
            f"record {self.entry}" if self.entry is not None else "",
            f"key {shown(self.key)}" if self.key is not None else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A record, the place it was read from, and its JSON where that stands there as stores would write it."""

    record: Record
    place: Place
    document: bytes | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What stands in a file in the place of a record and cannot be used as one."""

    place: Place
    reason: str

    @property
    def error(self) -> RecordError:
        """The refusal as an error, to be raised where one refusal is too many."""
        return RecordError(f"{self.place}: {self.reason}")


def read_entries(path: Path) -> Iterator[FileRecord | Refusal]:
    """Yield everything in a file of records as :func:`read_each` does, but records of one kind and pk only if equal.

    The second of two different records of one kind and pk is refused; the second of two equal ones is yielded.
    """
    seen: dict[tuple[str, str], tuple[Place, str]] = {}
    for entry in read_each(path):
        if isinstance(entry, Refusal):
            yield entry
            continue
        record = entry.record
        content = digest(record.model_dump(mode="json"))
        earlier, there = seen.setdefault((record.kind(), record.pk), (entry.place, content))
        if there == content:
            yield entry
        else:
            where = f"{earlier.within} of this file"
            reason = f"the pk {shown(record.pk)} stands at {where} with other content; keep one of them"
            yield Refusal(entry.place, reason)


def read_each(path: Path, kind: type[Record] | None = None) -> Iterator[FileRecord | Refusal]:
    """Yield everything in a file of records, in order: the records, and a refusal for each that cannot be read.

    A file holds records one a line, one after another, in a list, or in an object that has their pks as keys; one
    called ``*.csv`` holds them in the rows of a table. Kinds may be mixed, and each is recognised from its fields,
    unless ``kind`` says what all of them are. Fields may have the exporter's names. A record without a pk gets one that
    derives from its content. An object of lists of scenarios' pks is read as named EnvironmentLists. Logs of games are
    read as episodes.

    Values are kept as they are; a number may stand in quotes, and null in the place of an empty text or list. Files
    with one record a line are read in memory that does not depend on their number; other files are read whole. Raises
    ``RecordError`` for a file that cannot be opened, is empty or is UTF-16.
    """
    for place, value, suspect in _placed(path, kind):
        if isinstance(value, Written):
            yield FileRecord(value.record, place, value.document)
            continue
        try:
            yield FileRecord(_record(value, place.key, kind, suspect=suspect), place)
        except RecordError as error:
            yield Refusal(place, str(error))


def read_records(path: Path) -> Iterator[FileRecord]:
    """Yield the records in a file as :func:`read_entries` does; the first refusal is raised as a ``RecordError``."""
    for entry in read_entries(path):
        if isinstance(entry, Refusal):
            raise entry.error
        yield entry


def read_pool_files(patterns: Sequence[str], base: Path) -> list[Record]:
    """Return the records in all files that the patterns name, each record once.

    Patterns are file names or globs (``profiles/*.jsonl``, ``**/*.json``), relative to ``base``; ``~`` is the home
    folder. Files come in the order of the patterns, those of one pattern sorted by name. Equal records of one kind
    and pk are one record.

    Raises ``RecordError`` for a pattern that names no file, for the first record that cannot be read, and for two
    records of one kind and pk that differ.
    """
    files = dict.fromkeys(path for pattern in patterns for path in expand_pattern(pattern, base))
    first: dict[tuple[str, str], FileRecord] = {}
    for path in files:
        for read in read_records(path):
            earlier = first.setdefault((read.record.kind(), read.record.pk), read)
            if earlier.record != read.record:
                fields = ", ".join(differing_fields(earlier.record, read.record))
                also = f"the pk {shown(read.record.pk)} stands also in {earlier.place}, with other values for {fields}"
                raise RecordError(f"{read.place}: {also}; keep one of them")
    return [read.record for read in first.values()]


def differing_fields(one: Record, other: Record) -> list[str]:
    """Return the names of the fields in which two records of one kind differ."""
    return [name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)]


def expand_pattern(pattern: str, base: Path) -> list[Path]:
    """Return the files that a file name or a glob names, sorted; ``RecordError`` where there is none."""
    try:
        return _expanded(pattern, base)
    except RuntimeError as error:
        raise RecordError(f"{pattern!r}: no home folder is known for the ~ in it; write the path out") from error
    except OSError as error:
        raise RecordError(f"{pattern!r} cannot be looked up ({error.strerror})") from error
    except ValueError as error:
        raise RecordError(f"{pattern!r} cannot be looked up: {one_line(error)}") from error


def _expanded(pattern: str, base: Path) -> list[Path]:
    named = base / Path(pattern).expanduser()
    if named.is_file():
        return [named]
    if named.is_dir():
        raise RecordError(f"{pattern!r} is a folder; name the files in it, such as {str(Path(pattern) / '*.jsonl')!r}")
    if named.is_symlink() and not named.exists():
        raise RecordError(f"{pattern!r} is a symbolic link to {str(named.readlink())!r}, which does not exist")
    if named.exists():
        raise RecordError(f"{pattern!r} is no regular file; write what it holds to one")
    folder, glob = _lookup(named, base)
    found = folder.glob(str(glob)) if glob.parts else ()
    files = sorted(path for path in found if path.is_file() and (glob.name[:1] == "." or path.name[:1] != "."))
    if not files:
        missing = "" if folder.is_dir() else ", which is no folder"
        hint = "" if has_magic(pattern) else nearest(named.name, siblings(named))
        raise RecordError(f"no file matches {pattern!r}; it was looked up in {str(folder.absolute())!r}{missing}{hint}")
    return files


def _lookup(named: Path, base: Path) -> tuple[Path, Path]:
    """Split a path at the folder in which it is looked up: the last before a wildcard. ``base`` itself holds none."""
    given = len(base.parts) if named.is_relative_to(base) else 0
    parts = named.parts
    wild = next((index for index in range(given, len(parts)) if has_magic(parts[index])), len(parts) - 1)
    return Path(*parts[:wild]), Path(*parts[wild:])


def _placed(path: Path, kind: type[Record] | None) -> Iterator[tuple[Place, object, bool]]:
    """Yield whatever stands in the place of a record, where, and whether there may be flaws in it."""
    if path.suffix.lower() == csv_files.SUFFIX:
        for row, fields in csv_files.read_table(path, kind):
            yield Place(path, row), fields, True
        return
    shortcut = native_episode if kind in (None, EpisodeLog) else no_shortcut
    for index, found in enumerate(read_values(path, shortcut)):
        encoded = isinstance(found.value, str)
        value = _unwrapped(found.value)
        suspect = found.suspect or encoded
        line = found.line if index else None
        if found.entry is not None:
            yield Place(path, None if found.first else found.line, entry=found.entry), value, suspect
        elif isinstance(value, list):
            for entry, item in enumerate(value, 1):
                yield Place(path, line, entry=entry), _unwrapped(item), suspect
        elif isinstance(value, dict) and _is_keyed(value):
            for key, item in value.items():
                yield Place(path, line, key=key), item, suspect
        else:
            yield Place(path, found.line), value, suspect


def _unwrapped(value: object) -> object:
    """Decode JSON that was encoded twice, and so is a text that holds JSON."""
    return decode(value) if isinstance(value, str) else value


def _is_keyed(value: Mapping[str, object]) -> bool:
    """Whether an object holds records by their keys, rather than being one."""
    if value.keys() & KNOWN:
        return False
    return any(isinstance(item, dict | Flaw) or _is_list_of_pks(item) for item in value.values())


def _is_list_of_pks(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(i, str) and _ULID.fullmatch(i) for i in value)


def record_of(value: object, kind: type[Record], pk: str) -> Record:
    """Return the record of a kind that a JSON value holds, in any of the spellings that files have, under its pk.

    ``RecordError`` says why that cannot be.
    """
    return _record(value, pk, kind, suspect=True)


def _record(value: object, key: str | None, kind: type[Record] | None, *, suspect: bool) -> Record:
    """Make a record of what stands in the place of one; ``RecordError`` says why that cannot be."""
    flaw = (first_flaw(value) or (first_flaw(key) if key is not None else None)) if suspect else None
    if flaw:
        path, what = flaw
        raise RecordError(f"{location(path)}: {what.reason}" if path else what.reason)
    if key is not None and kind in (None, EnvironmentList) and _is_list_of_pks(value):
        return _validated(EnvironmentList, {"name": key, "environments": value})
    if not isinstance(value, dict):
        raise RecordError(f"expected an object with the fields of a record, found {shown(value)}")
    found = recognise(value) if kind is None else kind
    try:
        return _of_kind(found, value, key)
    except RecordError as error:
        sure = kind is not None or set(required(found)) <= {EXPORTED_NAMES[found].get(name, name) for name in value}
        raise RecordError(f"{'' if sure else f'read as {found.kind()}: '}{error}") from None


def _of_kind(kind: type[Record], value: Mapping[str, object], key: str | None) -> Record:
    given = episode_fields(value) if kind is EpisodeLog else value
    fields = to_native(kind, given)
    if key is not None and fields.setdefault("pk", key) != key:
        raise RecordError(f"the record has the pk {shown(fields['pk'])}, which is not its key; make them the same")
    _refuse_unknown(kind, given)
    try:
        record = _validated(kind, fields)
    except RecordError as error:
        raise RecordError(_as_spelt(kind, given, str(error))) from None
    # A status is something that only we write: what has none is a log of Sotopia.
    return complete_log(record) if isinstance(record, EpisodeLog) and "status" not in fields else record


def _refuse_unknown(kind: type[Record], value: Mapping[str, object]) -> None:
    known = known_names(kind)
    unknown = [name for name in value if name not in known]
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise RecordError(f"{unknown_key(unknown[0], known)}{more}")


def _validated(kind: type[Record], fields: Mapping[str, object]) -> Record:
    given = {name: value for name, value in fields.items() if value is not None or name not in _never_null(kind)}
    try:
        record = kind.model_validate(given)
    except ValidationError as error:
        raise RecordError(explain(error, kind)) from None
    for name, value in given.items():
        held = getattr(record, name)
        # pydantic would take true for 1, as no author means it
        if isinstance(value, bool) and not isinstance(held, bool):
            raise RecordError(f"{name}: expected a number, found {shown(value)}")
        if isinstance(held, int) and held.bit_length() > LARGEST_BITS:
            raise RecordError(f"{name}: the number {shown(value)} is too large to be stored")
    return record if "pk" in fields else record.model_copy(update={"pk": _derived_pk(record)})


@cache
def _never_null(kind: type[Record]) -> frozenset[str]:
    """Return the fields that may be missing and cannot be null: what other programs write null for, if it is empty."""
    fields = kind.model_fields.items()
    return frozenset(
        name for name, info in fields if not info.is_required() and type(None) not in get_args(info.annotation)
    )


def _derived_pk(record: Record) -> str:
    """Return the pk that belongs to a record's content, however the file spells it and whatever defaults it writes."""
    content = record.model_dump(mode="json", exclude={"pk"}, exclude_defaults=True)
    return derive_pk(record.kind(), canonical_json(content))


def _as_spelt(kind: type[Record], value: Mapping[str, object], message: str) -> str:
    """Name the field that a message begins with as the file names it."""
    for name, field in EXPORTED_NAMES[kind].items():
        if name in value and re.match(rf"{field}[:.\[]", message):
            return name + message.removeprefix(field)
    return message
