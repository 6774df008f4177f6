"""Names and numbers that derive from content: digests, random generators, primary keys."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
from json.encoder import encode_basestring
from typing import Any

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """Write a JSON value the same way in every process: keys sorted, no spaces, no escapes beyond JSON's own."""
    return _CANONICAL.encode(value)


def digest(value: object) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a JSON value's canonical form."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def derive_seed(*parts: str | int) -> int:
    """Return a seed in 0..2**63-1 that depends on all parts and on nothing else."""
    # The canonical JSON of the parts, made piece by piece: this is done several times a turn.
    text = ",".join([encode_basestring(part) if isinstance(part, str) else str(part) for part in parts])
    return seed_of(f"[{text}]")


def seed_of(canonical: str) -> int:
    """Return what :func:`derive_seed` does, of the parts as canonical JSON."""
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:8]) >> 1


def generator(*parts: str | int) -> random.Random:
    """Return a random generator seeded by :func:`derive_seed`: one for each use, so no use can disturb another."""
    return random.Random(derive_seed(*parts))


def lots(*parts: str | int) -> random.Random:
    """Return what :func:`generator` does, for a use that mostly draws nothing and is over before the next one.

    It is one generator for each thread, and is seeded once a use draws: a generator's state takes 2.5 kB, and seeding
    it takes longer than most turns of an ordering.
    """
    return _urn.lots.of(parts)


class _Lots(random.Random):
    """A generator that is seeded for each use, once one draws."""

    def __init__(self) -> None:
        self._parts: tuple[str | int, ...] = ()
        super().__init__(0)

    def of(self, parts: tuple[str | int, ...]) -> _Lots:
        self._parts = parts
        self.gauss_next = None  # of the two numbers that gauss makes at a time, the second may be left from another use
        return self

    def seed(self, *arguments: Any, **options: Any) -> None:
        self._parts = ()
        super().seed(*arguments, **options)

    def setstate(self, state: tuple[Any, ...]) -> None:
        self._parts = ()
        super().setstate(state)

    def random(self) -> float:
        self._seed_if_due()
        return super().random()

    def getrandbits(self, k: int, /) -> int:
        self._seed_if_due()
        return super().getrandbits(k)

    def getstate(self) -> tuple[Any, ...]:
        self._seed_if_due()
        return super().getstate()

    def _seed_if_due(self) -> None:
        if self._parts:
            self.seed(derive_seed(*self._parts))


class _Urn(threading.local):
    def __init__(self) -> None:
        self.lots = _Lots()


_urn = _Urn()


def new_pk() -> str:
    """Return a new ULID: 26 characters of Crockford's base 32, the first ten the time in milliseconds.

    Source of the format: https://github.com/ulid/spec.
    """
    milliseconds = time.time_ns() // 1_000_000
    return _base32((milliseconds << 80) | int.from_bytes(os.urandom(10)))


def derive_pk(*parts: str | int) -> str:
    """Return the primary key that belongs to these parts: 26 characters, the same in every process."""
    return _base32(int.from_bytes(hashlib.sha256(canonical_json(parts).encode()).digest()[:16]))


def _base32(number: int) -> str:
    return "".join(CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
