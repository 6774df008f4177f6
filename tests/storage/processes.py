"""Python programs that tests run beside themselves, to see what other processes do to a store."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60
"""How long a program may take before its test fails."""

PRELUDE = """
import os, resource, sys
from pathlib import Path
from sotopia_core.errors import SotopiaError
from sotopia_core.stores import JournalEntry
from sotopia_core.profiles import AgentProfile
from sotopia_storage.sqlite import SQLite

def person(pk, **fields):
    return AgentProfile(pk=pk, first_name="Ann", **fields)

def say(word):
    print(word, flush=True)

path = Path(sys.argv[1])
arguments = sys.argv[2:]
"""
"""What each program starts with."""


def command(program: str, path: Path, *arguments: str) -> list[str]:
    """Return the command that runs a program on a store."""
    return [sys.executable, "-c", PRELUDE + program, str(path), *arguments]


def run(program: str, path: Path, *arguments: str) -> list[str]:
    """Run a program to its end; return the lines it said. It must end well."""
    done = subprocess.run(command(program, path, *arguments), capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@contextmanager
def running(program: str, path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program with pipes to talk to it; whatever happens, it is gone in the end."""
    process = subprocess.Popen(
        command(program, path, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def hear(process: subprocess.Popen[str]) -> str:
    """Return the next line that a program says; empty at its end."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Send a line to a program."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
