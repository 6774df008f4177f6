"""Playing a page: its titled blocks become files, its console blocks are typed, and their output is compared.

``...`` in shown output stands for anything, alone on a line for any number of lines. Primary keys and times differ from
run to run: a shown key stands for the real one, also in later commands.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import tomli

from tests.docs.pages import ROOT, blocks

PK = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?")
SECONDS = 120
NOT_RUN = "not run by the tests"
STEERING = ("SOTOPIA_STORAGE", "REDIS_OM_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")


def play(page: Path, folder: Path, kind: type[Session] | None = None) -> int:
    """Play a page in a folder; ``AssertionError`` where it says what is not so. Returns how many commands ran."""
    session = (kind or Session)(page, folder)
    ran = 0
    for block in blocks(page):
        if block.title:
            session.write(block.title, block.text)
        elif block.language == "console" and block.note != NOT_RUN:
            needed = re.fullmatch(r"needs (\w+)", block.note)
            if needed and find_spec(needed[1]) is None:
                continue
            status = re.fullmatch(r"exits with (\d+)", block.note)
            where = f"{page.name}, line {block.line}"
            ran += session.type(block.text, where, int(status[1]) if status else 0)
    return ran


class Session:
    """A folder with the examples in it, and what has been learnt of real primary keys."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.folder = folder
        self.keys: dict[str, str] = {}
        self.paths: list[str] = []
        shutil.copytree(ROOT / "examples", folder / "examples")

    def write(self, name: str, text: str) -> None:
        """Write a titled block; a ``pyproject.toml`` is also installed, as far as entry points need it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.name == "pyproject.toml":
            self._install(path)

    def _install(self, pyproject: Path) -> None:
        project = tomli.loads(pyproject.read_text(encoding="utf-8"))["project"]
        info = pyproject.parent / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        requires = "".join(f"Requires-Dist: {requirement}\n" for requirement in project.get("dependencies", ()))
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(head + requires, encoding="utf-8")
        points = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
            for group, named in project["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(points), encoding="utf-8")
        self.paths.append(str(pyproject.parent))

    def type(self, text: str, where: str, status: int) -> int:
        """Run the commands of a console block, and hold their output and status against what the block shows."""
        commands: list[tuple[str, list[str]]] = []
        for line in text.rstrip("\n").split("\n"):
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line.rstrip())
        for command, shown in commands:
            refused = any(line.startswith("sotopia: error: ") for line in shown)
            self._run(command, shown, where, 2 if refused else status)
        return len(commands)

    def _run(self, command: str, shown: list[str], where: str, status: int) -> None:
        known = PK.sub(lambda found: self.keys.get(found[0], found[0]), command)
        done = subprocess.run(
            ["sh", "-c", known],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=SECONDS,
            check=False,
            env=self._environment(),
        )
        assert done.returncode == status, f"{where}: $ {command}\nexited with {done.returncode}:\n{done.stdout}"
        self._compare(shown, [line.rstrip() for line in done.stdout.split("\n")], f"{where}: $ {command}")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in STEERING}
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
        return {**kept, "PATH": path, "PYTHONPATH": os.pathsep.join(self.paths), "PYTHONUNBUFFERED": "1"}

    def _compare(self, shown: list[str], real: list[str], where: str) -> None:
        """Hold shown lines against real ones: each follows the one before, but for a gap that ``...`` stands for."""
        left = [line for line in real if line]
        gap = not shown
        for line in filter(None, shown):
            if line.strip() == "...":
                gap = True
                continue
            reach = len(left) if gap else 1
            pattern = _pattern(line)
            found = next((i for i, one in enumerate(left[:reach]) if pattern.fullmatch(one)), None)
            printed = "\n".join(real)
            assert found is not None, f"{where}\nshows what does not come there:\n{line}\nit prints:\n{printed}"
            matched = pattern.fullmatch(left[found])
            assert matched is not None
            self.keys.update(zip(PK.findall(line), matched.groups(), strict=True))
            left, gap = left[found + 1 :], False
        assert gap or not left, f"{where}\nprints more than is shown:\n" + "\n".join(left)


def _pattern(line: str) -> re.Pattern[str]:
    written = {"...": ".*"}
    parts = re.split(rf"({PK.pattern}|{TIME.pattern}|\.\.\.)", line)
    for position, part in enumerate(parts):
        if PK.fullmatch(part):
            parts[position] = f"({PK.pattern})"
        elif TIME.fullmatch(part):
            parts[position] = TIME.pattern
        else:
            parts[position] = written.get(part, re.escape(part))
    return re.compile("".join(parts))
