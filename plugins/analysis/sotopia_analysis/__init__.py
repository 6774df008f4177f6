"""Statistics over episodes, for scripts and notebooks: what scores come to, and whether differences hold up.

>>> from sotopia_analysis import compare, describe, read_scores
>>> from sotopia_core.database import use_storage
>>> scores = read_scores(use_storage("sqlite:///sotopia.db"), tags=["pilot"])  # doctest: +SKIP
>>> describe(scores, by=["seat"]).rows  # doctest: +SKIP

Names are looked up when they are first used: the command line imports this package at every start.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

_HOMES: Final = {
    "agreement": ("Agreement", "Agreements", "Measure", "agreement"),
    "alpha": ("krippendorff_alpha",),
    "bootstrap": ("cluster_bootstrap",),
    "comparison": ("Comparison", "Difference", "compare"),
    "description": ("Description", "Descriptions", "describe"),
    "correlation": ("correlation_interval", "pearson", "spearman"),
    "intervals": ("Estimate", "Interval", "clustered_mean"),
    "permutation": ("SignFlip", "holm", "sign_flip_test"),
    "pictures": ("draw_agreement", "draw_distributions", "draw_means", "draw_partners", "save_picture"),
    "power": ("Components", "achieved_power", "detectable", "pilot", "scenarios_needed", "variance_components"),
    "ratings": ("Ratings", "join_ratings"),
    "reading": ("read_scores", "scores_of"),
    "scores": ("Scores",),
}
_MODULE_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"sotopia_analysis.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
