"""How large a study must be, as a report to be printed."""

from __future__ import annotations

from collections.abc import Sequence

from sotopia_analysis.intervals import FEW
from sotopia_analysis.power import Components, detectable, scenarios_needed
from sotopia_analysis.tables import MISSING, Column, Report, number


def report_power(
    found: Components, difference: float, each: Sequence[int], *, power: float, level: float, paired: bool
) -> Report:
    """Lay out what a difference takes: a row for each number of pairs in a scenario.

    A pair is one part, played by each of the two models. The last column says what the pilot's own number of scenarios
    would find.
    """
    rows = [(k, scenarios_needed(found, difference, k, power=power, level=level)) for k in each]
    smallest = [detectable(found, found.clusters, k, power=power, level=level) for k in each]
    titles = {
        "each": "pairs in each scenario",
        "scenarios": f"scenarios for a difference of {difference:g}",
        "pairs": "pairs in all",
        "detectable": f"difference found with {found.clusters} scenarios",
    }
    notes = []
    if not paired:
        notes.append(
            "the pilot has one model: two that have nothing in common are assumed, which overstates what it takes"
        )
    if found.clusters < FEW:
        notes.append(f"a pilot of {found.clusters} scenarios tells little about how scenarios differ")
    return Report(
        columns=tuple(Column(title, key) for key, title in titles.items()),
        cells=[
            [str(k), MISSING if n is None else str(n), MISSING if n is None else str(n * k), number(small)]
            for (k, n), small in zip(rows, smallest, strict=True)
        ],
        records=[
            {"each": k, "scenarios": n, "pairs": None if n is None else n * k, "detectable": small}
            for (k, n), small in zip(rows, smallest, strict=True)
        ],
        numbers_from=0,
        notes=notes,
        asides=[
            f"variance of a difference: {found.between:.3g} between scenarios, {found.within:.3g} within one; "
            f"from {found.n} {'pairs' if paired else 'scores'} in {found.clusters} scenarios",
            f"power {power:g}, level {level:g}",
        ],
        facts={
            "difference": difference,
            "power": power,
            "level": level,
            "between": found.between,
            "within": found.within,
            "n": found.n,
            "clusters": found.clusters,
        },
    )
