"""Pictures: a file that holds what was asked for, and one line where it cannot be drawn."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("matplotlib", reason="the extra analysis is not installed")
pytest.importorskip("polars", reason="the extra analysis is not installed")

from sotopia_core.errors import InputError
from tests.analysis.played import played
from tests.analysis.test_agreement import ANNOTATIONS, EPISODES
from tests.analysis.test_commands import ask
from tests.cli.kept import keep

LONG = "custom/an-uncommonly-long-name@http://localhost:8000/v1"


@pytest.fixture
def url(tmp_path):
    more = [
        played(f"{model[:1]}{s}", (model, "b"), [(s % 5, s) if s else "lost", (0, 5)], scenario=f"S{s}")
        for s in range(10)
        for model in ("a", LONG)
    ]
    return keep(tmp_path, *EPISODES, *ANNOTATIONS, *more)


@pytest.mark.parametrize("kind", ["means", "distributions", "partners", "agreement"])
def test_each_picture_is_drawn_as_png_and_svg(url, tmp_path, kind):
    for suffix in ("png", "svg"):
        path = tmp_path / f"picture.{suffix}"
        assert ask("plot", kind, path, "--store", url).stdout == f"wrote {path}\n"
    done = ask("plot", kind, tmp_path / "again.png", "--store", url, "--json")
    assert json.loads(done.stdout) == {"kind": kind, "file": str(tmp_path / "again.png")}
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    root = ElementTree.parse(tmp_path / "picture.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_picture_names_its_models_and_says_what_is_missing(url, tmp_path):
    path = tmp_path / "picture.svg"
    ask("plot", "means", path, "--store", url, "--dimension", "goal")
    comments = path.read_text(encoding="utf-8")
    assert "<!-- custom/an-unco…ocalhost:8000/v1 -->" in comments or "custom/an-unco" in comments
    assert "2 missing" in comments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("means", "x.pdf"), "x.pdf: a picture's name ends in .png or .svg"),
        (("meens", "x.png"), "there is no picture of 'meens'; did you mean 'means'?"),
        (
            ("partners", "x.png", "--dimension", "goal", "--dimension", "tact"),
            "a picture of partners shows one dimension; ",
        ),
        (("means", "none/x.png"), "none/x.png: cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(url, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        ask("plot", *arguments, "--store", url)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_there_is_not_overwritten_unless_asked(url, tmp_path):
    path = tmp_path / "picture.png"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is there already; name another file, or overwrite it with --force"):
        ask("plot", "means", path, "--store", url)
    assert path.read_text(encoding="utf-8") == "mine"
    ask("plot", "means", path, "--store", url, "--force")
    assert path.read_bytes().startswith(b"\x89PNG")
