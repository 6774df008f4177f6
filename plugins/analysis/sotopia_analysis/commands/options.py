"""The options that commands of this kit share, and what they say where the extra is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from sotopia_core.errors import MissingExtraError

NEEDS: Final = ("matplotlib", "numpy", "polars", "scipy")

Store = Annotated[str | None, typer.Option("--store", metavar="URL", help="Where to read, such as sqlite:///my.db.")]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only episodes with this tag; repeatable.")
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="FIELD=VALUE", help="Only episodes whose field has the value; repeatable."),
]
Judge = Annotated[str | None, typer.Option("--judge", metavar="NAME", help="Only the scores that this judge gave.")]
Set = Annotated[
    str | None,
    typer.Option("--dimension-set", metavar="NAME", help="Only scores on this dimension set, by name or digest."),
]
Dimensions = Annotated[
    list[str] | None, typer.Option("--dimension", metavar="NAME", help="Only this dimension; repeatable.")
]
MixDimensions = Annotated[
    bool, typer.Option("--mix-dimensions", help="Average over different dimension sets all the same.")
]
MixJudges = Annotated[bool, typer.Option("--mix-judges", help="Average over different judges all the same.")]
Level = Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="Level of the intervals.")]
Form = Annotated[str | None, typer.Option("--format", metavar="FORM", help="table, csv, json, latex or markdown.")]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]


@contextmanager
def needing_the_extra() -> Iterator[None]:
    """Turn the lack of a package of the extra ``analysis`` into one line that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDS:
            raise
        raise MissingExtraError(
            f"this command needs {package}, which is not installed; pip install 'sotopia-core[analysis]'"
        ) from None
