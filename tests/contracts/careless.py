"""A module whose import does what no import should, with a component in it."""

import os

from tests.core.casts import InSeatOrder

os.environ["SOTOPIA_CARELESS"] = str(os.getpid())


class Careless(InSeatOrder):
    """An ordering that is fine but for its module."""
