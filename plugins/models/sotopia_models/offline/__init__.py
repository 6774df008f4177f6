"""A seeded, rule-based stand-in for a language model, so that everything runs without a key and without a network."""

from sotopia_models.offline.model import Offline

__all__ = ["Offline"]
