"""What ``sotopia diff`` prints."""

from __future__ import annotations

from typing import Any, Final

from sotopia_core.cli.output import say, say_json, say_table
from sotopia_core.cli.playing import note
from sotopia_core.cli.stores import open_to_read
from sotopia_core.engine.differing import ABSENT, Difference, differences, dimensions_of, tallied
from sotopia_core.engine.resuming import find_run
from sotopia_core.engine.tally import Mean, Tally
from sotopia_core.episodes import RunRecord
from sotopia_core.evaluation import OVERALL

LONGEST: Final = 60
"""Characters of a value that the table shows."""


def say_difference(first: str, second: str, url: str | None, *, as_json: bool) -> None:
    """Print what two runs differ in, then their scores side by side, and what is missing in each."""
    opened, _ = open_to_read(url)
    with opened:
        one, other = find_run(opened, first), find_run(opened, second)
        found = differences(one, other)
        dimensions = dimensions_of(opened, one, other)
        tallies = tallied(opened, one, dimensions), tallied(opened, other, dimensions)
    if as_json:
        say_json(_document(one, other, found, tallies))
        return
    if found:
        rows = [(d.where, _short(d.one), _short(d.other)) for d in found]
        say_table(("what differs", f"run {one.name}", f"run {other.name}"), rows)
    else:
        say("the two runs were played with the same")
    if any(d.where.startswith("dimensions ") for d in found):
        note("the dimension sets differ: scores of one name may not mean the same")
    say()
    scores = [
        (model, column.replace("_", " "), _mean(before), _mean(after), _change(before, after))
        for model, column, before, after in _side_by_side(*tallies)
    ]
    if scores:
        say_table(("model", "dimension", f"run {one.name}", f"run {other.name}", "change"), scores, numbers_from=2)
    else:
        say("neither run has an episode that was judged")


def _side_by_side(one: Tally, other: Tally) -> list[tuple[str, str, Mean, Mean]]:
    before, after = dict(one.rows()), dict(other.rows())
    return [
        (model, column, before.get(model, {}).get(column, Mean()), after.get(model, {}).get(column, Mean()))
        for model in sorted({*before, *after})
        for column in (*one.dimensions, OVERALL)
        if one.dimensions
    ]


def _mean(mean: Mean) -> str:
    if mean.value is None:
        return ABSENT
    return f"{mean.value:.2f}" + (f" ({mean.missing} missing)" if mean.missing else "")


def _change(before: Mean, after: Mean) -> str:
    return ABSENT if before.value is None or after.value is None else f"{after.value - before.value:+.2f}"


def _short(value: str | None) -> str:
    if value is None:
        return ABSENT
    return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"


def _document(
    one: RunRecord, other: RunRecord, found: list[Difference], tallies: tuple[Tally, Tally]
) -> dict[str, Any]:
    def scores(mean: Mean) -> dict[str, Any]:
        return {"mean": mean.value, "n": mean.n, "missing": mean.missing}

    return {
        "runs": [one.pk, other.pk],
        "differences": [{"where": d.where, "values": [d.one, d.other]} for d in found],
        "scores": [
            {"model": model, "dimension": column, "runs": [scores(before), scores(after)]}
            for model, column, before, after in _side_by_side(*tallies)
        ],
    }
