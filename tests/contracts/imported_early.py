"""A module that nothing may import before a component in it is asked for."""

from tests.core.casts import Says


class Late(Says):
    """Late."""
